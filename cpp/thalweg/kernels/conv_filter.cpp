// The gradient of a convolution's filter: for every tap the product of the shifted image with the output's gradient,
// summed over pixels in registers and over images in pieces whose number depends on the shape alone.
#include "thalweg/kernels/conv_filter.h"
#include "thalweg/kernels/column_sums.h"
#include "thalweg/kernels/conv_methods.h"
#include "thalweg/kernels/gemm_pack.h"

namespace thalweg::kernels {
template <class T>
void passes_backward_filter(KernelContext& k, const ConvShape& s, const T* x, const T* dy, T* dfilter, T* dbias) {
  using S = SumType<T>;
  const ImageShape src = s.padded_x(), &out = s.y;
  const int64_t size = s.filter_size(), c = s.filter_channels, out_group = out.channels / s.groups;
  const int64_t pixels = out.rows * out.cols, line = src.padded_cols() * src.channels;
  // A block: the filter elements whose inputs are contiguous, a filter row or one tap.
  const bool whole_rows = s.col.dilation == 1 && s.groups == 1;
  const int64_t block_rows = whole_rows ? s.col.kernel * c : c, blocks = s.taps() * c / block_rows;
  // Pieces of the batch, each with a sum of its own; large filters get few, and their blocks are shared out instead.
  const int64_t pieces = std::clamp<int64_t>((int64_t(8) << 20) / size, 1, std::min(s.batch, kImagePieces));
  const int64_t shares = pieces >= 8 ? 1 : std::min(blocks, 16 / pieces);
  const bool x_in_place = is_sum_type<T> && !src.nchw && !src.padded();
  const bool dy_in_place = is_sum_type<T> && !out.nchw && out_group % kColumnStep<S> == 0;
  const bool dy_unpack = out.nchw;  // needs a channels-last copy before it is packed
  const int64_t packed_group = pixels * padded_columns<S>(out_group);

  // A piece's sums: the filter's, then the bias's.
  const int64_t all = size + (dbias ? out.channels : 0);
  S* sums = k.scratch<S>(pieces * all);
  const int64_t tasks = pieces * shares;
  S* images = x_in_place ? nullptr : k.scratch<S>(tasks * src.padded_size());
  S* packed = dy_in_place ? nullptr : k.scratch<S>(tasks * packed_group * s.groups);
  T* flat = dy_unpack ? k.scratch<T>(tasks * out.size()) : nullptr;
  int64_t* offsets = k.scratch<int64_t>(std::max<int64_t>(out.rows, 1));
  for (int64_t r = 0; r < out.rows; ++r) offsets[r] = r * s.row.stride * line;

  auto task = [&](int64_t index) {
    const int64_t piece = index / shares, share = index % shares;
    const int64_t first = piece * s.batch / pieces, last = (piece + 1) * s.batch / pieces;
    S* sum = sums + piece * all;
    S* bias = dbias && share == 0 ? sum + size : nullptr;
    if (bias) std::fill_n(bias, out.channels, S(0));
    const int64_t block0 = share * blocks / shares, block1 = (share + 1) * blocks / shares;
    for (int64_t n = first; n < last; ++n) {
      const S* image = reinterpret_cast<const S*>(x) + n * src.size();
      if (!x_in_place) {
        load_image(src, x + n * src.size(), images + index * src.padded_size());
        image = images + index * src.padded_size();
      }
      const T* grad = dy + n * out.size();
      if (dy_unpack) {
        load_image(out, grad, flat + index * out.size());
        grad = flat + index * out.size();
      }
      if (bias) add_columns(grad, pixels, out.channels, bias);
      for (int64_t g = 0; g < s.groups; ++g) {
        MatrixView<T> b(grad + g * out_group, pixels, out_group, false);
        b.row_stride = out.channels;
        S* panels = packed + (index * s.groups + g) * packed_group;
        for (int64_t col = 0; col < out_group; col += kPanel<S>) {
          const int width = panel_width<S>(out_group - col);
          if (!dy_in_place) pack_panel(b, col, panels + col * pixels);
          TileArgs<S> t;
          t.segments = out.rows;
          t.depth = out.cols;
          t.offsets = offsets;
          t.row_stride = 1;
          t.step = s.col.stride * src.channels;
          t.b = dy_in_place ? reinterpret_cast<const S*>(grad) + g * out_group + col : panels + col * pixels;
          t.b_stride = dy_in_place ? out.channels : width;
          t.cols = int(std::min<int64_t>(out_group - col, width));
          t.c_stride = out.channels;
          t.accumulate = n > first;
          const Tiling tiling(block_rows);
          for (int64_t block = block0; block < block1; ++block) {
            int64_t row = whole_rows ? block : block / s.col.kernel, tap = whole_rows ? 0 : block % s.col.kernel;
            const S* a = image + row * s.row.dilation * line + tap * s.col.dilation * src.channels + g * c;
            S* to = sum + block * block_rows * out.channels + g * out_group + col;
            for (int64_t i = 0; i < tiling.count; ++i) {
              t.a = a + tiling.begin(i);
              t.c = to + tiling.begin(i) * out.channels;
              t.ahead.c = i + 1 < tiling.count ? to + tiling.begin(i + 1) * out.channels : nullptr;
              tile_fn<S>(tiling.height(i), width)(t);
            }
          }
        }
      }
    }
  };
  double ns = s.macs() / (sizeof(S) == 4 ? 50 : 25) + double(s.batch * (src.size() + out.size())) / 4;
  k.parallel_for(tasks, ns / double(tasks), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) task(i);
  });

  add_pieces(k, sums, pieces, all, size, dfilter, dbias ? out.channels : 0, dbias);
}

template void passes_backward_filter(KernelContext&, const ConvShape&, const float*, const float*, float*, float*);
template void passes_backward_filter(KernelContext&, const ConvShape&, const double*, const double*, double*, double*);
template void passes_backward_filter(KernelContext&, const ConvShape&, const half*, const half*, half*, half*);
template void passes_backward_filter(KernelContext&, const ConvShape&, const bfloat16*, const bfloat16*, bfloat16*,
                                     bfloat16*);

}  // namespace thalweg::kernels
