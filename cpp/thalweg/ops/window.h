// What sliding-window ops (convolution, pooling) read from their attributes: one rule for shapes and kernels.
#pragma once

#include <string>

#include "thalweg/registry/infer.h"

namespace thalweg::ops {

/// Positions of batch, channels, rows and columns in a 4-D shape of either data format.
struct Layout {
  int batch = 0, channel = 3, row = 1, col = 2;
  bool nchw = false;
  explicit Layout(const std::string& format) : nchw(format == "NCHW") {
    if (nchw) channel = 1, row = 2, col = 3;
  }
  explicit Layout(const Attrs& attrs) : Layout(attrs.get_or<std::string>("data_format", "NHWC")) {}
  PartialShape shape(int64_t n, int64_t rows, int64_t cols, int64_t channels) const {
    return nchw ? PartialShape{n, channels, rows, cols} : PartialShape{n, rows, cols, channels};
  }
};

/// Along one spatial axis: window positions start at o * stride - before and take every dilation-th element.
struct Axis {
  int64_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
};

/// The two spatial axes of a window with attributes strides, padding, explicit_paddings and dilations.
struct THALWEG_API Window {
  Layout layout;
  std::string padding;
  Axis row, col;

  /// Checks the attributes; kernel sizes are filled in by the caller.
  Window(std::string_view op, const Attrs& attrs, const Ints* strides = nullptr);

  /// Sets `before` and `after` of both axes for an input of this size (SAME depends on it).
  void place(int64_t rows, int64_t cols);
  /// Output size along an axis, for shape functions; kUnknown is contagious.
  int64_t out_rows(const Infer& s, int64_t rows) const;
  int64_t out_cols(const Infer& s, int64_t cols) const;
};

}  // namespace thalweg::ops
