#include "thalweg/ops/window.h"

#include <limits>

namespace thalweg::ops {
namespace {

/// Sums and products of two sizes along an axis are then exact.
void check_size(std::string_view op, const char* what, int64_t x) {
  constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
  TW_CHECK(x <= kLargest, op, ": ", what, " must be at most ", kLargest, ", got ", x);
}

int64_t outputs(const Infer& s, const Axis& a, int64_t size, const std::string& padding) {
  check_size(s.op().name, "rows and columns of the input", size);
  check_size(s.op().name, "rows and columns of the window", a.kernel);
  return s.window(size, a.kernel, a.stride, a.dilation, padding, a.before, a.after);
}

void place_axis(Axis& a, int64_t size, const std::string& padding) {
  if (padding == "VALID") a.before = a.after = 0;
  if (padding != "SAME") return;
  // TensorFlow's rule: as many outputs as ceil(size / stride), the odd element of padding at the end.
  int64_t out = (size + a.stride - 1) / a.stride, effective = (a.kernel - 1) * a.dilation + 1;
  int64_t total = std::max<int64_t>(0, (out - 1) * a.stride + effective - size);
  a.before = total / 2;
  a.after = total - a.before;
}

}  // namespace

Window::Window(std::string_view op, const Attrs& attrs, const Ints* strides)
    : layout(attrs), padding(attrs.get<std::string>("padding")) {
  const Ints& step = strides ? *strides : attrs.get<Ints>("strides");
  TW_CHECK(step.size() == 4, op, ": Sliding window strides field must specify 4 dimensions, got ", step.size());
  for (int64_t s : step) {
    TW_CHECK(s > 0, op, ": Sliding window strides must be > 0, got ", s);
    check_size(op, "strides", s);
  }
  row.stride = step[size_t(layout.row)];
  col.stride = step[size_t(layout.col)];
  if (attrs.has("dilations")) {
    const Ints& d = attrs.get<Ints>("dilations");
    TW_CHECK(d.size() == 4, op, ": Sliding window dilations field must specify 4 dimensions, got ", d.size());
    for (int64_t x : d) {
      TW_CHECK(x > 0, op, ": Dilated rates should be larger than 0, got ", x);
      check_size(op, "dilations", x);
    }
    TW_CHECK(d[size_t(layout.batch)] == 1 && d[size_t(layout.channel)] == 1, op,
             ": dilations in the batch and depth dimensions are not supported");
    row.dilation = d[size_t(layout.row)];
    col.dilation = d[size_t(layout.col)];
  }
  const Ints none;
  const Ints& pads = attrs.has("explicit_paddings") ? attrs.get<Ints>("explicit_paddings") : none;
  if (padding != "EXPLICIT") {
    TW_CHECK(pads.empty(), op, ": explicit_paddings must be empty if the padding attribute is not EXPLICIT");
    return;
  }
  TW_CHECK(pads.size() == 8, op, ": explicit_paddings must contain 8 values, got ", pads.size());
  for (int64_t p : pads) {
    TW_CHECK(p >= 0, op, ": explicit_paddings must be nonnegative, got ", p);
    check_size(op, "explicit_paddings", p);
  }
  auto at = [&](int dim, size_t side) { return pads[size_t(dim) * 2 + side]; };
  for (int dim : {layout.batch, layout.channel}) {
    TW_CHECK(at(dim, 0) == 0 && at(dim, 1) == 0, op,
             ": nonzero explicit padding in the batch or depth dimensions is not supported");
  }
  row.before = at(layout.row, 0), row.after = at(layout.row, 1);
  col.before = at(layout.col, 0), col.after = at(layout.col, 1);
}

void Window::place(int64_t rows, int64_t cols) {
  place_axis(row, rows, padding);
  place_axis(col, cols, padding);
}

int64_t Window::out_rows(const Infer& s, int64_t rows) const { return outputs(s, row, rows, padding); }

int64_t Window::out_cols(const Infer& s, int64_t cols) const { return outputs(s, col, cols, padding); }

}  // namespace thalweg::ops
