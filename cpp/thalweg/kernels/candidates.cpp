// Kernels of the samplers of candidate classes. A sampler is a distribution over [0, range): `pick(next)` draws a class
// from a stream of 32-bit words in TensorFlow's way, `probability(c)` says how likely it is.
#include <cmath>
#include <fstream>
#include <limits>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "thalweg/kernels/distributions.h"
#include "thalweg/kernels/random.h"

namespace thalweg::kernels {
namespace {

/// Below n without bias: words at the low end, where the residues do not come out even, are drawn again.
template <class U, class Next>
U below(U n, Next&& next) {
  if ((n & (n - 1)) == 0) return next() & (n - 1);
  U uneven = std::numeric_limits<U>::max() % n + 1;
  for (;;) {
    U x = next();
    if (x >= uneven) return x % n;
  }
}
uint32_t below32(uint32_t n, PhiloxNumbers& next) { return below<uint32_t>(n, next); }
uint64_t below64(uint64_t n, PhiloxNumbers& next) {
  return below<uint64_t>(n, [&] {
    uint64_t low = next();
    return low | uint64_t(next()) << 32;
  });
}

struct UniformClasses {
  int64_t range;
  explicit UniformClasses(const KernelInit& init) : range(init.attr<int64_t>("range_max")) {}
  int64_t pick(PhiloxNumbers& next) const { return int64_t(below64(uint64_t(range), next)); }
  float probability(int64_t) const { return float(1.0 / double(range)); }
};

struct LogUniformClasses {
  int64_t range;
  double log_range;
  explicit LogUniformClasses(const KernelInit& init)
      : range(init.attr<int64_t>("range_max")), log_range(std::log1p(double(range))) {}
  int64_t pick(PhiloxNumbers& next) const {
    uint32_t high = next(), low = next();
    return int64_t(std::exp(unit_double(high, low) * log_range) - 1) % range;  // the quotient may round up to range
  }
  float probability(int64_t c) const { return float(std::log((double(c) + 2) / (double(c) + 1)) / log_range); }
};

/// Counts of classes in a Fenwick tree, which finds a class by a place in the cumulated counts.
class LearnedClasses {
 public:
  int64_t range;
  explicit LearnedClasses(const KernelInit& init) : range(init.attr<int64_t>("range_max")) {
    TW_CHECK(range < std::numeric_limits<int32_t>::max(), "LearnedUnigramCandidateSampler: range_max must be below ",
             std::numeric_limits<int32_t>::max(), ", got ", range);
    counts_.assign(size_t(range), 1);
    tree_.assign(size_t(range) + 1, 0);
    for (int64_t i = 1; i <= range; ++i) tree_[size_t(i)] = i & -i;
    total_ = range;
  }
  int64_t pick(PhiloxNumbers& next) const {
    int64_t place = below32(uint32_t(total_), next), at = 0, step = 1;
    while (2 * step <= range) step *= 2;
    for (; step > 0; step /= 2) {
      if (at + step <= range && tree_[size_t(at + step)] <= place) place -= tree_[size_t(at += step)];
    }
    return at;
  }
  float probability(int64_t c) const { return c < 0 || c >= range ? 0 : float(counts_[size_t(c)]) / float(total_); }
  void learn(const Tensor& classes) {
    for (int64_t n = 0; n < classes.size(); ++n) {
      int64_t c = classes.ptr<int64_t>()[n];
      ++counts_[size_t(c)];
      ++total_;
      for (int64_t i = c + 1; i <= range; i += i & -i) ++tree_[size_t(i)];
    }
  }

 private:
  std::vector<int64_t> counts_, tree_;
  int64_t total_;
};

/// Walker's alias method (Vose, "A linear algorithm for generating random numbers with a given distribution", 1991).
class GivenClasses {
 public:
  int64_t range;
  explicit GivenClasses(const KernelInit& init)
      : range(init.attr<int64_t>("range_max")),
        distortion_(init.attr<float>("distortion")),
        shards_(init.attr<int64_t>("num_shards")),
        shard_(init.attr<int64_t>("shard")) {
    for (int64_t i = 0; i < init.attr<int64_t>("num_reserved_ids"); ++i) {
      if (i % shards_ == shard_) weights_.push_back(0);
    }
    next_id_ = int64_t(weights_.size());
    const auto& file = init.attr<std::string>("vocab_file");
    if (file.empty()) {
      for (float count : init.attr<Floats>("unigrams")) add(count);
    } else {
      read(file);
    }
    TW_CHECK(int64_t(weights_.size()) == range, "FixedUnigramCandidateSampler: range is ", range,
             " must be equal to weights size ", weights_.size());
    TW_CHECK(total_ > 0, "FixedUnigramCandidateSampler: all counts are 0");
    make_aliases();
  }
  int64_t pick(PhiloxNumbers& next) const {
    float u = std::bit_cast<float>((next() & 0x7fffffu) | 0x3f800000u) - 1;
    uint32_t i = below32(uint32_t(range), next);
    return u < share_[i] ? int64_t(i) : alias_[i];
  }
  float probability(int64_t c) const { return weights_[size_t(c)] / total_; }

 private:
  void add(float count) {
    if (next_id_++ % shards_ != shard_) return;
    float weight = std::pow(count, distortion_);
    weights_.push_back(weight);
    total_ += weight;
  }
  void read(const std::string& name) {
    std::ifstream file(name);
    if (!file) TW_FAIL(NotFound, "FixedUnigramCandidateSampler: cannot read vocab_file ", name);
    for (std::string line; std::getline(file, line);) {
      if (line.empty()) continue;
      const char* text = line.c_str() + (line.find_last_of(',') + 1);
      char* end = nullptr;
      float count = std::strtof(text, &end);
      TW_CHECK(end != text, "FixedUnigramCandidateSampler: no count at the end of line \"", line, "\" of ", name);
      add(count);
    }
  }
  void make_aliases() {
    size_t n = weights_.size();
    double sum = 0;
    for (float w : weights_) sum += w;
    std::vector<double> share(n);
    alias_.assign(n, -1);
    std::vector<int64_t> high, low;
    for (size_t i = 0; i < n; ++i) {
      share[i] = weights_[i] * double(n) / sum;
      (share[i] < 1 ? low : high).push_back(int64_t(i));
    }
    while (!high.empty() && !low.empty()) {
      int64_t l = low.back(), h = high.back();
      low.pop_back();
      high.pop_back();
      alias_[size_t(l)] = h;
      share[size_t(h)] -= 1 - share[size_t(l)];
      (share[size_t(h)] < 1 ? low : high).push_back(h);
    }
    share_.assign(share.begin(), share.end());
    // What is left on either side is 1 up to rounding.
    for (auto* rest : {&high, &low}) {
      for (int64_t i : *rest) {
        share_[size_t(i)] = 1;
        alias_[size_t(i)] = i;
      }
    }
  }

  float distortion_;
  int64_t shards_, shard_, next_id_;
  std::vector<float> weights_, share_;
  std::vector<int64_t> alias_;
  float total_ = 0;
};

void check_true_classes(const Tensor& truth, int64_t range) {
  for (int64_t i = 0; i < truth.size(); ++i) {
    int64_t c = truth.ptr<int64_t>()[i];
    TW_CHECK(c >= 0 && c < range, "`true_candidate` out of range [0, ", range, "), received ", c);
  }
}

/// How often a class of probability p is in a draw of n that took `tries`.
float expected_count(float p, int64_t n, int64_t tries) {
  return tries == n ? p * float(n) : float(-std::expm1(double(tries) * std::log1p(-double(p))));
}

template <class Classes>
struct CandidateSampler {
  Stream stream;
  bool unique;
  std::mutex mutex;
  Classes classes;
  explicit CandidateSampler(const KernelInit& init) : stream(init), unique(init.attr<bool>("unique")), classes(init) {}

  void operator()(KernelContext& k) {
    int64_t n = k.out(0).size(), tries = 0;
    check_true_classes(k.in(0), classes.range);
    // TensorFlow's reserve: 2048 words a class.
    PhiloxNumbers next(stream.reserve(uint64_t(n) * 512));
    std::lock_guard lock(mutex);
    int64_t* out = k.out<int64_t>(0);
    if (unique) {
      std::unordered_set<int64_t> seen;
      for (int64_t i = 0; i < n; ++tries) {
        TW_CHECK(tries < std::numeric_limits<int32_t>::max(), "too few classes have a probability above 0");
        int64_t c = classes.pick(next);
        if (seen.insert(c).second) out[i++] = c;
      }
    } else {
      for (; tries < n; ++tries) out[tries] = classes.pick(next);
    }
    const int64_t* truth = k.in<int64_t>(0);
    for (int64_t i = 0; i < k.in(0).size(); ++i) {
      k.out<float>(1)[i] = expected_count(classes.probability(truth[i]), n, tries);
    }
    for (int64_t i = 0; i < n; ++i) k.out<float>(2)[i] = expected_count(classes.probability(out[i]), n, tries);
    if constexpr (requires { classes.learn(k.in(0)); }) classes.learn(k.in(0));
  }
};

struct AllCandidateSampler {
  void operator()(KernelContext& k) const {
    check_true_classes(k.in(0), k.out(0).size());
    for (int64_t i = 0; i < k.out(0).size(); ++i) k.out<int64_t>(0)[i] = i;
    std::fill_n(k.out<float>(1), k.out(1).size(), 1.0f);
    std::fill_n(k.out<float>(2), k.out(2).size(), 1.0f);
  }
};

struct ComputeAccidentalHits {
  void operator()(KernelContext& k) const {
    const Tensor &truth = k.in(0), &sampled = k.in(1);
    std::unordered_map<int64_t, int64_t> place;
    for (int64_t i = 0; i < sampled.size(); ++i) place[sampled.ptr<int64_t>()[i]] = i;
    std::vector<std::pair<int32_t, int64_t>> hits;
    for (int64_t row = 0; row < truth.dim(0); ++row) {
      for (int64_t i = 0; i < truth.dim(1); ++i) {
        auto found = place.find(truth.ptr<int64_t>()[row * truth.dim(1) + i]);
        if (found != place.end()) hits.emplace_back(int32_t(row), found->second);
      }
    }
    Shape shape{int64_t(hits.size())};
    Tensor &rows = k.out(0, shape), &ids = k.out(1, shape), &weights = k.out(2, shape);
    for (size_t i = 0; i < hits.size(); ++i) {
      rows.ptr<int32_t>()[i] = hits[i].first;
      ids.ptr<int64_t>()[i] = hits[i].second;
      weights.ptr<float>()[i] = std::numeric_limits<float>::lowest();
    }
  }
};

}  // namespace

void register_candidates(KernelRegistry& r) {
  r.add<CandidateSampler<UniformClasses>>("UniformCandidateSampler", kCpu);
  r.add<CandidateSampler<LogUniformClasses>>("LogUniformCandidateSampler", kCpu);
  r.add<CandidateSampler<LearnedClasses>>("LearnedUnigramCandidateSampler", kCpu);
  r.add<CandidateSampler<GivenClasses>>("FixedUnigramCandidateSampler", kCpu);
  r.add<AllCandidateSampler>("AllCandidateSampler", kCpu);
  r.add<ComputeAccidentalHits>("ComputeAccidentalHits", kCpu);
}

}  // namespace thalweg::kernels
