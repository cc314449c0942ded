// half (IEEE binary16) and bfloat16: 16-bit storage formats. Arithmetic on them happens in float.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#if defined(__CUDACC__)
#define TW_HD __host__ __device__ __forceinline__
#else
#define TW_HD inline __attribute__((always_inline))
#endif

namespace thalweg {

namespace detail {

TW_HD uint32_t float_bits(float x) { return std::bit_cast<uint32_t>(x); }
TW_HD float bits_float(uint32_t b) { return std::bit_cast<float>(b); }

/// Round to nearest even, overflow to infinity, NaN stays NaN; denormals are kept.
TW_HD uint16_t float_to_half(float x) {
  uint32_t f = float_bits(x), sign = (f >> 16) & 0x8000u;
  f &= 0x7fffffffu;
  if (f >= 0x47800000u) return uint16_t(sign | (f > 0x7f800000u ? 0x7e00u : 0x7c00u));
  if (f < 0x38800000u) {  // denormal or zero: adding 0.5 lets the float adder do the rounding
    return uint16_t(sign | (float_bits(bits_float(f) + 0.5f) - 0x3f000000u));
  }
  uint32_t odd = (f >> 13) & 1u;
  return uint16_t(sign | ((f - 0x38000000u + 0xfffu + odd) >> 13));
}

TW_HD float half_to_float(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000u) << 16, rest = uint32_t(h & 0x7fffu) << 13;
  if ((rest >> 23) == 0x1fu) return bits_float(sign | rest | 0x7f800000u);
  if ((rest >> 23) == 0) {  // denormal: exact in float after scaling
    float v = bits_float(rest | 0x38800000u) - bits_float(0x38800000u);
    return bits_float(float_bits(v) | sign);
  }
  return bits_float(sign | (rest + 0x38000000u));
}

TW_HD uint16_t float_to_bfloat16(float x) {
  uint32_t f = float_bits(x);
  if ((f & 0x7fffffffu) > 0x7f800000u) return uint16_t((f >> 16) | 0x40u);
  return uint16_t((f + 0x7fffu + ((f >> 16) & 1u)) >> 16);
}

}  // namespace detail

/// IEEE binary16. Converts implicitly to float, explicitly from any arithmetic type.
struct half {
  uint16_t bits;
  half() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  TW_HD explicit half(T x) : bits(detail::float_to_half(float(x))) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  TW_HD operator float() const { return detail::half_to_float(bits); }
};

/// The upper half of a float: 8 exponent bits, 7 mantissa bits.
struct bfloat16 {
  uint16_t bits;
  bfloat16() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  TW_HD explicit bfloat16(T x) : bits(detail::float_to_bfloat16(float(x))) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  TW_HD operator float() const { return detail::bits_float(uint32_t(bits) << 16); }
};

static_assert(sizeof(half) == 2 && sizeof(bfloat16) == 2);
static_assert(std::is_trivially_copyable_v<half> && std::is_trivially_copyable_v<bfloat16>);

/// The type that arithmetic on T happens in: float for the 16-bit formats, T otherwise.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<half> {
  using type = float;
};
template <>
struct ComputeType<bfloat16> {
  using type = float;
};
template <class T>
using Compute = typename ComputeType<T>::type;

}  // namespace thalweg
