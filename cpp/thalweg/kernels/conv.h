// Convolutions of images in two dimensions: what the forward form and the two gradients share with their callers.
#pragma once

#include "thalweg/kernels/finish.h"
#include "thalweg/kernels/image.h"
#include "thalweg/ops/window.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// The window of a convolution node; kernels derive from it.
struct ConvAttrs {
  ops::Window window;
  explicit ConvAttrs(const KernelInit& init) : window(init.op.name, init.attrs) {}
};

/// The sizes of one convolution, whichever of its three forms is computed.
struct ConvShape {
  int64_t batch, groups;
  ImageShape x, y;          // input and output images (of the forward form)
  int64_t filter_channels;  // input channels of one group
  ops::Axis row, col;
  int64_t taps() const { return row.kernel * col.kernel; }
  int64_t filter_size() const { return taps() * filter_channels * y.channels; }
  /// x with the zeros that the windows see, y with those that its own gradient's windows see.
  ImageShape padded_x() const;
  ImageShape padded_y() const;
  double macs() const { return double(batch * y.rows * y.cols) * double(filter_size()) / double(groups); }

  ConvShape(const ops::Window& window, const Shape& in, const Shape& filter, const Shape& out);
};

/// Batches of at least this many images are shared out by image, smaller ones by rows.
inline constexpr int64_t kImagePieces = 16;

/// y = the convolution of x with `filter`. `finish` sees whole pixels: its rows count them over the batch, its columns
/// are the channels; only channels-last results have one.
template <class T>
void conv_forward(KernelContext& k, const ConvShape& shape, const T* x, const T* filter, T* y, Finish finish = {});
template <class T>
void conv_backward_input(KernelContext& k, const ConvShape& shape, const T* filter, const T* dy, T* dx,
                         Finish finish = {});
/// Whether conv_backward_input heeds `apart` at this shape.
template <class T>
bool finishes_apart(const ConvShape& shape);
/// dbias, if not null: the sum of dy over all pixels, in an order fixed by the shape.
template <class T>
void conv_backward_filter(KernelContext& k, const ConvShape& shape, const T* x, const T* dy, T* dfilter,
                          T* dbias = nullptr);

void register_depthwise(KernelRegistry& r);

}  // namespace thalweg::kernels
