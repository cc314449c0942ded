// Python's x[begin:end:stride, ..., newaxis, i] as StridedSlice states it: vectors and bit masks, resolved against a
// shape.
#pragma once

#include "thalweg/core/attr.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {

struct SliceMasks {
  int64_t begin, end, ellipsis, new_axis, shrink_axis;
  explicit SliceMasks(const Attrs& a)
      : begin(a.get<int64_t>("begin_mask")),
        end(a.get<int64_t>("end_mask")),
        ellipsis(a.get<int64_t>("ellipsis_mask")),
        new_axis(a.get<int64_t>("new_axis_mask")),
        shrink_axis(a.get<int64_t>("shrink_axis_mask")) {}
};

struct SliceSpec {
  struct Dim {
    int64_t begin = 0, stride = 1, size = kUnknown;
  };
  std::array<Dim, kMaxRank> dims;  // one per dimension of the input; begin and stride hold where size is known
  PartialShape out;                // with new axes, without shrunk ones
};

/// `in` has a known rank. Vectors that are not known at all are null; all have `count` entries. InvalidArgument for bad
/// indices.
THALWEG_API SliceSpec resolve_slice(const PartialShape& in, const SliceMasks& masks, size_t count, const Values* begin,
                                    const Values* end, const Values* strides);

}  // namespace thalweg::ops
