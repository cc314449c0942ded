#include "thalweg/core/shape.h"

#include <ostream>

namespace thalweg {
namespace {

std::string join(std::span<const int64_t> dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) out += ",";
    out += dims[i] < 0 ? "?" : std::to_string(dims[i]);
  }
  return out + "]";
}

void check_rank(size_t rank) {
  TW_CHECK(rank <= size_t(kMaxRank), "shapes have at most ", kMaxRank, " dimensions, got ", rank);
}

}  // namespace

Shape::Shape(std::span<const int64_t> dims) : rank_(int32_t(dims.size())) {
  check_rank(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  count();
}

void Shape::count() {
  int64_t n = 1;
  bool overflow = false, zero = false;
  for (int64_t d : dims()) {
    TW_CHECK(d >= 0, "Dimension ", d, " must be >= 0 in shape ", join(dims()));
    zero |= d == 0;
    if (d != 0) overflow |= __builtin_mul_overflow(n, d, &n);
  }
  TW_CHECK(zero || !overflow, "Shape ", join(dims()), " has more than 2^63 elements");
  size_ = zero ? 0 : n;
}

int64_t Shape::size(int from, int to) const {
  int64_t n = 1;
  for (int i = from; i < to; ++i) n *= dims_[i];
  return n;
}

void Shape::set(int i, int64_t dim) {
  dims_[i < 0 ? i + rank_ : i] = dim;
  count();
}

void Shape::push_back(int64_t dim) {
  check_rank(size_t(rank_) + 1);
  dims_[rank_++] = dim;
  count();
}

std::string Shape::to_string() const { return join(dims()); }

PartialShape::PartialShape(std::span<const int64_t> dims) : rank_(int32_t(dims.size())) {
  check_rank(dims.size());
  for (int i = 0; i < rank_; ++i) {
    TW_CHECK(dims[i] >= kUnknown, "Dimension ", dims[i], " must be >= 0");
    dims_[i] = dims[i];
  }
}

PartialShape PartialShape::unknown(int rank) {
  check_rank(size_t(rank));
  PartialShape s;
  s.rank_ = rank;
  s.dims_.fill(kUnknown);
  return s;
}

void PartialShape::push_back(int64_t dim) {
  check_rank(size_t(rank_) + 1);
  dims_[rank_++] = dim;
}

bool PartialShape::fully_known() const {
  return rank_ >= 0 && std::none_of(dims_.begin(), dims_.begin() + rank_, [](int64_t d) { return d < 0; });
}

int64_t PartialShape::size() const { return fully_known() ? shape().size() : kUnknown; }

bool PartialShape::compatible(const PartialShape& o) const {
  if (rank_ < 0 || o.rank_ < 0) return true;
  if (rank_ != o.rank_) return false;
  for (int i = 0; i < rank_; ++i) {
    if (dims_[i] >= 0 && o.dims_[i] >= 0 && dims_[i] != o.dims_[i]) return false;
  }
  return true;
}

std::string PartialShape::to_string() const { return rank_ < 0 ? "<unknown>" : join(dims()); }

std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.to_string(); }
std::ostream& operator<<(std::ostream& out, const PartialShape& s) { return out << s.to_string(); }

Shape broadcast(const Shape& a, const Shape& b) {
  int rank = std::max(a.rank(), b.rank());
  std::array<int64_t, kMaxRank> dims;
  for (int i = 0; i < rank; ++i) {
    int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    TW_CHECK(da == db || da == 1 || db == 1, "Incompatible shapes: ", a, " vs. ", b);
    dims[i] = da == 1 ? db : da;
  }
  return Shape(std::span<const int64_t>(dims.data(), size_t(rank)));
}

}  // namespace thalweg
