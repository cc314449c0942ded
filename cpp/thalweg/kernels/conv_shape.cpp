// The sizes of a convolution and the zeros around its images.
#include "thalweg/kernels/conv.h"
#include "thalweg/kernels/conv_phase.h"

namespace thalweg::kernels {
namespace {

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

/// Refuses an image that no memory holds, before offsets in it overflow.
const ImageShape& checked(const ImageShape& s) {
  constexpr int64_t kMost = int64_t(1) << 48;
  int64_t n = 0;
  bool overflow = __builtin_mul_overflow(s.padded_rows(), s.padded_cols(), &n);
  overflow |= __builtin_mul_overflow(n, s.channels, &n);
  if (overflow || n > kMost) {
    TW_FAIL(ResourceExhausted, "convolution: out of memory: with its padding an image has ", s.padded_rows(), " rows, ",
            s.padded_cols(), " columns and ", s.channels, " channels");
  }
  return s;
}

}  // namespace

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

ImageShape ConvShape::padded_x() const {
  // Only as many zeros as the windows reach; a stride may leave part of the padding or of the image unused.
  auto after = [](const ops::Axis& a, int64_t size, int64_t outs) {
    return std::max<int64_t>(0, (outs - 1) * a.stride + (a.kernel - 1) * a.dilation + 1 - a.before - size);
  };
  ImageShape s = x;
  s.top = row.before, s.bottom = after(row, x.rows, y.rows);
  s.left = col.before, s.right = after(col, x.cols, y.cols);
  return checked(s);
}

ImageShape ConvShape::padded_y() const {
  ImageShape s = y;
  auto reach = [](const ops::Axis& a, int64_t size, int64_t outs, int64_t& before, int64_t& after) {
    for (int64_t p = 0; p < std::min(a.stride, size); ++p) {
      Phase f = find_phase(a, p);
      if (f.count == 0) continue;
      int64_t last = f.first + (f.count - 1) * f.step + phase_positions(size, p, a.stride) - 1;
      before = std::max(before, -f.first);
      after = std::max(after, last - (outs - 1));
    }
  };
  reach(row, x.rows, y.rows, s.top, s.bottom);
  reach(col, x.cols, y.cols, s.left, s.right);
  return checked(s);
}

}  // namespace thalweg::kernels
