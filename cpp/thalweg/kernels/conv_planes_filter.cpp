// The gradient of a filter over planes of pixels: each element is the dot product of a plane of the image, shifted by
// its tap, with a plane of the output's gradient.
#include <array>
#include <utility>

#include "thalweg/kernels/conv_filter.h"
#include "thalweg/kernels/conv_planes.h"

namespace thalweg::kernels {
namespace {

using P = Packet<float>;

/// A tile: this many planes of the output's gradient by this many taps, so that sums, loads and one spare fit the
/// registers.
constexpr int kTileOuts = kVectorBytes == 64 ? 4 : 2;
constexpr int kTileTaps = 6;

#if defined(__AVX512F__)
using LaneMask = __mmask16;
constexpr int64_t kMasks = 1;  // LaneMasks per vector
inline P load_lanes(const float* p, const LaneMask* mask) { return {_mm512_maskz_loadu_ps(*mask, p)}; }
inline void set_lane(LaneMask* masks, int64_t i) { masks[i / 16] = LaneMask(masks[i / 16] | 1u << i % 16); }
#else
using LaneMask = int32_t;
constexpr int64_t kMasks = P::size;
inline P load_lanes(const float* p, const LaneMask* mask) {
  P::Mask bits, x;
  std::memcpy(&bits, mask, sizeof bits);
  std::memcpy(&x, p, sizeof x);
  return {P::V(bits & x)};
}
inline void set_lane(LaneMask* masks, int64_t i) { masks[i] = -1; }
#endif

struct DotTile {
  int64_t images, vectors;  // vectors of one plane of the output's gradient
  const LaneMask* masks;    // which of their elements are pixels
  const float* x;
  int64_t x_image;         // from one image's planes to the next's
  const int64_t* offsets;  // of the taps in x
  const float* dy;
  int64_t dy_image, dy_plane;
  float* sums;          // one row per tap
  const int64_t* rows;  // which row is a tap's
  int64_t row_size;
};

/// sums[rows[t]][o] += sum over i of x[offsets[t] + i] * dy[o][i], for all images. Lanes between rows of pixels are
/// masked: zeros in dy would turn an infinity of x into a NaN.
template <int outs, int taps>
void dot_tile(const DotTile& t) {
  P acc[taps][outs];
#pragma GCC unroll 8
  for (int i = 0; i < taps; ++i) {
#pragma GCC unroll 4
    for (int o = 0; o < outs; ++o) acc[i][o] = P::zero();
  }
  for (int64_t n = 0; n < t.images; ++n) {
    const float* x[taps];
#pragma GCC unroll 8
    for (int i = 0; i < taps; ++i) x[i] = t.x + n * t.x_image + t.offsets[i];
    const float* dy = t.dy + n * t.dy_image;
    const int64_t plane = t.dy_plane;
    for (int64_t v = 0; v < t.vectors; ++v) {
      P g[outs];
#pragma GCC unroll 4
      for (int o = 0; o < outs; ++o) g[o] = P::load(dy + o * plane + v * P::size);
#pragma GCC unroll 8
      for (int i = 0; i < taps; ++i) {
        P xi = load_lanes(x[i] + v * P::size, t.masks + v * kMasks);
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o) acc[i][o] = fma(xi, g[o], acc[i][o]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < taps; ++i) {
    P r[4] = {P::zero(), P::zero(), P::zero(), P::zero()};
#pragma GCC unroll 4
    for (int o = 0; o < outs; ++o) r[o] = acc[i][o];
    const Four total = sums_of(r);
    float* to = t.sums + t.rows[i] * t.row_size;
    if constexpr (outs == 4) {
      store_four(load_four(to) + total, to);
    } else {
#pragma GCC unroll 4
      for (int o = 0; o < outs; ++o) to[o] += total[o];
    }
  }
}

using DotTileFn = void (*)(const DotTile&);

template <int outs, int... t>
constexpr std::array<DotTileFn, kTileTaps> tiles_of(std::integer_sequence<int, t...>) {
  return {&dot_tile<outs, t + 1>...};
}
template <int... o>
constexpr std::array<std::array<DotTileFn, kTileTaps>, kTileOuts> all_tiles(std::integer_sequence<int, o...>) {
  return {tiles_of<o + 1>(std::make_integer_sequence<int, kTileTaps>())...};
}
/// A band of the output's gradient in planes as wide as those of the image; `out` holds zeros or another band.
void load_gradient(const ImageShape& y, const float* in, int64_t first, int64_t rows, int64_t width, int64_t plane,
                   float* out) {
  for (int64_t r = 0; r < rows; ++r) {
    float* to = out + r * width;
    if (first + r >= y.rows) {
      for (int64_t c = 0; c < y.channels; ++c) std::fill_n(to + c * plane, y.cols, 0.0f);
    } else if (y.nchw) {
      for (int64_t c = 0; c < y.channels; ++c) {
        std::copy_n(in + (c * y.rows + first + r) * y.cols, y.cols, to + c * plane);
      }
    } else {
      split_pixels(in + (first + r) * y.cols * y.channels, y.channels, y.cols, (y.rows - first - r) * y.cols,
                   y.channels, to, plane);
    }
  }
}

float plane_sum(const float* in, int64_t vectors) {
  P acc[4] = {P::zero(), P::zero(), P::zero(), P::zero()};
  for (int64_t v = 0; v < vectors; ++v) acc[v % 4] = acc[v % 4] + P::load(in + v * P::size);
  return sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
}

constexpr auto kTiles = all_tiles(std::make_integer_sequence<int, kTileOuts>());

}  // namespace

void planes_backward_filter(KernelContext& k, const ConvShape& s, const float* x, const float* dy, float* dfilter,
                            float* dbias) {
  const int64_t c = s.filter_channels, outs = s.y.channels, size = s.filter_size();
  const int64_t window = (s.row.kernel - 1) * s.row.dilation + 1;
  const ImageShape src = s.padded_x();

  // Bands of images that are too large for half the second-level cache; groups of those that are small.
  constexpr int64_t kCache = int64_t(1) << 16;
  const PlaneLayout whole(src, window + (s.y.rows - 1) * s.row.stride, s.row.stride, s.col.stride);
  const int64_t floats = whole.size() + outs * s.y.rows * whole.width;
  const int64_t band = std::min(s.y.rows, std::max(ceil_div(s.y.rows, ceil_div(floats, kCache)), window));
  const int64_t bands = ceil_div(s.y.rows, band), units = s.batch * bands;
  PlaneLayout layout(src, window + (band - 1) * s.row.stride, s.row.stride, s.col.stride);
  const int64_t pieces = std::min(units, kImagePieces);
  const int64_t vectors = ceil_div((band - 1) * layout.width + s.y.cols, P::size), pitch = vectors * P::size;
  // As many images at a time as keep their planes of dy near the first-level cache while the taps pass (those of one
  // tile fit it easily): the tiles are added up once for all of them. Bands are not grouped: the last one may have
  // fewer rows.
  constexpr int64_t kNear = 12288;
  const int64_t most = ceil_div(units, pieces);
  const int64_t groups = ceil_div(most, std::clamp<int64_t>(kNear / (outs * pitch), 1, most));
  const int64_t group = bands > 1 ? 1 : ceil_div(most, groups);
  // Where the planes of x are no larger than those of dy, those of a group lie end to end and are one long plane.
  const bool stacked = bands == 1 && layout.plane <= pitch;
  if (stacked) layout.plane = group * pitch;
  const int64_t plane = stacked ? group * pitch : pitch;  // from one plane of dy to the next
  const int64_t x_step = stacked ? pitch : layout.size(), dy_step = stacked ? pitch : outs * pitch;  // between images
  const int64_t x_size = stacked ? layout.size() : group * x_step, dy_size = group * outs * pitch;

  const int64_t entries = s.taps() * c;
  int64_t *offsets = k.scratch<int64_t>(2 * entries), *rows = offsets + entries;
  layout.tap_offsets(s.row, s.col, offsets);
  for (int64_t i = 0, e = 0; i < c; ++i) {
    for (int64_t tap = 0; tap < s.taps(); ++tap, ++e) rows[e] = tap * c + i;
  }
  // The pixels among the lanes of a whole band, then those of the last; or those of a group.
  const int64_t mask_size = vectors * kMasks, masks_count = stacked ? group : 2;
  LaneMask* masks = k.scratch<LaneMask>(masks_count * mask_size);
  std::fill_n(masks, masks_count * mask_size, LaneMask(0));
  for (int64_t i = 0; i < masks_count; ++i) {
    const int64_t mask_rows = bands > 1 && i == 1 ? s.y.rows - (bands - 1) * band : band;
    for (int64_t r = 0; r < mask_rows; ++r) {
      for (int64_t q = 0; q < s.y.cols; ++q) set_lane(masks + i * mask_size, r * layout.width + q);
    }
  }

  const int64_t all = ceil_div(size + outs, P::size) * P::size;  // a piece's sums: the filter's, then the bias's
  float* piece_sums = k.scratch<float>(pieces * all);
  float* scratch = k.scratch<float>(pieces * (x_size + dy_size));
  const double ns = s.macs() / 40 + double(s.batch * (src.size() + s.y.size())) / 2;
  k.parallel_for(pieces, ns / double(pieces), [&](int64_t piece, int64_t end) {
    // Pieces that come one after another on a thread share their planes, which are then in its cache.
    float *images = scratch + piece * (x_size + dy_size), *grads = images + x_size;
    std::fill_n(images, x_size + dy_size, 0.0f);
    for (; piece < end; ++piece) {
      float* sums = piece_sums + piece * all;
      std::fill_n(sums, all, 0.0f);
      const int64_t last = (piece + 1) * units / pieces;
      for (int64_t unit = piece * units / pieces; unit < last; unit += group) {
        const int64_t n = std::min(group, last - unit);
        for (int64_t i = 0; i < n; ++i) {
          const int64_t image = (unit + i) / bands, first = (unit + i) % bands * band;
          layout.load(x + image * src.size(), first * s.row.stride, images + i * x_step);
          load_gradient(s.y, dy + image * s.y.size(), first, band, layout.width, plane, grads + i * dy_step);
        }
        const bool short_band = bands > 1 && (unit + 1) % bands == 0;
        DotTile t{};
        t.images = stacked ? 1 : n;
        t.vectors = stacked ? n * vectors : vectors;
        t.masks = masks + (short_band ? mask_size : 0);
        t.x = images;
        t.x_image = x_step;
        t.dy_image = dy_step;
        t.dy_plane = plane;
        t.row_size = outs;
        const Parts taps(entries, kTileTaps), tiles(outs, kTileOuts);
        for (int64_t i = 0; i < taps.count; ++i) {
          t.offsets = offsets + taps.begin(i);
          t.rows = rows + taps.begin(i);
          for (int64_t j = 0; j < tiles.count; ++j) {
            t.dy = grads + tiles.begin(j) * plane;
            t.sums = sums + tiles.begin(j);
            kTiles[size_t(tiles.size(j) - 1)][size_t(taps.size(i) - 1)](t);
          }
        }
        if (!dbias) continue;
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t o = 0; o < outs; ++o) sums[size + o] += plane_sum(grads + i * dy_step + o * plane, vectors);
        }
      }
    }
  });
  add_pieces(k, piece_sums, pieces, all, size, dfilter, dbias ? outs : 0, dbias);
}

}  // namespace thalweg::kernels
