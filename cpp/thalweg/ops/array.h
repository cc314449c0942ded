// Parts of the array families that have files of their own, and rules that shape functions share with kernels.
#pragma once

#include <array>
#include <span>

#include "thalweg/registry/infer.h"

namespace thalweg::ops {

// Called by register_array and register_indexing.
void register_diagonal(OpRegistry& r);   // Diag, MatrixDiag, MatrixBandPart ...
void register_diagonals(OpRegistry& r);  // MatrixDiagV3 ...
void register_rearrange(OpRegistry& r);  // ReverseV2, Roll, DepthToSpace, Cumsum, Unique ...
void register_scatter(OpRegistry& r);    // ScatterNd, TensorScatterUpdate ...
void register_segment(OpRegistry& r);    // UnsortedSegmentSum, SegmentSum ...

/// The axes along which gradients of broadcast operands with shapes a and b are summed, for either. As TensorFlow does,
/// axes of size 1 in both are listed too, unless the shapes are the same. InvalidArgument if the shapes do not
/// broadcast.
THALWEG_API std::array<Ints, 2> broadcast_axes(std::span<const int64_t> a, std::span<const int64_t> b);
/// The shape that a and b broadcast to.
THALWEG_API Ints broadcast_dims(std::span<const int64_t> a, std::span<const int64_t> b);

/// The number of elements of Range(start, limit, delta), whose dtype the three tensors share.
int64_t range_size(const Tensor& start, const Tensor& limit, const Tensor& delta);

}  // namespace thalweg::ops
