// Images as convolutions read and write them: channels last, in the type that sums happen in, with zeros around them.
#pragma once

#include <algorithm>

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {

/// Where an image of either data format lies in memory, and the zeros that a window sees around it.
struct ImageShape {
  int64_t rows = 0, cols = 0, channels = 0;
  bool nchw = false;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  int64_t size() const { return rows * cols * channels; }
  int64_t padded_rows() const { return rows + top + bottom; }
  int64_t padded_cols() const { return cols + left + right; }
  int64_t padded_size() const { return padded_rows() * padded_cols() * channels; }
  bool padded() const { return top + bottom + left + right > 0; }
};

/// One image, converted, made channels-last and surrounded with zeros.
template <class T, class S>
void load_image(const ImageShape& s, const T* in, S* out) {
  int64_t row = s.padded_cols() * s.channels;
  std::fill_n(out, s.top * row, S(0));
  std::fill_n(out + (s.top + s.rows) * row, s.bottom * row, S(0));
  for (int64_t r = 0; r < s.rows; ++r) {
    S* to = out + (s.top + r) * row;
    std::fill_n(to, s.left * s.channels, S(0));
    to += s.left * s.channels;
    if (!s.nchw) {
      convert(in + r * s.cols * s.channels, to, s.cols * s.channels);
    } else {
      for (int64_t c = 0; c < s.channels; ++c) {
        const T* from = in + (c * s.rows + r) * s.cols;
        for (int64_t x = 0; x < s.cols; ++x) to[x * s.channels + c] = S(from[x]);
      }
    }
    std::fill_n(to + s.cols * s.channels, s.right * s.channels, S(0));
  }
}

/// The way back, without padding.
template <class S, class T>
void save_image(const ImageShape& s, const S* in, T* out) {
  if (!s.nchw) return convert(in, out, s.size());
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t c = 0; c < s.channels; ++c) {
      const S* from = in + r * s.cols * s.channels + c;
      T* to = out + (c * s.rows + r) * s.cols;
      for (int64_t x = 0; x < s.cols; ++x) to[x] = T(from[x * s.channels]);
    }
  }
}

}  // namespace thalweg::kernels
