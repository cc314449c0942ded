// Transpositions between pixels and planes, four channels at a time: shuffles within the 128-bit blocks of a vector.
#pragma once

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {

using Floats = Packet<float>;
inline constexpr int kBlocks = Floats::size / 4;  // of a vector

/// Four floats.
typedef float Four __attribute__((vector_size(16)));
inline Four load_four(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store_four(Four v, float* p) { std::memcpy(p, &v, sizeof v); }

// Within each block: the low (high) halves of a and b, elements or pairs of elements alternating.
inline Four low(Four a, Four b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Four high(Four a, Four b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
inline Four low_pairs(Four a, Four b) { return __builtin_shufflevector(a, b, 0, 1, 4, 5); }
inline Four high_pairs(Four a, Four b) { return __builtin_shufflevector(a, b, 2, 3, 6, 7); }
#if defined(__AVX512F__)
inline Floats low(Floats a, Floats b) {
  return {__builtin_shufflevector(a.v, b.v, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)};
}
inline Floats high(Floats a, Floats b) {
  return {__builtin_shufflevector(a.v, b.v, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)};
}
inline Floats low_pairs(Floats a, Floats b) {
  return {__builtin_shufflevector(a.v, b.v, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)};
}
inline Floats high_pairs(Floats a, Floats b) {
  return {__builtin_shufflevector(a.v, b.v, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)};
}
#elif defined(__AVX2__)
inline Floats low(Floats a, Floats b) { return {__builtin_shufflevector(a.v, b.v, 0, 8, 1, 9, 4, 12, 5, 13)}; }
inline Floats high(Floats a, Floats b) { return {__builtin_shufflevector(a.v, b.v, 2, 10, 3, 11, 6, 14, 7, 15)}; }
inline Floats low_pairs(Floats a, Floats b) { return {__builtin_shufflevector(a.v, b.v, 0, 1, 8, 9, 4, 5, 12, 13)}; }
inline Floats high_pairs(Floats a, Floats b) { return {__builtin_shufflevector(a.v, b.v, 2, 3, 10, 11, 6, 7, 14, 15)}; }
#else
inline Floats low(Floats a, Floats b) { return {low(Four(a.v), Four(b.v))}; }
inline Floats high(Floats a, Floats b) { return {high(Four(a.v), Four(b.v))}; }
inline Floats low_pairs(Floats a, Floats b) { return {low_pairs(Four(a.v), Four(b.v))}; }
inline Floats high_pairs(Floats a, Floats b) { return {high_pairs(Four(a.v), Four(b.v))}; }
#endif

/// Each block of the four vectors as a row of a 4x4 matrix, transposed.
template <class V>
inline void transpose_blocks(V (&r)[4]) {
  V ab = low(r[0], r[1]), AB = high(r[0], r[1]), cd = low(r[2], r[3]), CD = high(r[2], r[3]);
  r[0] = low_pairs(ab, cd);
  r[1] = high_pairs(ab, cd);
  r[2] = low_pairs(AB, CD);
  r[3] = high_pairs(AB, CD);
}

/// The blocks of a vector from places of their own.
inline Floats load_blocks(const float* const (&p)[kBlocks]) {
#if defined(__AVX512F__)
  __m512 v = _mm512_zextps128_ps512(_mm_loadu_ps(p[0]));
  v = _mm512_maskz_insertf32x4(0xffff, v, _mm_loadu_ps(p[1]), 1);
  v = _mm512_maskz_insertf32x4(0xffff, v, _mm_loadu_ps(p[2]), 2);
  return {_mm512_maskz_insertf32x4(0xffff, v, _mm_loadu_ps(p[3]), 3)};
#elif defined(__AVX2__)
  return {_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p[0])), _mm_loadu_ps(p[1]), 1)};
#else
  return Floats::load(p[0]);
#endif
}

template <int block>
inline Four block_of(Floats a) {
#if defined(__AVX512F__)
  return Four(_mm512_maskz_extractf32x4_ps(0xf, a.v, block));
#elif defined(__AVX2__)
  return Four(_mm256_extractf128_ps(a.v, block));
#else
  return Four(a.v);
#endif
}

/// The sums of the elements of four vectors.
inline Four sums_of(const Floats (&r)[4]) {
  const Floats ab = low(r[0], r[1]) + high(r[0], r[1]), cd = low(r[2], r[3]) + high(r[2], r[3]);
  const Floats all = low_pairs(ab, cd) + high_pairs(ab, cd);
  Four total = block_of<0>(all);
  if constexpr (kBlocks > 1) total += block_of<kBlocks - 1>(all);
  if constexpr (kBlocks > 2) total += block_of<kBlocks / 2 - 1>(all) + block_of<kBlocks / 2>(all);
  return total;
}

}  // namespace thalweg::kernels
