#include "thalweg/ops/strided_slice.h"

#include <algorithm>
#include <bit>

namespace thalweg::ops {
namespace {

int64_t at(const Values* v, size_t i) { return v ? (*v)[i] : kUnknownValue; }

/// An end of a slice as Python clamps it. `low` tells the beginning (in the direction of the stride) from the end.
int64_t clamp_index(int64_t x, bool masked, bool is_begin, int64_t stride, int64_t dim) {
  int64_t first = stride > 0 ? 0 : -1, last = stride > 0 ? dim : dim - 1;
  if (masked) return (stride > 0) == is_begin ? first : last;
  if (x < 0) x += dim;
  return std::clamp(x, first, last);
}

}  // namespace

SliceSpec resolve_slice(const PartialShape& in, const SliceMasks& masks, size_t count, const Values* begin,
                        const Values* end, const Values* strides) {
  TW_CHECK(count <= 32, "StridedSlice: at most 32 index entries, got ", count);
  auto bit = [](int64_t mask, size_t i) { return (mask >> i & 1) != 0; };
  int64_t used = (int64_t(1) << count) - 1, ellipsis = masks.ellipsis & used;
  TW_CHECK(std::popcount(uint64_t(ellipsis)) <= 1, "Multiple ellipses in slice spec not allowed");

  // Entries that stand for a dimension; the ellipsis (at the end if there is none) stands for the others.
  int rank = in.rank(), entries = 0;
  for (size_t i = 0; i < count; ++i) entries += !bit(ellipsis, i) && !bit(masks.new_axis, i);
  TW_CHECK(entries <= rank, "Index out of range using input dim ", rank, "; input has only ", rank, " dims");

  SliceSpec spec;
  spec.out = Shape();
  int d = 0;
  auto whole = [&](int n) {
    for (; n > 0; --n, ++d) {
      spec.dims[size_t(d)] = {0, 1, in[d]};
      spec.out.push_back(in[d]);
    }
  };
  for (size_t i = 0; i < count; ++i) {
    if (bit(ellipsis, i)) {
      whole(rank - entries);
      continue;
    }
    if (bit(masks.new_axis, i)) {
      spec.out.push_back(1);
      continue;
    }
    int64_t stride = at(strides, i), b = at(begin, i), e = at(end, i), dim = in[d];
    bool shrink = bit(masks.shrink_axis, i), no_begin = bit(masks.begin, i), no_end = bit(masks.end, i);
    TW_CHECK(stride != 0, "strides[", i, "] must be non-zero");
    TW_CHECK(!shrink || stride == kUnknownValue || stride > 0, "only stride 1 allowed on non-range indexing.");
    SliceSpec::Dim& out = spec.dims[size_t(d)];
    if (shrink) {
      out = {0, 1, b == kUnknownValue || dim < 0 ? kUnknown : 1};
      if (out.size == 1) {
        out.begin = b < 0 ? b + dim : b;
        TW_CHECK(out.begin >= 0 && out.begin < dim, "slice index ", out.begin, " of dimension ", d, " out of bounds.");
      }
    } else {
      bool known =
          dim >= 0 && stride != kUnknownValue && (no_begin || b != kUnknownValue) && (no_end || e != kUnknownValue);
      if (known) {
        int64_t from = clamp_index(b, no_begin, true, stride, dim), to = clamp_index(e, no_end, false, stride, dim);
        int64_t length = to - from;
        int64_t size = 0;
        if (length != 0 && (length < 0) == (stride < 0)) size = length / stride + (length % stride != 0);
        out = {size > 0 ? from : 0, size > 0 ? stride : 1, size};
      }
      spec.out.push_back(out.size);
    }
    ++d;
  }
  whole(rank - d);
  return spec;
}

}  // namespace thalweg::ops
