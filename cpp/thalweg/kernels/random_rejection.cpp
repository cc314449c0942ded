// Random numbers that take an unknown number of draws: gamma, Poisson and binomial. Every result has a region of the
// stream to itself, TensorFlow's, so that results do not depend on how the work is divided.
#include <algorithm>
#include <cmath>

#include "thalweg/kernels/distributions.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/random.h"

namespace thalweg::kernels {
namespace {

constexpr uint64_t kRegion = 256;  // blocks

/// Uniform and normal numbers in double, two a block, the second first: TensorFlow's order.
class Draws {
 public:
  explicit Draws(const Philox& stream) : philox_(stream) {}

  double uniform() {
    if (uniforms_ == 0) {
      next(uniform_);
      uniforms_ = 2;
    }
    return uniform_[--uniforms_];
  }
  double normal() {
    if (normals_ == 0) {
      double u[2];
      next(u);
      double angle = 2 * std::numbers::pi * u[1], radius = std::sqrt(-2 * std::log(std::max(u[0], 1e-7)));
      normal_[0] = std::sin(angle) * radius;
      normal_[1] = std::cos(angle) * radius;
      normals_ = 2;
    }
    return normal_[--normals_];
  }

 private:
  void next(double (&to)[2]) {
    Philox::Block b = philox_.block();
    philox_.skip(1);
    to[0] = unit_double(b[0], b[1]);
    to[1] = unit_double(b[2], b[3]);
  }

  Philox philox_;
  double uniform_[2], normal_[2];
  int uniforms_ = 0, normals_ = 0;
};

/// Marsaglia & Tsang, "A simple method for generating gamma variables", 2000; below 1 with their power of a uniform.
class Gamma {
 public:
  static constexpr double kCost = 100;
  static constexpr uint64_t region() { return kRegion; }
  explicit Gamma(double alpha)
      : alpha_(alpha), small_(alpha < 1), d_(alpha + (small_ ? 2.0 / 3 : -1.0 / 3)), c_(1.0 / 3 / std::sqrt(d_)) {}
  double operator()(Draws& draws) const {
    if (!(alpha_ >= 0)) return std::numeric_limits<double>::quiet_NaN();
    if (alpha_ == 1) return -std::log1p(-draws.uniform());
    for (;;) {
      double x = draws.normal(), v = 1 + c_ * x;
      if (v <= 0) continue;
      v = v * v * v;
      double u = draws.uniform();
      // The first condition implies the second almost always, without logarithms.
      if (u < 1 - 0.0331 * (x * x) * (x * x) || std::log(u) < 0.5 * x * x + d_ * (1 - v + std::log(v))) {
        return small_ ? d_ * v * std::pow(draws.uniform(), 1 / alpha_) : d_ * v;
      }
    }
  }

 private:
  double alpha_;
  bool small_;
  double d_, c_;
};

/// Below 10 products of uniforms (Knuth), from there Hoermann, "The transformed rejection method for generating Poisson
/// random variables", 1993. Results above `most` are drawn again; a rate below 0 counts as 0.
class Poisson {
 public:
  static constexpr double kCost = 150;
  static constexpr uint64_t region() { return kRegion; }
  Poisson(double rate, double most)
      : rate_(rate),
        most_(most),
        log_rate_(std::log(rate)),
        exp_(std::exp(-rate)),
        b_(0.931 + 2.53 * std::sqrt(rate)),
        a_(-0.059 + 0.02483 * b_),
        inverse_alpha_(1.1239 + 1.1328 / (b_ - 3.4)) {}
  double operator()(Draws& draws) const {
    if (rate_ != rate_) return rate_;
    if (rate_ < 10) {
      double product = 1, count = 0;
      for (;; count += 1) {
        product *= draws.uniform();
        if (product <= exp_ && count <= most_) return count;
      }
    }
    if (rate_ == HUGE_VAL) return rate_;
    if (rate_ - 10 * std::sqrt(rate_) > most_) return most_;  // hardly a result would fit
    for (;;) {
      double u = draws.uniform() - 0.5, v = draws.uniform();
      double edge = 0.5 - std::abs(u);
      double k = std::floor((2 * a_ / edge + b_) * u + rate_ + 0.43);
      if (k > most_) continue;
      if (edge >= 0.07 && v <= 0.9277 - 3.6224 / (b_ - 2)) return k;
      if (k < 0 || (edge < 0.013 && v > edge)) continue;
      double s = std::log(v * inverse_alpha_ / (a_ / (edge * edge) + b_));
      int sign = 0;
      if (s <= -rate_ + k * log_rate_ - ::lgamma_r(k + 1, &sign)) return k;
    }
  }

 private:
  double rate_, most_, log_rate_, exp_, b_, a_, inverse_alpha_;
};

/// Hoermann, "The generation of binomial random variates", 1993 (BTRS) where count * probability is 10 and more;
/// below that the sum of geometric gaps. A probability above 1/2 counts the failures.
class Binomial {
 public:
  static constexpr double kCost = 200;
  /// `product` of a count and a probability says how numbers of the parameters' type are multiplied.
  template <class Product>
  Binomial(double count, double probability, Product&& product)
      : count_(count),
        probability_(probability),
        p_(probability <= 0.5 ? probability : 1 - probability),
        rejects_(product(count, p_) >= 10) {}
  uint64_t region() const { return rejects_ ? kRegion : 42; }
  double operator()(Draws& draws) const {
    if (count_ <= 0 || probability_ <= 0) return 0;
    if (probability_ >= 1) return count_;
    if (!(probability_ > 0) || !(count_ > 0)) return std::numeric_limits<double>::quiet_NaN();
    double hits = rejects_ ? rejection(draws) : gaps(draws);
    return probability_ <= 0.5 ? hits : count_ - hits;
  }

 private:
  double gaps(Draws& draws) const {
    double sum = 0, hits = 0;
    for (;; hits += 1) {
      sum += std::ceil(std::log(draws.uniform()) / std::log1p(-p_));
      if (sum > count_) return hits;
    }
  }
  /// The error of Stirling's formula for log(k!).
  static double stirling_tail(double k) {
    constexpr double kTail[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                0.00925546218271273, 0.00833056343336287};
    if (k <= 9) return kTail[int(k)];
    double square = (k + 1) * (k + 1);
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
  }
  double rejection(Draws& draws) const {
    double n = count_, p = p_, deviation = std::sqrt(n * p * (1 - p));
    double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
    double box = 0.92 - 4.2 / b, r = p / (1 - p), alpha = (2.83 + 5.1 / b) * deviation, m = std::floor((n + 1) * p);
    for (;;) {
      double u = draws.uniform() - 0.5, v = draws.uniform();
      double edge = 0.5 - std::abs(u), k = std::floor((2 * a / edge + b) * u + c);
      if (edge >= 0.07 && v <= box) return k;
      if (k < 0 || k > n) continue;
      v = std::log(v * alpha / (a / (edge * edge) + b));
      double bound = (m + 0.5) * std::log((m + 1) / (r * (n - m + 1))) + (n + 1) * std::log((n - m + 1) / (n - k + 1)) +
                     (k + 0.5) * std::log(r * (n - k + 1) / (k + 1)) + stirling_tail(m) + stirling_tail(n - m) -
                     stirling_tail(k) - stirling_tail(n - k);
      if (v <= bound) return k;
    }
  }

  double count_, probability_, p_;
  bool rejects_;
};

/// Results of `groups` parameters: those of one lie `groups` apart. make(group) gives its distribution, store(place,
/// value) keeps a result.
template <class Make, class Store>
void draw(KernelContext& k, const Philox& stream, int64_t groups, Make&& make, Store&& store) {
  int64_t n = k.out(0).size();
  if (n == 0) return;
  int64_t each = n / groups;
  using D = decltype(make(int64_t()));
  k.parallel_for(n, D::kCost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      int64_t group = i / each;
      D distribution = make(group);
      for (int64_t stop = std::min(end, (group + 1) * each); i < stop; ++i) {
        Draws draws(stream.skipped(distribution.region() * uint64_t(i)));
        store(i % each * groups + group, distribution(draws));
      }
    }
  });
}

/// A number as an element. Integers have no NaN and no infinity: 0, as in TensorFlow.
template <class T>
T element(double x) {
  if constexpr (std::integral<T>) {
    if (!std::isfinite(x)) return 0;
    return x < double(std::numeric_limits<T>::max()) ? T(x) : std::numeric_limits<T>::max();
  } else {
    return T(Compute<T>(x));
  }
}

template <class T>
double highest() {
  if constexpr (std::same_as<T, half>)
    return 65504;
  else
    return double(std::numeric_limits<T>::max());
}

constexpr DTypeSet kGamma{DType::float16, DType::float32, DType::float64};
constexpr DTypeSet kCounts = kGamma | kIndex;

template <class T>
void draw_gamma(KernelContext& k, const Philox& stream, const Tensor& alpha) {
  const T* a = alpha.ptr<T>();
  T* out = k.out<T>(0);
  draw(
      k, stream, alpha.size(), [&](int64_t i) { return Gamma(double(a[i])); },
      [&](int64_t i, double value) { out[i] = T(value); });
}

template <class R>
void draw_poisson(KernelContext& k, const Philox& stream, const Tensor& rate) {
  const R* rates = rate.ptr<R>();
  visit<kCounts>(k.out(0).dtype(), [&]<class T>() {
    T* out = k.out<T>(0);
    draw(
        k, stream, rate.size(), [&](int64_t i) { return Poisson(double(rates[i]), highest<T>()); },
        [&](int64_t i, double value) { out[i] = element<T>(value); });
  });
}

/// Places in a tensor that is broadcast to `shape`.
class Repeated {
 public:
  Repeated(const Tensor& x, const Shape& shape) : rank_(shape.rank()) {
    int64_t step = 1;
    for (int i = rank_ - 1; i >= 0; --i) {
      int at = i - (rank_ - x.rank());
      int64_t size = at < 0 ? 1 : x.dim(at);
      sizes_[size_t(i)] = shape[i];
      steps_[size_t(i)] = size == 1 ? 0 : step;
      step *= size;
    }
  }
  int64_t operator()(int64_t i) const {
    int64_t at = 0;
    for (int d = rank_ - 1; d >= 0; --d) {
      at += i % sizes_[size_t(d)] * steps_[size_t(d)];
      i /= sizes_[size_t(d)];
    }
    return at;
  }

 private:
  int rank_;
  std::array<int64_t, kMaxRank> sizes_{}, steps_{};
};

template <class P>
void draw_binomial(KernelContext& k, const Philox& stream, const Tensor& counts, const Tensor& probs) {
  Shape both = broadcast(counts.shape(), probs.shape());
  Repeated count_at(counts, both), prob_at(probs, both);
  const P *n = counts.ptr<P>(), *p = probs.ptr<P>();
  auto product = [](double a, double b) -> double {
    if constexpr (std::integral<P>)
      return a * b;
    else
      return double(P(Compute<P>(a) * Compute<P>(b)));
  };
  visit<kCounts>(k.out(0).dtype(), [&]<class T>() {
    T* out = k.out<T>(0);
    draw(
        k, stream, both.size(),
        [&](int64_t i) { return Binomial(double(n[count_at(i)]), double(p[prob_at(i)]), product); },
        [&](int64_t i, double value) { out[i] = element<T>(value); });
  });
}

template <class T>
struct RandomGamma {
  Stream stream;
  explicit RandomGamma(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) { draw_gamma<T>(k, stream.reserve_for(k.out(0).size()), k.in(1)); }
};
template <class T>
struct StatelessRandomGammaV2 {
  void operator()(KernelContext& k) const { draw_gamma<T>(k, from_seed(k.in(1)), k.in(2)); }
};
template <class T>
struct StatelessRandomGammaV3 {
  void operator()(KernelContext& k) const { draw_gamma<T>(k, from_key(k), k.in(4)); }
};

template <class R>
struct RandomPoisson {
  Stream stream;
  explicit RandomPoisson(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) { draw_poisson<R>(k, stream.reserve_for(k.out(0).size()), k.in(1)); }
};
template <class R>
struct StatelessRandomPoisson {
  void operator()(KernelContext& k) const { draw_poisson<R>(k, from_seed(k.in(1)), k.in(2)); }
};
template <class R>
struct KeyedPoisson {
  void operator()(KernelContext& k) const { draw_poisson<R>(k, from_key(k), k.in(4)); }
};

template <class P>
struct StatelessRandomBinomial {
  void operator()(KernelContext& k) const { draw_binomial<P>(k, from_seed(k.in(1)), k.in(2), k.in(3)); }
};
template <class P>
struct KeyedBinomial {
  void operator()(KernelContext& k) const { draw_binomial<P>(k, from_key(k), k.in(4), k.in(5)); }
};

}  // namespace

void register_rejection(KernelRegistry& r) {
  r.add<RandomGamma, half, float, double>("RandomGamma", kCpu, "T");
  r.add<StatelessRandomGammaV2, half, float, double>("StatelessRandomGammaV2", kCpu, "dtype");
  r.add<StatelessRandomGammaV3, half, float, double>("StatelessRandomGammaV3", kCpu, "dtype");
  r.add<RandomPoisson, half, float, double, int32_t, int64_t>("RandomPoissonV2", kCpu, "R");
  r.add<StatelessRandomPoisson, half, float, double, int32_t, int64_t>("StatelessRandomPoisson", kCpu, "Rtype");
  r.add<KeyedPoisson, half, float, double, int32_t, int64_t>("_KeyedPoisson", kCpu, "R");
  r.add<StatelessRandomBinomial, half, float, double, int32_t, int64_t>("StatelessRandomBinomial", kCpu, "T");
  r.add<KeyedBinomial, half, float, double, int32_t, int64_t>("_KeyedBinomial", kCpu, "T");
}

}  // namespace thalweg::kernels
