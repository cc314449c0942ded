// Convolution forward and the gradient of its input: two ways to lay out passes for run_passes.
#include "thalweg/kernels/conv_passes.h"
#include "thalweg/kernels/conv_phase.h"

namespace thalweg::kernels {
namespace {

/// Elements of a packed filter with `rows` rows and `cols` columns.
template <class S>
int64_t packed_size(int64_t rows, int64_t cols) {
  return rows * padded_columns<S>(cols);
}

}  // namespace

template <class T>
void passes_forward(KernelContext& k, const ConvShape& s, const T* x, const T* filter, T* y, Finish finish) {
  using S = SumType<T>;
  const ImageShape src = s.padded_x(), &dst = s.y;
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
void passes_backward_input(KernelContext& k, const ConvShape& s, const T* filter, const T* dy, T* dx, Finish finish) {
  using S = SumType<T>;
  const ImageShape src = s.padded_y(), &dst = s.x;
  const int64_t c = s.filter_channels, out_group = src.channels / s.groups;
  const int64_t row_phases = std::min(s.row.stride, dst.rows), col_phases = std::min(s.col.stride, dst.cols);

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
      pass.cols = phase_positions(dst.cols, pc, s.col.stride);
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
              int64_t width = panel_width<S>(c - col);
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

template void passes_forward(KernelContext&, const ConvShape&, const float*, const float*, float*, Finish);
template void passes_forward(KernelContext&, const ConvShape&, const double*, const double*, double*, Finish);
template void passes_forward(KernelContext&, const ConvShape&, const half*, const half*, half*, Finish);
template void passes_forward(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*, Finish);
template void passes_forward(KernelContext&, const ConvShape&, const int32_t*, const int32_t*, int32_t*, Finish);
template void passes_backward_input(KernelContext&, const ConvShape&, const float*, const float*, float*, Finish);
template void passes_backward_input(KernelContext&, const ConvShape&, const double*, const double*, double*, Finish);
template void passes_backward_input(KernelContext&, const ConvShape&, const half*, const half*, half*, Finish);
template void passes_backward_input(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*,
                                    Finish);
template void passes_backward_input(KernelContext&, const ConvShape&, const int32_t*, const int32_t*, int32_t*, Finish);

}  // namespace thalweg::kernels
