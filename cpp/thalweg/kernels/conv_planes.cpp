// Images to planes of pixels and back.
#include "thalweg/kernels/conv_planes.h"

#include <utility>

namespace thalweg::kernels {
namespace {

// Blocks of 4 pixels, for rows of few.

void split_short(const float* in, int64_t pixel_stride, int64_t pixels, int64_t channels, float* out, int64_t plane) {
  for (int64_t at = 0; at < pixels; at += 4) {
    const int64_t i = std::min(at, pixels - 4);
    for (int64_t ch = 0; ch < channels; ch += 4) {
      const int64_t c = std::min(ch, channels - 4);
      const float* from = in + i * pixel_stride + c;
      Four r[4];
      for (int j = 0; j < 4; ++j) r[j] = load_four(from + j * pixel_stride);
      transpose_blocks(r);
      for (int j = 0; j < 4; ++j) store_four(r[j], out + (c + j) * plane + i);
    }
  }
}

void join_short(const float* in, int64_t plane, int64_t pixels, int64_t channels, float* out, int64_t pixel_stride) {
  for (int64_t at = 0; at < pixels; at += 4) {
    const int64_t i = std::min(at, pixels - 4);
    for (int64_t ch = 0; ch < channels; ch += 4) {
      const int64_t c = std::min(ch, channels - 4);
      Four r[4];
      for (int j = 0; j < 4; ++j) r[j] = load_four(in + (c + j) * plane + i);
      transpose_blocks(r);
      for (int j = 0; j < 4; ++j) store_four(r[j], out + (i + j) * pixel_stride + c);
    }
  }
}

/// A vector's number of pixels is read, the first `n` are stored.
void split_vector(const float* in, int64_t pixel_stride, int64_t n, int64_t channels, float* out, int64_t plane) {
  for (int64_t ch = 0; ch < channels; ch += 4) {
    const int64_t c = std::min(ch, channels - 4);
    Floats r[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const float* p[kBlocks];
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) p[b] = in + (4 * b + j) * pixel_stride + c;
      r[j] = load_blocks(p);
    }
    transpose_blocks(r);
    if (n == Floats::size) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) r[j].store(out + (c + j) * plane);
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) r[j].store(out + (c + j) * plane, int(n));
    }
  }
}

/// Stores the first `n` pixels of a vector's number.
template <int... block>
void join_vector(const float* in, int64_t plane, int64_t n, int64_t channels, float* out, int64_t pixel_stride,
                 std::integer_sequence<int, block...>) {
  for (int64_t ch = 0; ch < channels; ch += 4) {
    const int64_t c = std::min(ch, channels - 4);
    Floats r[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) r[j] = Floats::load(in + (c + j) * plane);
    transpose_blocks(r);
    auto store = [&](Four v, int64_t i) { store_four(v, out + i * pixel_stride + c); };
    if (n == Floats::size) {
      ((store(block_of<block>(r[0]), 4 * block), store(block_of<block>(r[1]), 4 * block + 1),
        store(block_of<block>(r[2]), 4 * block + 2), store(block_of<block>(r[3]), 4 * block + 3)),
       ...);
    } else {
      auto store_if = [&](Four v, int64_t i) {
        if (i < n) store(v, i);
      };
      ((store_if(block_of<block>(r[0]), 4 * block), store_if(block_of<block>(r[1]), 4 * block + 1),
        store_if(block_of<block>(r[2]), 4 * block + 2), store_if(block_of<block>(r[3]), 4 * block + 3)),
       ...);
    }
  }
}

constexpr int64_t kLanes = Floats::size;

}  // namespace

// Both ways go in blocks of 4 channels. The last block of an axis ends where the data end, and does some of the one
// before it again.

void split_pixels(const float* in, int64_t pixel_stride, int64_t pixels, int64_t readable, int64_t channels, float* out,
                  int64_t plane) {
  if (channels == 1 && pixel_stride == 1) return void(std::copy_n(in, pixels, out));
  if (channels < 4 || pixels < 4) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < pixels; ++i) out[c * plane + i] = in[i * pixel_stride + c];
    }
    return;
  }
  if (readable < kLanes) return split_short(in, pixel_stride, pixels, channels, out, plane);
  if (pixels < kLanes) return split_vector(in, pixel_stride, pixels, channels, out, plane);
  for (int64_t at = 0; at < pixels; at += kLanes) {
    const int64_t i = std::min(at, pixels - kLanes);
    split_vector(in + i * pixel_stride, pixel_stride, kLanes, channels, out + i, plane);
  }
}

void join_pixels(const float* in, int64_t plane, int64_t pixels, int64_t channels, float* out, int64_t pixel_stride) {
  if (channels == 1 && pixel_stride == 1) return void(std::copy_n(in, pixels, out));
  if (channels < 4 || pixels < 4) {
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t c = 0; c < channels; ++c) out[i * pixel_stride + c] = in[c * plane + i];
    }
    return;
  }
  if (2 * pixels <= kLanes) return join_short(in, plane, pixels, channels, out, pixel_stride);
  for (int64_t at = 0; at < pixels; at += kLanes) {
    const int64_t i = std::max<int64_t>(std::min(at, pixels - kLanes), 0);
    join_vector(in + i, plane, std::min(kLanes, pixels), channels, out + i * pixel_stride, pixel_stride,
                std::make_integer_sequence<int, kBlocks>());
  }
}

void PlaneLayout::tap_offsets(const ops::Axis& row, const ops::Axis& col, int64_t* offsets) const {
  const int64_t taps = row.kernel * col.kernel;
  for (int64_t r = 0, e = 0; r < row.kernel; ++r) {
    for (int64_t q = 0; q < col.kernel; ++q, ++e) offsets[e] = offset(r * row.dilation, q * col.dilation);
  }
  for (int64_t e = taps; e < image.channels * taps; ++e) offsets[e] = offsets[e - taps] + channel_size();
}

void PlaneLayout::load(const float* in, int64_t first, float* out) const {
  const int64_t phases = row_phases * col_phases;
  const int64_t pixel = image.nchw ? 1 : image.channels;  // between neighbours of a row
  for (int64_t i = 0; i < rows * row_phases; ++i) {
    const int64_t row = first + i - image.top;
    float* line = out + i % row_phases * col_phases * plane + i / row_phases * width;
    if (row < 0 || row >= image.rows) {
      for (int64_t c = 0; c < image.channels; ++c) {
        for (int64_t p = 0; p < col_phases; ++p) std::fill_n(line + (c * phases + p) * plane, width, 0.0f);
      }
      continue;
    }
    for (int64_t p = 0; p < col_phases; ++p) {
      // The first pixel of this phase at or after the left edge.
      const int64_t at = ceil_div(std::max<int64_t>(image.left - p, 0), col_phases),
                    col = at * col_phases + p - image.left;
      const int64_t pixels = std::max<int64_t>(0, ceil_div(image.cols - col, col_phases));
      // To the end of the image, at the stride of a phase.
      const int64_t readable = ceil_div((image.rows - row) * image.cols - col, col_phases);
      float* to = line + p * plane + at;
      if (!image.nchw) {
        split_pixels(in + (row * image.cols + col) * pixel, col_phases * pixel, pixels, readable, image.channels, to,
                     phases * plane);
        continue;
      }
      for (int64_t c = 0; c < image.channels; ++c) {
        split_pixels(in + (c * image.rows + row) * image.cols + col, col_phases, pixels, pixels, 1,
                     to + c * phases * plane, 0);
      }
    }
  }
}

}  // namespace thalweg::kernels
