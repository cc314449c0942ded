// Philox-4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a counter-based
// generator. Any place of the stream can be computed directly, so that threads share one stream.
#pragma once

#include <array>
#include <cstdint>

namespace thalweg::kernels {

class Philox {
 public:
  using Block = std::array<uint32_t, 4>;
  using Key = std::array<uint32_t, 2>;
  static constexpr uint32_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;  // of the words of a block in a round
  static constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;          // what the key grows by

  Philox() = default;
  /// TensorFlow's use of its two seeds: the first is the key, the second the upper half of the counter.
  Philox(uint64_t seed, uint64_t seed2)
      : counter_{0, 0, uint32_t(seed2), uint32_t(seed2 >> 32)}, key_{uint32_t(seed), uint32_t(seed >> 32)} {}
  Philox(Block counter, Key key) : counter_(counter), key_(key) {}

  const Block& counter() const { return counter_; }
  const Key& key() const { return key_; }

  /// Passes over `blocks` blocks of four numbers.
  void skip(uint64_t blocks) {
    uint64_t low = counter_[0] | uint64_t(counter_[1]) << 32, sum = low + blocks;
    counter_[0] = uint32_t(sum);
    counter_[1] = uint32_t(sum >> 32);
    if (sum < low && ++counter_[2] == 0) ++counter_[3];
  }
  Philox skipped(uint64_t blocks) const {
    Philox p = *this;
    p.skip(blocks);
    return p;
  }

  /// The block at the present place.
  Block block() const {
    Block x = counter_;
    Key k = key_;
    for (int round = 0; round < 10; ++round) {
      x = mix(x, k);
      k[0] += kWeyl0;
      k[1] += kWeyl1;
    }
    return x;
  }

  /// `lanes` blocks, `stride` blocks apart: out[w][i] is word w of block i.
  template <int lanes>
  void blocks(uint64_t stride, uint32_t (&out)[4][lanes]) const {
    for (int i = 0; i < lanes; ++i) {
      Block x = skipped(uint64_t(i) * stride).block();
      for (size_t w = 0; w < 4; ++w) out[w][i] = x[w];
    }
  }

 private:
  static Block mix(const Block& x, const Key& k) {
    uint64_t p0 = uint64_t(kMultiply0) * x[0], p1 = uint64_t(kMultiply1) * x[2];
    return {uint32_t(p1 >> 32) ^ x[1] ^ k[0], uint32_t(p1), uint32_t(p0 >> 32) ^ x[3] ^ k[1], uint32_t(p0)};
  }

  Block counter_{};
  Key key_{};
};

/// The stream's numbers one by one.
class PhiloxNumbers {
 public:
  explicit PhiloxNumbers(Philox p) : philox_(p) {}
  uint32_t operator()() {
    if (used_ == 4) {
      block_ = philox_.block();
      philox_.skip(1);
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  Philox philox_;
  Philox::Block block_{};
  size_t used_ = 4;
};

}  // namespace thalweg::kernels
