// Element types: one table for names, TensorFlow's enum numbers, sizes and C++ types.
#pragma once

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"
#include "thalweg/num/float16.h"

namespace thalweg {

using complex64 = std::complex<float>;
using complex128 = std::complex<double>;
class Variant;  // core/variant.h

/// Values are TensorFlow's DataType numbers. A reference (variable) type is the number plus 100.
enum class DType : uint8_t {
  invalid = 0,
  float32 = 1,
  float64 = 2,
  int32 = 3,
  uint8 = 4,
  int16 = 5,
  int8 = 6,
  string = 7,
  complex64 = 8,
  int64 = 9,
  boolean = 10,
  qint8 = 11,
  quint8 = 12,
  qint32 = 13,
  bfloat16 = 14,
  qint16 = 15,
  quint16 = 16,
  uint16 = 17,
  complex128 = 18,
  float16 = 19,
  resource = 20,
  variant = 21,
  uint32 = 22,
  uint64 = 23,
};
inline constexpr int kDTypeCount = 24;

/// A set of element types, iterated in TensorFlow's documentation order.
class DTypeSet {
 public:
  constexpr DTypeSet() = default;
  constexpr DTypeSet(std::initializer_list<DType> types) {
    for (DType t : types) bits_ |= 1u << int(t);
  }
  constexpr bool has(DType t) const { return bits_ >> int(t) & 1u; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr DTypeSet operator|(DTypeSet o) const { return from(bits_ | o.bits_); }
  constexpr DTypeSet operator&(DTypeSet o) const { return from(bits_ & o.bits_); }
  constexpr DTypeSet operator-(DTypeSet o) const { return from(bits_ & ~o.bits_); }
  constexpr bool operator==(const DTypeSet&) const = default;
  constexpr uint32_t bits() const { return bits_; }

  // Public so that a set can be a template argument; use has().
  uint32_t bits_ = 0;

 private:
  static constexpr DTypeSet from(uint32_t bits) {
    DTypeSet s;
    s.bits_ = bits;
    return s;
  }
};

inline constexpr DTypeSet kFloating{DType::bfloat16, DType::float16, DType::float32, DType::float64};
inline constexpr DTypeSet kComplex{DType::complex64, DType::complex128};
inline constexpr DTypeSet kInexact = kFloating | kComplex;
inline constexpr DTypeSet kSigned{DType::int8, DType::int16, DType::int32, DType::int64};
inline constexpr DTypeSet kUnsigned{DType::uint8, DType::uint16, DType::uint32, DType::uint64};
inline constexpr DTypeSet kInteger = kSigned | kUnsigned;
inline constexpr DTypeSet kIndex{DType::int32, DType::int64};
inline constexpr DTypeSet kReal = kFloating | kInteger;
inline constexpr DTypeSet kNumeric = kReal | kComplex;
inline constexpr DTypeSet kBool{DType::boolean};
inline constexpr DTypeSet kString{DType::string};
inline constexpr DTypeSet kQuantized{DType::qint8, DType::quint8, DType::qint16, DType::quint16, DType::qint32};
/// Everything stored as plain bytes.
inline constexpr DTypeSet kPlain = kNumeric | kBool | kQuantized;
inline constexpr DTypeSet kAny = kPlain | kString | DTypeSet{DType::resource, DType::variant};

/// Bytes of one element; sizeof(std::string) for strings, sizeof(Variant) for variants.
THALWEG_API size_t size_of(DType t);
/// "float32", "bool", "string", ...
THALWEG_API std::string_view name_of(DType t);
/// The name in error messages about placeholders: "float", "double", "int32", ...
THALWEG_API std::string_view short_name_of(DType t);
/// Accepts both names above and TensorFlow's aliases ("half"); throws TypeError.
THALWEG_API DType dtype_from_name(std::string_view name);
/// "bfloat16, float16, float32, float64": TensorFlow's order in "not in list of allowed values".
THALWEG_API std::string list_of(DTypeSet set);
THALWEG_API std::ostream& operator<<(std::ostream& out, DType t);

template <class T>
inline constexpr DType dtype_of = DType::invalid;
template <>
inline constexpr DType dtype_of<float> = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;
template <>
inline constexpr DType dtype_of<half> = DType::float16;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bfloat16;
template <>
inline constexpr DType dtype_of<int8_t> = DType::int8;
template <>
inline constexpr DType dtype_of<int16_t> = DType::int16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::int32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::int64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::uint8;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::uint16;
template <>
inline constexpr DType dtype_of<uint32_t> = DType::uint32;
template <>
inline constexpr DType dtype_of<uint64_t> = DType::uint64;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;
template <>
inline constexpr DType dtype_of<complex64> = DType::complex64;
template <>
inline constexpr DType dtype_of<complex128> = DType::complex128;
template <>
inline constexpr DType dtype_of<std::string> = DType::string;
template <>
inline constexpr DType dtype_of<Variant> = DType::variant;

template <class T>
inline constexpr bool is_complex = std::same_as<T, complex64> || std::same_as<T, complex128>;

/// Calls f.template operator()<T>() for every C++ type whose DType is in `set` (a compile-time constant set).
template <DTypeSet set, class F>
constexpr void for_each_dtype(F&& f) {
  auto one = [&]<class T>() {
    if constexpr (set.has(dtype_of<T>)) f.template operator()<T>();
  };
  one.template operator()<float>();
  one.template operator()<double>();
  one.template operator()<half>();
  one.template operator()<bfloat16>();
  one.template operator()<int8_t>();
  one.template operator()<int16_t>();
  one.template operator()<int32_t>();
  one.template operator()<int64_t>();
  one.template operator()<uint8_t>();
  one.template operator()<uint16_t>();
  one.template operator()<uint32_t>();
  one.template operator()<uint64_t>();
  one.template operator()<bool>();
  one.template operator()<complex64>();
  one.template operator()<complex128>();
  one.template operator()<std::string>();
}

/// Runs f.template operator()<T>() for the C++ type of `t`; Unimplemented if `t` is not in `set`.
template <DTypeSet set, class F>
void visit(DType t, F&& f) {
  bool done = false;
  for_each_dtype<set>([&]<class T>() {
    if (dtype_of<T> == t) {
      f.template operator()<T>();
      done = true;
    }
  });
  if (!done) TW_FAIL(Unimplemented, "no code for ", name_of(t));
}

}  // namespace thalweg
