// The gradient of a filter with lanes along its rows. In a channels-last image the inputs under one filter row are
// contiguous, so the gradient of that row, transposed, is the product of dy^T (channels by pixels) and of a matrix that
// has a row per pixel: pieces of the image, read where they lie, that overlap.
#include "thalweg/kernels/ahead.h"
#include "thalweg/kernels/column_sums.h"
#include "thalweg/kernels/conv_filter.h"
#include "thalweg/kernels/conv_methods.h"
#include "thalweg/kernels/gemm_pack.h"

namespace thalweg::kernels {

void patches_backward_filter(KernelContext& k, const ConvShape& s, const float* x, const float* dy, float* dfilter,
                             float* dbias) {
  using P = Packet<float>;
  constexpr int64_t kWidth = kPanel<float>;
  const ImageShape src = s.padded_x(), &out = s.y;
  const int64_t size = s.filter_size(), outs = out.channels, pixels = out.rows * out.cols;
  const int64_t patch_row = s.col.kernel * src.channels, patch = s.row.kernel * patch_row;
  const int64_t line = src.padded_cols() * src.channels;
  // Pieces of the batch, each with a sum of its own; large filters get few, and their rows are shared out instead.
  const int64_t pieces = std::clamp<int64_t>((int64_t(8) << 20) / size, 1, std::min(s.batch, kImagePieces));
  const int64_t shares = pieces >= 8 ? 1 : std::min(s.row.kernel, 16 / pieces);
  // Small images pass in groups, large ones in bands of rows: enough pixels to pay for a visit to the sums, few enough
  // to stay in the second-level cache while the tiles pass and to keep rounding errors small.
  constexpr int64_t kPixels = 512, kCache = int64_t(1) << 16;
  const int64_t pixel_floats = ceil_div(src.padded_size() + out.size(), pixels);
  const int64_t most = std::max<int64_t>(std::min(kPixels, kCache / pixel_floats), 1);
  const int64_t group = std::clamp<int64_t>(most / pixels, 1, ceil_div(s.batch, pieces));
  const int64_t bands = group > 1 ? 1 : std::min(ceil_div(pixels, most), out.rows);

  // A piece's sums: the filter's [outs][patch], then the bias's.
  const int64_t all = ceil_div(size + outs, P::size) * P::size, tasks = pieces * shares;
  float *sums = k.scratch<float>(pieces * all), *transposed = k.scratch<float>(size);
  // The last vector of a row of lanes may reach beyond the image.
  const int64_t image_size = src.padded_size(), images_size = ceil_div(group * image_size + kWidth, P::size) * P::size;
  float* images = k.scratch<float>(tasks * images_size);
  const int64_t segments = group * out.rows;
  int64_t *dy_offsets = k.scratch<int64_t>(2 * segments), *x_offsets = dy_offsets + segments;
  for (int64_t i = 0; i < segments; ++i) {
    dy_offsets[i] = i * out.cols * outs;
    x_offsets[i] = i / out.rows * image_size + i % out.rows * s.row.stride * line;
  }

  auto task = [&](int64_t index) {
    const int64_t piece = index / shares, share = index % shares;
    const int64_t first = piece * s.batch / pieces, last = (piece + 1) * s.batch / pieces;
    const int64_t row0 = share * s.row.kernel / shares, row1 = (share + 1) * s.row.kernel / shares;
    float *sum = sums + piece * all, *image = images + index * images_size;
    float* bias = dbias && share == 0 ? sum + size : nullptr;
    if (bias) std::fill_n(bias, outs, 0.0f);
    TileArgs<float> t;
    t.depth = out.cols;
    t.row_stride = 1;
    t.step = outs;
    t.b_stride = s.col.stride * src.channels;
    t.c_stride = patch;
    const Tiling tiling(outs);
    for (int64_t n = first; n < last; n += group) {
      const int64_t count = std::min(group, last - n);
      for (int64_t i = 0; i < count; ++i) load_image(src, x + (n + i) * src.size(), image + i * image_size);
      const int64_t next = std::min(last - n - count, group);
      Ahead<float> of_dy(dy + (n + count) * out.size(), next * out.size());
      Ahead<float> of_x(x + (n + count) * src.size(), next * src.size());
      if (bias) add_columns(dy + n * out.size(), count * pixels, outs, bias);
      for (int64_t band = 0; band < bands; ++band) {
        const int64_t begin = band * out.rows / bands,
                      end = bands > 1 ? (band + 1) * out.rows / bands : count * out.rows;
        t.segments = end - begin;
        t.offsets = dy_offsets + begin;
        t.b_offsets = x_offsets + begin;
        t.accumulate = n > first || band > 0;
        for (int64_t row = row0; row < row1; ++row) {
          for (int64_t col = 0; col < patch_row; col += kWidth) {
            const int width = panel_width<float>(patch_row - col);
            t.cols = int(std::min<int64_t>(patch_row - col, width));
            t.b = image + row * s.row.dilation * line + col;
            for (int64_t i = 0; i < tiling.count; ++i) {
              t.a = dy + n * out.size() + tiling.begin(i);
              t.c = sum + tiling.begin(i) * patch + row * patch_row + col;
              const auto ahead = (of_x.empty() ? of_dy : of_x).take(t.segments * t.depth);
              t.ahead.data = ahead.data, t.ahead.step = ahead.step;
              tile_fn<float>(tiling.height(i), width)(t);
            }
          }
        }
      }
    }
  };
  const double ns = s.macs() / 50 + double(s.batch * (src.size() + out.size())) / 4;
  k.parallel_for(tasks, ns / double(tasks), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) task(i);
  });

  add_pieces(k, sums, pieces, all, size, transposed, dbias ? outs : 0, dbias);
  detail::pack_lines(transposed, patch, outs, patch, outs, dfilter);
}

}  // namespace thalweg::kernels
