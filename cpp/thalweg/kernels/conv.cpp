// CPU kernels of the dense convolutions, and which method computes which shape.
#include "thalweg/kernels/conv.h"

#include "thalweg/kernels/conv_methods.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_tile.h"

namespace thalweg::kernels {
namespace {

// How much of the machine each method uses: the share of lanes that hold a result, less what the method costs beside.

/// Lanes are pixels: a result of `rows` x `cols` pixels, whose planes have rows of `width`, in whole vectors. The way
/// to planes and back takes a fifth.
double pixel_lanes(int64_t rows, int64_t cols, int64_t width) {
  constexpr int64_t kLanes = Packet<float>::size;
  return 0.8 * double(rows * cols) / double(ceil_div((rows - 1) * width + cols, kLanes) * kLanes);
}

/// They are the columns of a tile: output channels, or elements of a filter row. A tile of half a vector waits for its
/// loads.
double column_lanes(int64_t columns) {
  const double used = double(columns) / double(padded_columns<float>(columns));
  return padded_columns<float>(columns) < Packet<float>::size ? 0.85 * used : used;
}

// A matrix product where that is all there is to it, else the method that uses most.

/// A filter of one tap that sees every pixel once: pixels by channels times channels by channels.
bool is_product(const ConvShape& s) {
  return s.taps() == 1 && s.groups == 1 && !s.x.nchw && s.x.rows == s.y.rows && s.x.cols == s.y.cols &&
         s.row.stride == 1 && s.col.stride == 1 && s.row.before == 0 && s.col.before == 0;
}
template <class T>
MatrixView<T> by_pixels(const ConvShape& s, const T* image, int64_t channels) {
  return MatrixView<T>(image, s.batch * s.y.rows * s.y.cols, channels, false);
}
template <class T>
MatrixView<T> one_tap(const ConvShape& s, const T* filter) {
  return MatrixView<T>(filter, s.x.channels, s.y.channels, false);
}

/// Of the forward form and of the gradient of the filter, and of the gradient of the input, over planes.
double lanes_of_y(const ConvShape& s) {
  return s.groups > 1 ? 0 : pixel_lanes(s.y.rows, s.y.cols, ceil_div(s.padded_x().padded_cols(), s.col.stride));
}
double lanes_of_dx(const ConvShape& s) {
  return s.groups > 1 ? 0
                      : pixel_lanes(ceil_div(s.x.rows, s.row.stride), ceil_div(s.x.cols, s.col.stride),
                                    s.padded_y().padded_cols());
}
/// Of the gradient of the filter over patches. Few rows of tiles would wait for their own sums.
double lanes_of_patches(const ConvShape& s) {
  const int64_t patch_row = s.col.kernel * s.filter_channels;
  return s.groups > 1 || s.x.nchw || s.col.dilation > 1 || s.y.channels < 4 ? 0 : column_lanes(patch_row);
}

}  // namespace

template <class T>
void conv_forward(KernelContext& k, const ConvShape& s, const T* x, const T* filter, T* y, Finish finish) {
  if (is_product(s)) return gemm(k, by_pixels(s, x, s.x.channels), one_tap(s, filter), y, {finish, nullptr});
  if constexpr (std::is_same_v<T, float>) {
    if (lanes_of_y(s) > column_lanes(s.y.channels)) return planes_forward(k, s, x, filter, y, finish);
  }
  passes_forward(k, s, x, filter, y, finish);
}

template <class T>
void conv_backward_input(KernelContext& k, const ConvShape& s, const T* filter, const T* dy, T* dx, Finish finish) {
  if (s.y.size() == 0) {
    std::fill_n(dx, s.batch * s.x.size(), T(0));
    if (finish) finish(0, s.batch * s.x.rows * s.x.cols, 0, s.x.channels);
    return;
  }
  if (is_product(s)) {
    return gemm(k, by_pixels(s, dy, s.y.channels), one_tap(s, filter).transposed(), dx, {finish, nullptr});
  }
  if constexpr (std::is_same_v<T, float>) {
    if (lanes_of_dx(s) > column_lanes(s.x.channels)) return planes_backward_input(k, s, filter, dy, dx, finish);
  }
  passes_backward_input(k, s, filter, dy, dx, finish);
}

template <class T>
bool finishes_apart(const ConvShape& s) {
  return is_sum_type<T> && !is_product(s) && s.y.size() > 0;
}

template <class T>
void conv_backward_filter(KernelContext& k, const ConvShape& s, const T* x, const T* dy, T* dfilter, T* dbias) {
  if (s.filter_size() == 0 || s.batch * s.y.size() == 0) {
    std::fill_n(dfilter, s.filter_size(), T(0));
    if (dbias) std::fill_n(dbias, s.y.channels, T(0));
    return;
  }
  if (is_product(s)) {
    return gemm(k, by_pixels(s, x, s.x.channels).transposed(), by_pixels(s, dy, s.y.channels), dfilter, {{}, dbias});
  }
  if constexpr (std::is_same_v<T, float>) {
    const double channels = column_lanes(s.y.channels), pixels = lanes_of_y(s), patches = lanes_of_patches(s);
    if (patches > std::max(channels, pixels)) return patches_backward_filter(k, s, x, dy, dfilter, dbias);
    if (pixels > channels) return planes_backward_filter(k, s, x, dy, dfilter, dbias);
  }
  passes_backward_filter(k, s, x, dy, dfilter, dbias);
}

namespace {

template <class T>
struct Conv2D : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.in(0).shape(), k.in(1).shape(), k.out(0).shape());
    conv_forward(k, s, k.in<T>(0), k.in<T>(1), k.out<T>(0));
  }
};

template <class T>
struct Conv2DBackpropInput : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.out(0).shape(), k.in(1).shape(), k.in(2).shape());
    conv_backward_input(k, s, k.in<T>(1), k.in<T>(2), k.out<T>(0));
  }
};

template <class T>
struct Conv2DBackpropFilter : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.in(0).shape(), k.out(0).shape(), k.in(2).shape());
    conv_backward_filter(k, s, k.in<T>(0), k.in<T>(2), k.out<T>(0));
  }
};

}  // namespace

// The fused kernels, in files of their own, call these too.
template void conv_forward(KernelContext&, const ConvShape&, const float*, const float*, float*, Finish);
template void conv_forward(KernelContext&, const ConvShape&, const double*, const double*, double*, Finish);
template void conv_forward(KernelContext&, const ConvShape&, const half*, const half*, half*, Finish);
template void conv_forward(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*, Finish);
template void conv_forward(KernelContext&, const ConvShape&, const int32_t*, const int32_t*, int32_t*, Finish);
template void conv_backward_input(KernelContext&, const ConvShape&, const float*, const float*, float*, Finish);
template void conv_backward_input(KernelContext&, const ConvShape&, const double*, const double*, double*, Finish);
template void conv_backward_input(KernelContext&, const ConvShape&, const half*, const half*, half*, Finish);
template void conv_backward_input(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*,
                                  Finish);
template void conv_backward_input(KernelContext&, const ConvShape&, const int32_t*, const int32_t*, int32_t*, Finish);
template bool finishes_apart<float>(const ConvShape&);
template bool finishes_apart<double>(const ConvShape&);
template bool finishes_apart<half>(const ConvShape&);
template bool finishes_apart<bfloat16>(const ConvShape&);
template void conv_backward_filter(KernelContext&, const ConvShape&, const float*, const float*, float*, float*);
template void conv_backward_filter(KernelContext&, const ConvShape&, const double*, const double*, double*, double*);
template void conv_backward_filter(KernelContext&, const ConvShape&, const half*, const half*, half*, half*);
template void conv_backward_filter(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*,
                                   bfloat16*);

void register_conv(KernelRegistry& r) {
  r.add_all<Conv2D, kFloating | DTypeSet{DType::int32}>("Conv2D", kCpu);
  r.add_all<Conv2DBackpropInput, kFloating | DTypeSet{DType::int32}>("Conv2DBackpropInput", kCpu);
  r.add_all<Conv2DBackpropFilter, kFloating>("Conv2DBackpropFilter", kCpu);
  register_depthwise(r);
}

}  // namespace thalweg::kernels
