// Convolutions over planes of pixels: forward and the gradient of the input.
#include <array>
#include <utility>

#include "thalweg/kernels/ahead.h"
#include "thalweg/kernels/conv_phase.h"
#include "thalweg/kernels/conv_planes.h"

namespace thalweg::kernels {
namespace {

using P = Packet<float>;

constexpr int kRegisters = kVectorBytes == 64 ? 32 : 16;
/// Output channels of a tile. As many vectors of pixels stand beside them as registers are left, with one per vector
/// for the pixels and one for a filter element.
constexpr int kTileChannels = kVectorBytes == 64 ? 8 : 6;
constexpr int tile_vectors(int channels) { return std::min((kRegisters - 1) / (channels + 1), 8); }

struct PlaneTile {
  const float* in;
  int64_t entries;
  const int64_t* offsets;
  const float* weights;  // [entries][channels]
  float* out;
  int64_t out_plane;
  Ahead<float>::Share ahead;  // fetched into the second-level cache
};

/// out[c][i] = sum over entries e of weights[e][c] * in[offsets[e] + i]
template <int channels, int vectors>
void plane_tile(const PlaneTile& t) {
  P acc[channels][vectors];
#pragma GCC unroll 8
  for (int c = 0; c < channels; ++c) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) acc[c][v] = P::zero();
  }
  const float *w = t.weights, *ahead = t.ahead.data;
  for (int64_t e = 0; e < t.entries; ++e, w += channels, ahead += t.ahead.step) {
    __builtin_prefetch(ahead, 0, 2);
    const float* in = t.in + t.offsets[e];
    P x[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) x[v] = P::load(in + v * P::size);
#pragma GCC unroll 8
    for (int c = 0; c < channels; ++c) {
      P wc = P::set(w[c]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) acc[c][v] = fma(wc, x[v], acc[c][v]);
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < channels; ++c) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) acc[c][v].store(t.out + c * t.out_plane + v * P::size);
  }
}

using PlaneTileFn = void (*)(const PlaneTile&);

template <int channels, int... v>
constexpr std::array<PlaneTileFn, 8> tiles_of(std::integer_sequence<int, v...>) {
  return {&plane_tile<channels, v + 1>...};
}
template <int... c>
constexpr std::array<std::array<PlaneTileFn, 8>, kTileChannels> all_tiles(std::integer_sequence<int, c...>) {
  return {tiles_of<c + 1>(std::make_integer_sequence<int, tile_vectors(c + 1)>())...};
}
constexpr auto kTiles = all_tiles(std::make_integer_sequence<int, kTileChannels>());

/// Results of one phase of the destination: each a sum over the same entries (a tap and a channel) of the planes.
struct PlanePass {
  int64_t rows, cols;            // pixels
  int64_t first_row, first_col;  // where they start in the destination
  int64_t entries;
  const int64_t* offsets;  // of the entries in the source's planes
  const float* weights;    // [tile of channels][entries][channels of the tile]
};

/// A convolution as passes over planes of its source, band by band.
struct PlaneWork {
  int64_t batch;
  PlaneLayout layout;
  ImageShape dst;
  int64_t dst_row_stride, dst_col_stride;  // between the pixels of a pass
  int64_t band, bands;                     // rows of a pass made at a time
  double ns;

  /// `window_rows` + (n - 1) * row_stride padded rows of the source make n of the `rows` rows of a pass.
  static PlaneWork make(const ConvShape& s, const ImageShape& src, const ImageShape& dst, int64_t rows,
                        int64_t window_rows, int64_t row_stride, int64_t col_stride) {
    const double ns = s.macs() / 40 + double(s.batch * (src.size() + dst.size())) / 2;
    PlaneLayout whole(src, window_rows + (rows - 1) * row_stride, row_stride, col_stride);
    constexpr int64_t kCache = int64_t(1) << 17;  // elements: half of the second-level cache
    int64_t bands = ceil_div(whole.size() + dst.size(), kCache);
    // Too few images to share out: bands, where they are worth another thread and taller than the windows.
    if (s.batch < kImagePieces && ns > 40e3) bands = std::max(bands, ceil_div(kImagePieces, s.batch));
    const int64_t band = std::min(rows, std::max(ceil_div(rows, bands), window_rows));
    return {s.batch,
            PlaneLayout(src, window_rows + (band - 1) * row_stride, row_stride, col_stride),
            dst,
            1,
            1,
            band,
            ceil_div(rows, band),
            ns};
  }

  void run(KernelContext& k, const float* in, float* out, const PlanePass* passes, int64_t count, Finish finish) const {
    const int64_t units = batch * bands, slots = std::min(units, kImagePieces);
    const int64_t out_plane = ceil_div(band * layout.width, P::size) * P::size;
    // What `finish` reads is made in a block of its own, so that the result is written once.
    const int64_t block_rows = std::min(band * dst_row_stride, dst.rows),
                  block_size = finish ? block_rows * dst.cols * dst.channels : 0;
    const int64_t planes_size = layout.size(), results_size = dst.channels * out_plane;
    const int64_t slot_size = planes_size + ceil_div(results_size + block_size, P::size) * P::size;
    float* scratch = k.scratch<float>(slots * slot_size);
    k.parallel_for(slots, ns / double(slots), [&](int64_t slot, int64_t end) {
      // Slots that come one after another on a thread share their planes, which are then in its cache.
      float *planes = scratch + slot * slot_size, *results = planes + planes_size, *block = results + results_size;
      std::fill_n(planes, planes_size, 0.0f);
      const int64_t last = end * units / slots;
      for (int64_t unit = slot * units / slots; unit < last; ++unit) {
        const int64_t image = unit / bands, first = unit % bands * band;
        const int64_t r0 = std::min(first * dst_row_stride, dst.rows);
        const int64_t r1 = std::min((first + band) * dst_row_stride, dst.rows);
        const int64_t pixel = (image * dst.rows + r0) * dst.cols;
        layout.load(in + image * layout.image.size(), first * layout.row_phases, planes);
        // Images that lie behind one another: bands of large ones are fetched well enough by the hardware.
        const bool more = bands == 1 && unit + 1 < last;
        Ahead<float> of_in(in + (image + 1) * layout.image.size(), more ? layout.image.size() : 0);
        Ahead<float> of_out(out + image * dst.size(), bands == 1 ? dst.size() : 0);
        for (const PlanePass* p = passes; p < passes + count; ++p) {
          const int64_t rows = std::min(band, p->rows - first);
          if (rows <= 0 || p->cols <= 0) continue;
          sums(*p, rows, planes, results, out_plane, of_out, of_in);
          finish ? save(*p, first, rows, results, out_plane, block, r0)
                 : save(*p, first, rows, results, out_plane, out + image * dst.size(), 0);
        }
        if (finish) finish(pixel, (r1 - r0) * dst.cols, 0, dst.channels, block);
      }
    });
  }

  /// The first `rows` rows of a pass, in planes of `out_plane`.
  void sums(const PlanePass& p, int64_t rows, const float* planes, float* out, int64_t out_plane, Ahead<float>& sooner,
            Ahead<float>& later) const {
    const int64_t vectors = ceil_div((rows - 1) * layout.width + p.cols, P::size);
    const Parts channels(dst.channels, kTileChannels);
    for (int64_t i = 0; i < channels.count; ++i) {
      const int64_t c = channels.begin(i), n = channels.size(i);
      const Parts runs(vectors, tile_vectors(int(n)));
      for (int64_t j = 0; j < runs.count; ++j) {
        const int64_t at = runs.begin(j) * P::size;
        const PlaneTile t{planes + at,
                          p.entries,
                          p.offsets,
                          p.weights + c * p.entries,
                          out + c * out_plane + at,
                          out_plane,
                          (sooner.empty() ? later : sooner).take(p.entries)};
        kTiles[size_t(n - 1)][size_t(runs.size(j) - 1)](t);
      }
    }
  }

  /// Rows [first, first + rows) of a pass to their place among the pixels, the first of which belong to row `top`.
  void save(const PlanePass& p, int64_t first, int64_t rows, const float* in, int64_t plane, float* image,
            int64_t top) const {
    const int64_t channels = dst.nchw ? 1 : dst.channels;  // that lie beside each other
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t pixel = (p.first_row + (first + r) * dst_row_stride - top) * dst.cols + p.first_col;
      for (int64_t c = 0; c < dst.channels; c += channels) {
        join_pixels(in + c * plane + r * layout.width, plane, p.cols, channels,
                    image + c * dst.rows * dst.cols + pixel * channels, dst_col_stride * channels);
      }
    }
  }
};

/// The filter in the order that a pass reads it: entry e's element for a channel is filter[origins[e] + channel *
/// step].
void pack_weights(const float* filter, int64_t entries, const int64_t* origins, int64_t channels, int64_t step,
                  float* out) {
  const Parts parts(channels, kTileChannels);
  for (int64_t i = 0; i < parts.count; ++i) {
    const int64_t first = parts.begin(i) * step, n = parts.size(i);
    for (int64_t e = 0; e < entries; ++e) {
      const float* from = filter + origins[e] + first;
      if (step == 1 && n >= 4) {  // n <= 8: two halves that may overlap
        store_four(load_four(from), out);
        store_four(load_four(from + n - 4), out + n - 4);
      } else {
        for (int64_t c = 0; c < n; ++c) out[c] = from[c * step];
      }
      out += n;
    }
  }
}

}  // namespace

void planes_forward(KernelContext& k, const ConvShape& s, const float* x, const float* filter, float* y,
                    Finish finish) {
  const int64_t c = s.filter_channels, entries = s.taps() * c, outs = s.y.channels;
  const PlaneWork work = PlaneWork::make(s, s.padded_x(), s.y, s.y.rows, (s.row.kernel - 1) * s.row.dilation + 1,
                                         s.row.stride, s.col.stride);
  int64_t *offsets = k.scratch<int64_t>(2 * entries), *origins = offsets + entries;
  float* weights = k.scratch<float>(entries * outs);
  work.layout.tap_offsets(s.row, s.col, offsets);
  for (int64_t i = 0, e = 0; i < c; ++i) {
    for (int64_t tap = 0; tap < s.taps(); ++tap, ++e) origins[e] = (tap * c + i) * outs;
  }
  pack_weights(filter, entries, origins, outs, 1, weights);
  const PlanePass pass{s.y.rows, s.y.cols, 0, 0, entries, offsets, weights};
  work.run(k, x, y, &pass, 1, finish);
}

void planes_backward_input(KernelContext& k, const ConvShape& s, const float* filter, const float* dy, float* dx,
                           Finish finish) {
  const ImageShape src = s.padded_y(), &dst = s.x;
  const int64_t outs = s.y.channels, c = s.filter_channels;
  const int64_t row_phases = std::min(s.row.stride, dst.rows), col_phases = std::min(s.col.stride, dst.cols);
  int64_t window = 1;
  for (int64_t p = 0; p < row_phases; ++p) {
    const Phase f = find_phase(s.row, p);
    if (f.count > 0) window = std::max(window, f.first + src.top + (f.count - 1) * f.step + 1);
  }
  PlaneWork work = PlaneWork::make(s, src, dst, phase_positions(dst.rows, 0, s.row.stride), window, 1, 1);
  work.dst_row_stride = s.row.stride;
  work.dst_col_stride = s.col.stride;
  int64_t *offsets = k.scratch<int64_t>(2 * s.taps() * outs), *origins = offsets + s.taps() * outs;
  float* weights = k.scratch<float>(s.filter_size());
  PlanePass* passes = k.scratch<PlanePass>(row_phases * col_phases);
  int64_t count = 0;
  for (int64_t pr = 0; pr < row_phases; ++pr) {
    const Phase fr = find_phase(s.row, pr);
    for (int64_t pc = 0; pc < col_phases; ++pc) {
      const Phase fc = find_phase(s.col, pc);
      const int64_t taps = fr.count * fc.count, entries = taps * outs;
      int64_t e = 0;
      for (int64_t r = 0; r < fr.count; ++r) {
        for (int64_t q = 0; q < fc.count; ++q, ++e) {
          const int64_t tap = (fr.first_tap - r * fr.tap_step) * s.col.kernel + fc.first_tap - q * fc.tap_step;
          offsets[e] = work.layout.offset(fr.first + src.top + r * fr.step, fc.first + src.left + q * fc.step);
          origins[e] = tap * c * outs;
        }
      }
      for (; e < entries; ++e) {
        offsets[e] = offsets[e - taps] + work.layout.channel_size();
        origins[e] = origins[e - taps] + 1;
      }
      pack_weights(filter, entries, origins, c, outs, weights);
      passes[count++] = {phase_positions(dst.rows, pr, s.row.stride),
                         phase_positions(dst.cols, pc, s.col.stride),
                         pr,
                         pc,
                         entries,
                         offsets,
                         weights};
      offsets += entries;
      weights += entries * c;
    }
  }
  work.run(k, dy, dx, passes, count, finish);
}

}  // namespace thalweg::kernels
