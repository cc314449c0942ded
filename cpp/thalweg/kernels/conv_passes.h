// Direct convolution: the GEMM micro-kernel reads patches from the padded image in place, nothing is unfolded.
//
// In a channels-last image the inputs of an output pixel under one filter row are contiguous, so a row of output pixels
// is a matrix product whose A has one segment per filter row and a row stride of one pixel. The gradient of the input
// is the same loop over the output's gradient with the filter's taps in reverse, one pass per phase of the stride.
#pragma once

#include "thalweg/kernels/ahead.h"
#include "thalweg/kernels/conv_methods.h"
#include "thalweg/kernels/gemm_pack.h"

namespace thalweg::kernels {

/// A set of output pixels on a regular grid, each a product of the same taps with the image under it.
struct ConvPass {
  int64_t cols;                      // pixels in a row
  int64_t from, row_step, col_step;  // where the first one's patch starts in the padded source; steps
  int64_t first_row, row_stride;     // rows of the destination that it makes
  int64_t to, to_col_step;           // where a row starts in the destination's; steps
  int64_t segments, depth;           // contiguous runs of a patch, elements of each
  const int64_t* offsets;            // of the runs within a patch
  int64_t weights;                   // where its packed filter starts, per group
};

/// dst = the passes over src, for all images. `packed` holds, per group, each pass's filter in panels.
template <class T>
void run_passes(KernelContext& k, int64_t batch, const ImageShape& src, const T* in, const ImageShape& dst, T* out,
                int64_t groups, const ConvPass* passes, int64_t count, const SumType<T>* packed, int64_t packed_group,
                double macs, Finish finish) {
  using S = SumType<T>;
  const bool in_place = is_sum_type<T> && !src.nchw && !src.padded(), apart = is_sum_type<T> && finish.apart;
  const bool out_place = is_sum_type<T> && !dst.nchw && !apart;
  const bool by_image = batch >= kImagePieces;
  const int64_t slots = by_image ? kImagePieces : batch;
  const int64_t src_depth = src.channels / groups, dst_depth = dst.channels / groups;
  const int64_t dst_line = dst.cols * dst.channels;
  // Of an image: bands of a size that stays in the second-level cache while its panels pass, and until `finish` has
  // been there; where the batch is small, pieces to share out.
  const int64_t bands =
      by_image ? std::clamp<int64_t>(dst.size() * int64_t(sizeof(S)) >> 17, 1, std::max<int64_t>(dst.rows, 1))
               : std::clamp<int64_t>(dst.rows, 1, kImagePieces);
  const int64_t band_size = ceil_div(dst.rows, bands) * dst_line;
  S* sources = in_place ? nullptr : k.scratch<S>(slots * src.padded_size());
  S* results =
      out_place ? nullptr : k.scratch<S>(apart ? slots * (by_image ? 1 : bands) * band_size : slots * dst.size());

  auto load = [&](int64_t image, int64_t slot) {
    if (!in_place) load_image(src, in + image * src.size(), sources + slot * src.padded_size());
  };
  auto save = [&](int64_t image, int64_t slot) {
    if (out_place || apart) return;
    save_image(dst, results + slot * dst.size(), out + image * dst.size());
    if (finish) finish(image * dst.rows * dst.cols, dst.rows * dst.cols, 0, dst.channels);
  };
  // A band of one destination image.
  auto compute = [&](int64_t image, int64_t slot, int64_t band, Ahead<T>& next) {
    const int64_t begin = band * dst.rows / bands, end = (band + 1) * dst.rows / bands;
    const S* source =
        in_place ? reinterpret_cast<const S*>(in) + image * src.size() : sources + slot * src.padded_size();
    S* result = out_place ? reinterpret_cast<S*>(out) + image * dst.size()
                : apart   ? results + (by_image ? slot : slot * bands + band) * band_size
                          : results + slot * dst.size();
    const int64_t top = apart ? begin : 0;  // the row that lies there
    for (const ConvPass* p = passes; p < passes + count; ++p) {
      const int64_t r0 = ceil_div(std::max<int64_t>(begin - p->first_row, 0), p->row_stride);
      const int64_t r1 = ceil_div(std::max<int64_t>(end - p->first_row, 0), p->row_stride);
      if (r0 >= r1 || p->cols <= 0) continue;
      const Tiling tiling(p->cols);
      TileArgs<S> t;
      t.segments = p->segments;
      t.depth = p->depth;
      t.offsets = p->offsets;
      t.row_stride = p->col_step;
      t.c_stride = p->to_col_step;
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t col = 0; col < dst_depth; col += kPanel<S>) {
          const int width = panel_width<S>(dst_depth - col);
          t.cols = int(std::min<int64_t>(dst_depth - col, width));
          t.b_stride = width;
          t.b = packed + g * packed_group + p->weights + col * p->segments * p->depth;
          for (int64_t r = r0; r < r1; ++r) {
            const S* a = source + p->from + r * p->row_step + g * src_depth;
            S* c = result + (p->first_row + r * p->row_stride - top) * dst_line + p->to + g * dst_depth + col;
            for (int64_t i = 0; i < tiling.count; ++i) {
              t.a = a + tiling.begin(i) * p->col_step;
              t.c = c + tiling.begin(i) * p->to_col_step;
              if constexpr (is_sum_type<T>) {
                const auto ahead = next.take(t.segments * t.depth);
                t.ahead.data = reinterpret_cast<const S*>(ahead.data), t.ahead.step = ahead.step;
              }
              tile_fn<S>(tiling.height(i), width)(t);
            }
          }
        }
      }
    }
    if (finish && (out_place || apart)) {
      finish((image * dst.rows + begin) * dst.cols, (end - begin) * dst.cols, 0, dst.channels,
             apart ? result : nullptr);
    }
  };

  double ns = macs / (sizeof(S) == 4 ? 50 : 25) + double(batch * (src.size() + dst.size())) / 4;
  if (by_image) {
    k.parallel_for(slots, ns / double(slots), [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        for (int64_t n = slot * batch / slots; n < (slot + 1) * batch / slots; ++n) {
          load(n, slot);
          const bool more = n + 1 < end * batch / slots;
          Ahead<T> next(in + (n + 1) * src.size(), more ? src.size() : 0);
          for (int64_t i = 0; i < bands; ++i) compute(n, slot, i, next);
          save(n, slot);
        }
      }
    });
    return;
  }
  if (!in_place) {
    k.parallel_for(batch, double(src.size()) / 4, [&](int64_t n, int64_t end) {
      for (; n < end; ++n) load(n, n);
    });
  }
  k.parallel_for(batch * bands, ns / double(batch * bands), [&](int64_t i, int64_t end) {
    for (; i < end; ++i) {
      Ahead<T> nothing;
      compute(i / bands, i / bands, i % bands, nothing);
    }
  });
  if (!out_place && !apart) {
    k.parallel_for(batch, double(dst.size()) / 4, [&](int64_t n, int64_t end) {
      for (; n < end; ++n) save(n, n);
    });
  }
}

}  // namespace thalweg::kernels
