// Many blocks of a Philox stream at once: philox.h over packets of counters.
#pragma once

#include "thalweg/kernels/philox.h"
#include "thalweg/num/vec.h"

namespace thalweg::kernels {

/// The blocks at counters `stream` + 0, `stride`, 2 `stride` ...: out[w][i] is word w of block i.
template <int lanes>
void philox_blocks(const Philox& stream, uint64_t stride, uint32_t (&out)[4][lanes]) {
  using U = Vec<uint64_t>::V;  // a word of a block in the lower half of a lane; the upper half holds anything
  constexpr int kLanes = Vec<uint64_t>::size;
  constexpr int kSide = kVecBytes == 64 ? 4 : 2;  // packets side by side, which hide one another's latency
  static_assert(lanes % (kLanes * kSide) == 0);
  const Philox::Block& c = stream.counter();
  const uint64_t low = c[0] | uint64_t(c[1]) << 32;
  if (low + stride * (lanes - 1) < low) return stream.blocks(stride, out);  // a carry into the counter's upper half
  // Products of the lower halves.
  auto multiply = [](U a, U b) {
#if defined(__AVX512F__)
    return U(_mm512_maskz_mul_epu32(0xff, __m512i(a), __m512i(b)));
#elif defined(__AVX2__)
    return U(_mm256_mul_epu32(__m256i(a), __m256i(b)));
#elif defined(__SSE2__)
    return U(_mm_mul_epu32(__m128i(a), __m128i(b)));
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
  };
  const U zero{}, m0 = Philox::kMultiply0 + zero, m1 = Philox::kMultiply1 + zero;
  U step;
  for (int i = 0; i < kLanes; ++i) step[i] = uint64_t(i) * stride;
  for (int start = 0; start < lanes; start += kLanes * kSide) {
    U x[kSide][4];
    for (int s = 0; s < kSide; ++s) {
      x[s][0] = step + (low + uint64_t(start + s * kLanes) * stride);
      x[s][1] = x[s][0] >> 32;
      x[s][2] = c[2] + zero;
      x[s][3] = c[3] + zero;
    }
    Philox::Key k = stream.key();
    for (int round = 0; round < 10; ++round) {
      U k0 = k[0] + zero, k1 = k[1] + zero;
#pragma GCC unroll 4
      for (int s = 0; s < kSide; ++s) {
        U p0 = multiply(x[s][0], m0), p1 = multiply(x[s][2], m1);
        x[s][0] = (p1 >> 32) ^ x[s][1] ^ k0;
        x[s][2] = (p0 >> 32) ^ x[s][3] ^ k1;
        x[s][1] = p1;
        x[s][3] = p0;
      }
      k[0] += Philox::kWeyl0;
      k[1] += Philox::kWeyl1;
    }
    for (int s = 0; s < kSide; ++s) {
      for (int w = 0; w < 4; ++w) {
        auto words = __builtin_convertvector(x[s][w], detail::Pack<uint32_t, kLanes>);
        std::memcpy(&out[w][start + s * kLanes], &words, sizeof words);
      }
    }
  }
}

}  // namespace thalweg::kernels
