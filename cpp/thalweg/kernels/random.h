// Where random kernels find their stream: one per node, or what a seed or a key stands for.
#pragma once

#include <mutex>
#include <random>

#include "thalweg/kernels/philox.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// The stream of one node. Seeds of 0 and 0 ask for a stream of its own in every session.
class Stream {
 public:
  explicit Stream(const KernelInit& init) {
    uint64_t seed = uint64_t(init.attr<int64_t>("seed")), seed2 = uint64_t(init.attr<int64_t>("seed2"));
    if (seed == 0 && seed2 == 0) {
      std::random_device device;
      auto word = [&] { return uint64_t(device()) << 32 | device(); };
      seed = word();
      seed2 = word();
    }
    place_ = Philox(seed, seed2);
  }
  /// The present place; the next caller gets the one `blocks` further on.
  Philox reserve(uint64_t blocks) {
    std::lock_guard lock(mutex_);
    Philox p = place_;
    place_.skip(blocks);
    return p;
  }
  /// TensorFlow's reserve for n values.
  Philox reserve_for(int64_t n) { return reserve(uint64_t(n) * 256); }

 private:
  std::mutex mutex_;
  Philox place_;
};

/// The key and counter of a stateless op: Philox itself scrambles the two seeds.
inline Philox from_seed(const Tensor& seed) {
  std::array<uint64_t, 2> s{};
  visit<kIndex | DTypeSet{DType::uint32, DType::uint64}>(seed.dtype(), [&]<class T>() {
    for (size_t i = 0; i < 2; ++i) s[i] = uint64_t(int64_t(seed.ptr<T>()[i]));
  });
  Philox::Block mixed =
      Philox({uint32_t(s[0]), uint32_t(s[0] >> 32), uint32_t(s[1]), uint32_t(s[1] >> 32)}, {0x3ec8f720, 0x02461e29})
          .block();
  return Philox({0, 0, mixed[2], mixed[3]}, {mixed[0], mixed[1]});
}

/// The algorithms' numbers in TensorFlow.
enum class Algorithm { philox = 1, threefry = 2, automatic = 3 };

/// The stream of a key, a counter and an algorithm at inputs 1, 2 and 3.
inline Philox from_key(const KernelContext& k) {
  TW_CHECK(k.in(1).size() == 1, "key must have shape [1], not ", k.in(1).shape());
  TW_CHECK(k.in(2).size() >= 1, "counter must be a vector with length at least 1; got shape: ", k.in(2).shape());
  int alg = k.in<int32_t>(3)[0];
  TW_CHECK(alg == int(Algorithm::philox) || alg == int(Algorithm::automatic), "Unsupported algorithm id: ", alg,
           "; supported are 1 (Philox) and 3 (chosen automatically: Philox)");
  uint64_t key = k.in<uint64_t>(1)[0], low = k.in<uint64_t>(2)[0], high = k.in(2).size() > 1 ? k.in<uint64_t>(2)[1] : 0;
  return Philox({uint32_t(low), uint32_t(low >> 32), uint32_t(high), uint32_t(high >> 32)},
                {uint32_t(key), uint32_t(key >> 32)});
}

// Parts of the family that have files of their own; called by register_random.
void register_rejection(KernelRegistry& r);
void register_candidates(KernelRegistry& r);

}  // namespace thalweg::kernels
