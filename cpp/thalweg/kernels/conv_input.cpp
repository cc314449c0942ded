// Convolution forward and the gradient of its input: two ways to lay out passes for run_passes.
#include "thalweg/kernels/conv_passes.h"

namespace thalweg::kernels {
namespace {

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

/// Elements of a packed filter with `rows` rows and `cols` columns.
template <class S>
int64_t packed_size(int64_t rows, int64_t cols) {
  return rows * ceil_div(cols, Packet<S>::size) * Packet<S>::size;
}

/// The filter taps that reach the input elements of one phase along one axis, in ascending order of the gradient
/// element each of them reads.
struct Phase {
  int64_t count = 0, first_tap = 0, tap_step = 1;  // taps first_tap - i * tap_step
  int64_t first = 0, step = 0;  // gradient elements first + i * step, relative to the input's index / stride
};

/// y[o] uses x[o * stride - before + tap * dilation], so x[i], i = phase + stride * j, meets y[j + (phase + before -
/// tap * dilation) / stride] where that division is exact.
Phase find_phase(const ops::Axis& a, int64_t phase) {
  Phase out;
  int64_t last = -1;
  for (int64_t tap = a.kernel - 1; tap >= 0; --tap) {
    int64_t d = phase + a.before - tap * a.dilation;
    if (floor_mod(d, a.stride) != 0) continue;
    int64_t at = floor_div(d, a.stride);
    if (out.count == 0) {
      out.first_tap = tap;
      out.first = at;
    } else if (out.count == 1) {
      out.tap_step = last - tap;
      out.step = at - out.first;
    }
    last = tap;
    ++out.count;
  }
  return out;
}

}  // namespace

ConvShape::ConvShape(const ops::Window& window, const Shape& in, const Shape& filter, const Shape& out) {
  const ops::Layout& l = window.layout;
  ops::Window w = window;
  w.row.kernel = filter[0];
  w.col.kernel = filter[1];
  w.place(in[l.row], in[l.col]);
  row = w.row;
  col = w.col;
  batch = in[l.batch];
  x = {in[l.row], in[l.col], in[l.channel], l.nchw};
  y = {out[l.row], out[l.col], out[l.channel], l.nchw};
  filter_channels = filter[2];
  groups = filter[2] > 0 ? std::max<int64_t>(in[l.channel] / filter[2], 1) : 1;
}

template <class T>
void conv_forward(KernelContext& k, const ConvShape& s, const T* x, const T* filter, T* y, Finish finish) {
  using S = SumType<T>;
  ImageShape src = s.x, dst = s.y;
  // Only as many zeros as the windows reach; a stride may leave part of the padding or of the image unused.
  auto after = [](const ops::Axis& a, int64_t size, int64_t outs) {
    return std::max<int64_t>(0, (outs - 1) * a.stride + (a.kernel - 1) * a.dilation + 1 - a.before - size);
  };
  src.top = s.row.before, src.bottom = after(s.row, src.rows, dst.rows);
  src.left = s.col.before, src.right = after(s.col, src.cols, dst.cols);

  const int64_t c = s.filter_channels, out_group = dst.channels / s.groups, rows = s.taps() * c;
  const int64_t packed_group = packed_size<S>(rows, out_group);
  S* packed = k.scratch<S>(packed_group * s.groups);
  for (int64_t g = 0; g < s.groups; ++g) {
    MatrixView<T> w(filter + g * out_group, rows, out_group, false);
    w.row_stride = dst.channels;
    for (int64_t col = 0; col < out_group; col += kPanel<S>) pack_panel(w, col, packed + g * packed_group + col * rows);
  }
  const int64_t line = src.padded_cols() * src.channels;
  const bool whole_rows = s.col.dilation == 1 && s.groups == 1;  // taps of a filter row are contiguous
  int64_t* offsets = k.scratch<int64_t>(s.taps());
  int64_t segments = 0;
  for (int64_t r = 0; r < s.row.kernel; ++r) {
    for (int64_t t = 0; t < (whole_rows ? 1 : s.col.kernel); ++t) {
      offsets[segments++] = r * s.row.dilation * line + t * s.col.dilation * src.channels;
    }
  }
  ConvPass pass{dst.cols,
                0,
                s.row.stride * line,
                s.col.stride * src.channels,
                0,
                1,
                0,
                dst.channels,
                segments,
                whole_rows ? s.col.kernel * c : c,
                offsets,
                0};
  run_passes(k, s.batch, src, x, dst, y, s.groups, &pass, 1, packed, packed_group, s.macs(), finish);
}

template <class T>
void conv_backward_input(KernelContext& k, const ConvShape& s, const T* filter, const T* dy, T* dx, Finish finish) {
  using S = SumType<T>;
  ImageShape src = s.y, dst = s.x;
  if (src.size() == 0) {
    std::fill_n(dx, s.batch * dst.size(), T(0));
    if (finish) finish(0, s.batch * dst.rows * dst.cols, 0, dst.channels);
    return;
  }
  const int64_t c = s.filter_channels, out_group = src.channels / s.groups;
  const int64_t row_phases = std::min(s.row.stride, dst.rows), col_phases = std::min(s.col.stride, dst.cols);
  auto positions = [](int64_t size, int64_t phase, int64_t stride) { return (size - phase + stride - 1) / stride; };

  // Zeros around dy as far as any phase reaches.
  auto reach = [&](const ops::Axis& a, int64_t phases, int64_t size, int64_t outs, int64_t& before, int64_t& after) {
    for (int64_t p = 0; p < phases; ++p) {
      Phase f = find_phase(a, p);
      if (f.count == 0) continue;
      int64_t last = f.first + (f.count - 1) * f.step + positions(size, p, a.stride) - 1;
      before = std::max(before, -f.first);
      after = std::max(after, last - (outs - 1));
    }
  };
  reach(s.row, row_phases, dst.rows, src.rows, src.top, src.bottom);
  reach(s.col, col_phases, dst.cols, src.cols, src.left, src.right);

  const int64_t line = src.padded_cols() * src.channels;
  const int64_t packed_group = packed_size<S>(s.taps() * out_group, c);
  S* packed = k.scratch<S>(packed_group * s.groups);
  int64_t* offsets = k.scratch<int64_t>(s.taps());
  ConvPass* passes = k.scratch<ConvPass>(row_phases * col_phases);
  int64_t count = 0, weights = 0;
  for (int64_t pr = 0; pr < row_phases; ++pr) {
    Phase fr = find_phase(s.row, pr);
    for (int64_t pc = 0; pc < col_phases; ++pc) {
      Phase fc = find_phase(s.col, pc);
      const int64_t taps = fr.count * fc.count;
      const bool whole_rows = fc.count > 1 && fc.step == 1 && s.groups == 1;  // neighbours in dy are contiguous
      ConvPass pass{};
      pass.cols = positions(dst.cols, pc, s.col.stride);
      pass.from = taps > 0 ? (fr.first + src.top) * line + (fc.first + src.left) * src.channels : 0;
      pass.row_step = line;
      pass.col_step = src.channels;
      pass.first_row = pr;
      pass.row_stride = s.row.stride;
      pass.to = pc * dst.channels;
      pass.to_col_step = s.col.stride * dst.channels;
      pass.depth = whole_rows ? fc.count * out_group : out_group;
      pass.offsets = offsets;
      pass.weights = weights;
      for (int64_t r = 0; r < fr.count; ++r) {
        for (int64_t t = 0; t < (whole_rows ? std::min<int64_t>(fc.count, 1) : fc.count); ++t) {
          *offsets++ = r * fr.step * line + t * fc.step * src.channels;
          ++pass.segments;
        }
      }
      for (int64_t g = 0; g < s.groups; ++g) {
        for (int64_t r = 0; r < fr.count; ++r) {
          for (int64_t t = 0; t < fc.count; ++t) {
            int64_t tap = (fr.first_tap - r * fr.tap_step) * s.col.kernel + fc.first_tap - t * fc.tap_step;
            MatrixView<T> w(filter + tap * c * src.channels + g * out_group, c, out_group, false);
            w.row_stride = src.channels;
            w = w.transposed();  // rows: the channels of dy; columns: those of dx
            for (int64_t col = 0; col < c; col += kPanel<S>) {
              int64_t width = panel_vectors<S>(c - col) * Packet<S>::size;
              pack_panel(w, col,
                         packed + g * packed_group + weights + col * taps * out_group +
                             (r * fc.count + t) * out_group * width);
            }
          }
        }
      }
      weights += packed_size<S>(taps * out_group, c);
      passes[count++] = pass;
    }
  }
  run_passes(k, s.batch, src, dy, dst, dx, s.groups, passes, count, packed, packed_group, s.macs(), finish);
}

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

}  // namespace thalweg::kernels
