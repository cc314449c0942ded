// Random ops. A node's kernel holds the place in its stream; every run reserves a part of it, so that threads and the
// order of runs in flight cannot mix streams.
#include "thalweg/kernels/random.h"

#include <algorithm>
#include <numeric>

#include "thalweg/kernels/copy.h"
#include "thalweg/kernels/distributions.h"
#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

/// Fills an output from `stream`. Tiles are whole; the last one is cut.
template <class T, class D>
void fill(KernelContext& k, const Philox& stream, T* out, int64_t n, const D& distribution) {
  constexpr int64_t kPerTile = kTile * kPerBlock<T>;
  k.parallel_for((n + kPerTile - 1) / kPerTile, D::kCost * double(kPerTile), [&](int64_t begin, int64_t end) {
    alignas(64) T rest[kPerTile];
    Words w;
    for (int64_t t = begin; t < end; ++t) {
      bool whole = (t + 1) * kPerTile <= n;
      T* to = whole ? out + t * kPerTile : rest;
      philox_blocks(stream.skipped(uint64_t(t) * kTile), 1, w);
      distribution(w, to);
      if (!whole) std::copy_n(rest, n - t * kPerTile, out + t * kPerTile);
    }
  });
}

/// The same for groups with regions of their own.
template <class T>
void fill(KernelContext& k, const Philox& stream, T* out, int64_t n, const TruncatedNormal<T>& distribution) {
  using D = TruncatedNormal<T>;
  constexpr int64_t kSize = kPerBlock<T>;
  k.parallel_for((n + kSize - 1) / kSize, D::kCost * double(kSize), [&](int64_t begin, int64_t end) {
    T rest[D::kGroups * kSize];
    for (int64_t g = begin; g < end; g += D::kGroups) {
      int64_t groups = std::min<int64_t>(D::kGroups, end - g), count = std::min(groups * kSize, n - g * kSize);
      bool whole = count == groups * kSize;
      distribution(stream.skipped(uint64_t(g) * D::kRegion), int(groups), whole ? out + g * kSize : rest);
      if (!whole) std::copy_n(rest, count, out + g * kSize);
    }
  });
}

template <template <class> class D, class T>
struct Stateful {
  Stream stream;
  explicit Stateful(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) {
    int64_t n = k.out(0).size();
    fill(k, stream.reserve_for(n), k.out<T>(0), n, D<T>());
  }
};

template <template <class> class D, class T>
struct Stateless {
  void operator()(KernelContext& k) const { fill(k, from_seed(k.in(1)), k.out<T>(0), k.out(0).size(), D<T>()); }
};

template <template <class> class D, class T>
struct Keyed {
  void operator()(KernelContext& k) const { fill(k, from_key(k), k.out<T>(0), k.out(0).size(), D<T>()); }
};

/// [minval, maxval) from inputs i and i + 1.
template <class T>
UniformInt<T> range_of(const KernelContext& k, int i) {
  T low = k.in<T>(i)[0], high = k.in<T>(i + 1)[0];
  TW_CHECK(low < high || k.in(0).size() == 0, "Need minval < maxval, got ", low, " >= ", high);
  using U = typename UniformInt<T>::U;
  return {low, U(U(high) - U(low))};
}

template <class T>
struct RandomUniformInt {
  Stream stream;
  explicit RandomUniformInt(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) {
    int64_t n = k.out(0).size();
    if (n == 0) return;
    UniformInt<T> d = range_of<T>(k, 1);
    fill(k, stream.reserve_for(n), k.out<T>(0), n, d);
  }
};

template <class T>
struct StatelessRandomUniformInt {
  void operator()(KernelContext& k) const {
    int64_t n = k.out(0).size();
    if (n > 0) fill(k, from_seed(k.in(1)), k.out<T>(0), n, range_of<T>(k, 2));
  }
};

template <class T>
struct StatelessRandomUniformFullInt {
  void operator()(KernelContext& k) const {
    fill(k, from_seed(k.in(1)), k.out<T>(0), k.out(0).size(), UniformInt<T>{0, 0});
  }
};

template <class T>
struct StatelessRandomUniformIntV2 {
  void operator()(KernelContext& k) const {
    int64_t n = k.out(0).size();
    if (n > 0) fill(k, from_key(k), k.out<T>(0), n, range_of<T>(k, 4));
  }
};

template <class T>
struct StatelessRandomUniformFullIntV2 {
  void operator()(KernelContext& k) const { fill(k, from_key(k), k.out<T>(0), k.out(0).size(), UniformInt<T>{0, 0}); }
};

struct GetKeyCounter {
  void operator()(KernelContext& k) const {
    Philox p = from_seed(k.in(0));
    auto word = [](uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; };
    k.out<uint64_t>(0)[0] = word(p.key()[0], p.key()[1]);
    k.out<uint64_t>(1)[0] = word(p.counter()[0], p.counter()[1]);
    k.out<uint64_t>(1)[1] = word(p.counter()[2], p.counter()[3]);
    if (k.outputs() == 3) k.out<int32_t>(2)[0] = int32_t(Algorithm::philox);
  }
};

struct GetAlg {
  void operator()(KernelContext& k) const { k.out<int32_t>(0)[0] = int32_t(Algorithm::philox); }
};

/// The rows of input 0 in an order drawn from `place()`, which is asked for a stream of so many blocks.
struct Shuffle {
  template <class Place>
  static void run(KernelContext& k, Place&& place) {
    const Tensor& in = k.in(0);
    if (in.size() <= 1 || in.dim(0) <= 1) {
      copy_elements(k, in, k.out(0));
      return;
    }
    int64_t rows = in.dim(0), inner = in.shape().size(1, in.rank());
    TW_CHECK(rows < int64_t(1) << 32, "RandomShuffle: at most 2^32 - 1 rows can be shuffled, got ", rows);
    PhiloxNumbers next(place(uint64_t(rows + 3) / 4));
    std::vector<int64_t> order(static_cast<size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = 0; i + 1 < rows; ++i) {
      std::swap(order[size_t(i)], order[size_t(i) + next() % uint32_t(rows - i)]);
    }
    if (in.dtype() == DType::string) return gather(k, in.ptr<std::string>(), k.out<std::string>(0), order, inner);
    int64_t bytes = inner * int64_t(size_of(in.dtype()));
    gather(k, static_cast<const char*>(in.data()), static_cast<char*>(k.out(0).data()), order, bytes);
  }

  template <class T>
  static void gather(KernelContext& k, const T* from, T* to, const std::vector<int64_t>& order, int64_t inner) {
    k.parallel_for(int64_t(order.size()), 2 + 0.1 * double(inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) std::copy_n(from + order[size_t(i)] * inner, inner, to + i * inner);
    });
  }
};

struct RandomShuffle {
  Stream stream;
  explicit RandomShuffle(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) {
    Shuffle::run(k, [&](uint64_t blocks) { return stream.reserve(blocks); });
  }
};

struct StatelessShuffle {
  void operator()(KernelContext& k) const {
    Philox p = from_key(k);
    Shuffle::run(k, [&](uint64_t) { return p; });
  }
};

/// Draws class numbers by inverting the cumulated exponentials of each row. The rows share one stream, in order.
template <class T, class Index>
void draw_classes(const Philox& stream, const Tensor& logits, Tensor& out) {
  int64_t rows = logits.dim(0), classes = logits.dim(1), samples = out.dim(1);
  if (out.size() == 0) return;
  TW_CHECK(classes > 0, "num_classes should be positive, got ", classes);
  PhiloxNumbers next(stream);
  std::vector<double> cumulated(static_cast<size_t>(classes));
  for (int64_t r = 0; r < rows; ++r) {
    const T* x = logits.ptr<T>() + r * classes;
    double top = -HUGE_VAL, total = 0;
    for (int64_t c = 0; c < classes; ++c) {
      if (std::isfinite(double(x[c]))) top = std::max(top, double(x[c]));
    }
    for (int64_t c = 0; c < classes; ++c) {
      if (std::isfinite(double(x[c]))) total += std::exp(double(x[c]) - top);
      cumulated[size_t(c)] = total;
    }
    for (int64_t s = 0; s < samples; ++s) {
      uint32_t high = next(), low = next();
      auto found = std::upper_bound(cumulated.begin(), cumulated.end(), unit_double(high, low) * total);
      out.ptr<Index>()[r * samples + s] = Index(found - cumulated.begin());
    }
  }
}

template <class T>
void draw_classes(const Philox& stream, KernelContext& k) {
  visit<kIndex>(k.out(0).dtype(), [&]<class Index>() { draw_classes<T, Index>(stream, k.in(0), k.out(0)); });
}

template <class T>
struct Multinomial {
  Stream stream;
  explicit Multinomial(const KernelInit& init) : stream(init) {}
  void operator()(KernelContext& k) {
    // Two words a sample, rounded up to whole blocks per row: TensorFlow's reserve.
    int64_t samples = (k.out(0).dim(1) + 3) / 4 * 4 * 2;
    draw_classes<T>(stream.reserve_for(k.out(0).dim(0) * samples), k);
  }
};

template <class T>
struct StatelessMultinomial {
  void operator()(KernelContext& k) const { draw_classes<T>(from_seed(k.in(2)), k); }
};

template <template <template <class> class, class> class K, template <class> class D>
void add(KernelRegistry& r, std::string_view op) {
  for_each_dtype<kFloating>([&]<class T>() {
    KernelEntry& e = r.add<K<D, T>>(op, kCpu);
    e.type_attr = std::string("dtype");
    e.dtype = dtype_of<T>;
  });
}

}  // namespace

void register_random(KernelRegistry& r) {
  add<Stateful, Uniform>(r, "RandomUniform");
  add<Stateful, Normal>(r, "RandomStandardNormal");
  add<Stateful, TruncatedNormal>(r, "TruncatedNormal");
  add<Stateless, Uniform>(r, "StatelessRandomUniform");
  add<Stateless, Normal>(r, "StatelessRandomNormal");
  add<Stateless, TruncatedNormal>(r, "StatelessTruncatedNormal");
  r.add<RandomUniformInt, int32_t, int64_t>("RandomUniformInt", kCpu, "Tout");
  r.add<StatelessRandomUniformInt, int32_t, int64_t>("StatelessRandomUniformInt", kCpu, "dtype");
  r.add<StatelessRandomUniformFullInt, int32_t, int64_t, uint32_t, uint64_t>("StatelessRandomUniformFullInt", kCpu,
                                                                             "dtype");
  r.add<RandomShuffle>("RandomShuffle", kCpu);
  r.add<GetKeyCounter>("StatelessRandomGetKeyCounter", kCpu);
  r.add<GetKeyCounter>("StatelessRandomGetKeyCounterAlg", kCpu);
  r.add<GetAlg>("StatelessRandomGetAlg", kCpu);
  add<Keyed, Uniform>(r, "StatelessRandomUniformV2");
  add<Keyed, Normal>(r, "StatelessRandomNormalV2");
  add<Keyed, TruncatedNormal>(r, "StatelessTruncatedNormalV2");
  r.add<StatelessRandomUniformIntV2, int32_t, int64_t, uint32_t, uint64_t>("StatelessRandomUniformIntV2", kCpu,
                                                                           "dtype");
  r.add<StatelessRandomUniformFullIntV2, int32_t, int64_t, uint32_t, uint64_t>("StatelessRandomUniformFullIntV2", kCpu,
                                                                               "dtype");
  r.add<StatelessShuffle>("StatelessShuffle", kCpu);
  r.add_all<Multinomial, kReal>("Multinomial", kCpu);
  r.add_all<StatelessMultinomial, kReal>("StatelessMultinomial", kCpu);
  register_rejection(r);
  register_candidates(r);
}

}  // namespace thalweg::kernels
