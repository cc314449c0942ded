// Shapes: Shape is fully known, PartialShape may lack dimensions or its rank. Both hold at most 8 dimensions inline.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include "thalweg/core/error.h"

namespace thalweg {

inline constexpr int kMaxRank = 8;
/// An unknown dimension (or unknown rank).
inline constexpr int64_t kUnknown = -1;

/// A known shape. Its element count is checked against overflow when it is made.
class THALWEG_API Shape {
 public:
  Shape() = default;  // a scalar
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  /// Dimension i; negative i counts from the end.
  int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }
  std::span<const int64_t> dims() const { return {dims_.data(), size_t(rank_)}; }
  int64_t size() const { return size_; }
  /// Product of dims [from, to).
  int64_t size(int from, int to) const;
  void set(int i, int64_t dim);
  void push_back(int64_t dim);
  bool operator==(const Shape& o) const {
    return rank_ == o.rank_ && std::equal(dims_.begin(), dims_.begin() + rank_, o.dims_.begin());
  }
  /// "[2,3]"
  std::string to_string() const;

 private:
  void count();
  std::array<int64_t, kMaxRank> dims_{};
  int64_t size_ = 1;
  int32_t rank_ = 0;
};

/// A shape of which some or all may be unknown.
class THALWEG_API PartialShape {
 public:
  PartialShape() = default;  // unknown rank
  PartialShape(std::initializer_list<int64_t> dims) : PartialShape(std::span(dims.begin(), dims.size())) {}
  explicit PartialShape(std::span<const int64_t> dims);
  PartialShape(const Shape& s) : PartialShape(s.dims()) {}  // NOLINT(google-explicit-constructor)
  static PartialShape unknown(int rank);

  bool known_rank() const { return rank_ >= 0; }
  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }
  std::span<const int64_t> dims() const { return {dims_.data(), size_t(std::max(rank_, 0))}; }
  void set(int i, int64_t dim) { dims_[i < 0 ? i + rank_ : i] = dim; }
  void push_back(int64_t dim);
  bool fully_known() const;
  /// Elements, or kUnknown.
  int64_t size() const;
  /// Requires fully_known().
  Shape shape() const { return Shape(dims()); }
  bool compatible(const PartialShape& o) const;
  bool operator==(const PartialShape& o) const {
    return rank_ == o.rank_ && std::equal(dims().begin(), dims().end(), o.dims().begin());
  }
  /// "[?,3]", "<unknown>"
  std::string to_string() const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int32_t rank_ = -1;
};

THALWEG_API std::ostream& operator<<(std::ostream& out, const Shape& s);
THALWEG_API std::ostream& operator<<(std::ostream& out, const PartialShape& s);

/// NumPy broadcasting of two known shapes; InvalidArgument "Incompatible shapes: [2,3] vs. [4,5]".
THALWEG_API Shape broadcast(const Shape& a, const Shape& b);

}  // namespace thalweg
