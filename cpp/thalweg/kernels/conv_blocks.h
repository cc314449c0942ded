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
#if defined(__AVX512F__)
inline Floats low(Floats a, Floats b) { return {_mm512_unpacklo_ps(a.v, b.v)}; }
inline Floats high(Floats a, Floats b) { return {_mm512_unpackhi_ps(a.v, b.v)}; }
inline Floats low_pairs(Floats a, Floats b) { return {_mm512_shuffle_ps(a.v, b.v, 0x44)}; }
inline Floats high_pairs(Floats a, Floats b) { return {_mm512_shuffle_ps(a.v, b.v, 0xee)}; }
#elif defined(__AVX2__)
inline Floats low(Floats a, Floats b) { return {_mm256_unpacklo_ps(a.v, b.v)}; }
inline Floats high(Floats a, Floats b) { return {_mm256_unpackhi_ps(a.v, b.v)}; }
inline Floats low_pairs(Floats a, Floats b) { return {_mm256_shuffle_ps(a.v, b.v, 0x44)}; }
inline Floats high_pairs(Floats a, Floats b) { return {_mm256_shuffle_ps(a.v, b.v, 0xee)}; }
#endif
inline Four low(Four a, Four b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Four high(Four a, Four b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
inline Four low_pairs(Four a, Four b) { return __builtin_shufflevector(a, b, 0, 1, 4, 5); }
inline Four high_pairs(Four a, Four b) { return __builtin_shufflevector(a, b, 2, 3, 6, 7); }
#if !defined(__AVX2__)
inline Floats low(Floats a, Floats b) { return {low(Four(a.v), Four(b.v))}; }
inline Floats high(Floats a, Floats b) { return {high(Four(a.v), Four(b.v))}; }
inline Floats low_pairs(Floats a, Floats b) { return {low_pairs(Four(a.v), Four(b.v))}; }
inline Floats high_pairs(Floats a, Floats b) { return {high_pairs(Four(a.v), Four(b.v))}; }
#endif

/// Each block of the four vectors as a row of a 4x4 matrix, transposed.
template <class V>
inline void transpose(V (&r)[4]) {
  V ab = low(r[0], r[1]), AB = high(r[0], r[1]), cd = low(r[2], r[3]), CD = high(r[2], r[3]);
  r[0] = low_pairs(ab, cd);
  r[1] = high_pairs(ab, cd);
  r[2] = low_pairs(AB, CD);
  r[3] = high_pairs(AB, CD);
}

/// The blocks of a vector from places of their own.
inline Floats load_blocks(const float* const (&p)[kBlocks]) {
#if defined(__AVX512F__)
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p[0]));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p[1]), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p[2]), 2);
  return {_mm512_insertf32x4(v, _mm_loadu_ps(p[3]), 3)};
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
