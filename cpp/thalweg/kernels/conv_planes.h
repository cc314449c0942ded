// Convolutions with few output channels: lanes are neighbouring pixels, not channels.
//
// An image becomes planes, one per channel and phase of the stride, with zeros around them and all rows of a plane end
// to end. Then the inputs of neighbouring output pixels under one filter tap are neighbours in memory whatever the
// stride and the dilation, and a tap is one offset for the whole plane. A row is as long as the padded one: the results
// at its end belong to no pixel and are dropped.
#pragma once

#include "thalweg/kernels/conv_blocks.h"
#include "thalweg/kernels/conv_methods.h"

namespace thalweg::kernels {

/// Planes of a band of an image's rows, in floats.
struct PlaneLayout {
  ImageShape image;  // with the zeros that the windows see
  int64_t row_phases, col_phases;
  int64_t rows, width;  // of one plane
  int64_t plane;        // from one plane to the next

  /// `band_rows`: padded rows of the image that are held at a time.
  PlaneLayout(const ImageShape& shape, int64_t band_rows, int64_t row_stride, int64_t col_stride)
      : image(shape),
        row_phases(row_stride),
        col_phases(col_stride),
        rows(ceil_div(band_rows, row_stride)),
        width(ceil_div(shape.padded_cols(), col_stride)),
        plane(rows * width) {}

  /// With room for a vector that starts at the last element.
  int64_t size() const {
    constexpr int64_t kLanes = Packet<float>::size;
    return ceil_div(image.channels * channel_size(), kLanes) * kLanes + kLanes;
  }
  /// From a channel's planes to the next one's.
  int64_t channel_size() const { return row_phases * col_phases * plane; }
  /// Where a pixel of the padded band lies, in its channel.
  int64_t offset(int64_t row, int64_t col) const {
    int64_t phase = row % row_phases * col_phases + col % col_phases;
    return phase * plane + row / row_phases * width + col / col_phases;
  }
  /// Where all taps of all channels of a window start, channel by channel: a plane stays in the first-level cache while
  /// its taps pass.
  void tap_offsets(const ops::Axis& row, const ops::Axis& col, int64_t* offsets) const;
  /// The band that starts at padded row `first`; `out` holds zeros or another band of this layout.
  void load(const float* in, int64_t first, float* out) const;
};

/// out[c * plane + i] = in[i * pixel_stride + c] for i < pixels; `readable` pixels may be read.
void split_pixels(const float* in, int64_t pixel_stride, int64_t pixels, int64_t readable, int64_t channels, float* out,
                  int64_t plane);
/// out[i * pixel_stride + c] = in[c * plane + i]; reads up to a vector from any place of `in`
void join_pixels(const float* in, int64_t plane, int64_t pixels, int64_t channels, float* out, int64_t pixel_stride);

/// `n` things in as few nearly equal parts of at most `most` as will do.
struct Parts {
  int64_t n, count;
  Parts(int64_t things, int64_t most) : n(things), count(ceil_div(things, most)) {}
  int64_t begin(int64_t i) const { return n * i / count; }
  int64_t size(int64_t i) const { return begin(i + 1) - begin(i); }
};

}  // namespace thalweg::kernels
