// Images to planes of pixels and back.
#include "thalweg/kernels/conv_planes.h"

namespace thalweg::kernels {
namespace {

Four load_four(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace

// Both ways go in blocks of 4 pixels and 4 channels. The last block along each axis ends where the data end, and does
// some of the one before it again.

void split_pixels(const float* in, int64_t pixel_stride, int64_t pixels, int64_t channels, float* out, int64_t plane) {
  if (channels == 1 && pixel_stride == 1) return void(std::copy_n(in, pixels, out));
  if (channels < 4 || pixels < 4) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < pixels; ++i) out[c * plane + i] = in[i * pixel_stride + c];
    }
    return;
  }
  for (int64_t at = 0; at < pixels; at += 4) {
    const int64_t i = std::min(at, pixels - 4);
    for (int64_t ch = 0; ch < channels; ch += 4) {
      const int64_t c = std::min(ch, channels - 4);
      const float* from = in + i * pixel_stride + c;
      Four r[4] = {load_four(from), load_four(from + pixel_stride), load_four(from + 2 * pixel_stride),
                   load_four(from + 3 * pixel_stride)};
      transpose(r);
      for (int j = 0; j < 4; ++j) std::memcpy(out + (c + j) * plane + i, &r[j], sizeof r[j]);
    }
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
  for (int64_t at = 0; at < pixels; at += 4) {
    const int64_t i = std::min(at, pixels - 4);
    for (int64_t ch = 0; ch < channels; ch += 4) {
      const int64_t c = std::min(ch, channels - 4);
      const float* from = in + c * plane + i;
      Four r[4] = {load_four(from), load_four(from + plane), load_four(from + 2 * plane), load_four(from + 3 * plane)};
      transpose(r);
      for (int j = 0; j < 4; ++j) std::memcpy(out + (i + j) * pixel_stride + c, &r[j], sizeof r[j]);
    }
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
    float* line = out + i % row_phases * col_phases * plane() + i / row_phases * width;
    if (row < 0 || row >= image.rows) {
      for (int64_t c = 0; c < image.channels; ++c) {
        for (int64_t p = 0; p < col_phases; ++p) std::fill_n(line + (c * phases + p) * plane(), width, 0.0f);
      }
      continue;
    }
    for (int64_t p = 0; p < col_phases; ++p) {
      // The first pixel of this phase at or after the left edge.
      const int64_t at = ceil_div(std::max<int64_t>(image.left - p, 0), col_phases),
                    col = at * col_phases + p - image.left;
      const int64_t pixels = std::max<int64_t>(0, ceil_div(image.cols - col, col_phases));
      float* to = line + p * plane() + at;
      if (!image.nchw) {
        split_pixels(in + (row * image.cols + col) * pixel, col_phases * pixel, pixels, image.channels, to,
                     phases * plane());
        continue;
      }
      for (int64_t c = 0; c < image.channels; ++c) {
        split_pixels(in + (c * image.rows + row) * image.cols + col, col_phases, pixels, 1, to + c * phases * plane(),
                     0);
      }
    }
  }
}

}  // namespace thalweg::kernels
