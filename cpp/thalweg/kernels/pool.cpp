// CPU kernels of max and mean pooling. Vectorised over channels (NHWC) by plain loops.
#include <algorithm>
#include <limits>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/packet.h"
#include "thalweg/ops/window.h"

namespace thalweg::kernels {
namespace {

using ops::Layout;
using ops::Window;

/// A pooling's sizes and strides in elements, for either data format.
struct PoolShape {
  int64_t batch, channels, rows, cols, out_rows, out_cols;
  // Steps between neighbours along each axis, in the input and in the output.
  int64_t in_batch, in_row, in_col, in_channel, out_batch, out_row, out_col, out_channel;
  Window window;

  PoolShape(const Window& w, const Shape& in, const Shape& out) : window(w) {
    const Layout& l = w.layout;
    batch = in[l.batch], channels = in[l.channel], rows = in[l.row], cols = in[l.col];
    out_rows = out[l.row], out_cols = out[l.col];
    window.place(rows, cols);
    in_batch = rows * cols * channels, out_batch = out_rows * out_cols * channels;
    in_col = out_col = l.nchw ? 1 : channels;
    in_row = cols * in_col, out_row = out_cols * out_col;
    in_channel = l.nchw ? rows * cols : 1, out_channel = l.nchw ? out_rows * out_cols : 1;
  }
  struct Range {
    int64_t begin, end;
  };
  static Range clip(const ops::Axis& a, int64_t out, int64_t size) {
    int64_t start = out * a.stride - a.before;
    return {std::max<int64_t>(start, 0), std::min(start + a.kernel, size)};
  }
  Range row_range(int64_t r) const { return clip(window.row, r, rows); }
  Range col_range(int64_t c) const { return clip(window.col, c, cols); }
  double cost() const { return double(window.row.kernel * window.col.kernel) * 0.3; }
};

/// NaN wins over every number, as in every maximum of the library.
template <class A>
bool beats(A x, A best) {
  return x > best || (x != x && best == best);
}
template <class A>
A lowest() {
  if constexpr (std::numeric_limits<A>::has_infinity)
    return -std::numeric_limits<A>::infinity();
  else
    return std::numeric_limits<A>::lowest();
}

/// Channels handled together, in local arrays that stay in registers and L1.
constexpr int64_t kRun = 64;

/// Which element of each channel's window is its first largest, counted along the window.
template <class T>
struct FirstLargest {
  int32_t at[kRun];
  FirstLargest(const PoolShape& s, const T* image, PoolShape::Range r, PoolShape::Range c, int64_t n) {
    Compute<T> best[kRun];
    int32_t position = 0;
    for (int64_t j = 0; j < kRun; ++j) at[j] = 0, best[j] = Compute<T>(0);
    for (int64_t y = r.begin; y < r.end; ++y) {
      for (int64_t x = c.begin; x < c.end; ++x, ++position) {
        const T* from = image + y * s.in_row + x * s.in_col;
        for (int64_t j = 0; j < n; ++j) {
          Compute<T> v = from[j];
          bool wins = position == 0 || beats(v, best[j]);
          best[j] = wins ? v : best[j];
          at[j] = wins ? position : at[j];
        }
      }
    }
  }
};

/// Calls f(image, channel, channels) for contiguous runs of channels, shared among threads; none is split.
template <class F>
void for_each_run(KernelContext& k, const PoolShape& s, F&& f) {
  const int64_t step = s.in_channel == 1 ? kRun : 1, runs = ceil_div(s.channels, step);
  double cost = double(s.out_rows * s.out_cols * step) * s.cost() * 2;
  k.parallel_for(s.batch * runs, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t ch = i % runs * step;
      f(i / runs, ch, std::min(step, s.channels - ch));
    }
  });
}

/// Calls f(output offset, row range, column range) for every window of a plane.
template <class F>
void for_each_window(const PoolShape& s, F&& f) {
  for (int64_t r = 0; r < s.out_rows; ++r) {
    for (int64_t c = 0; c < s.out_cols; ++c) f(r * s.out_row + c * s.out_col, s.row_range(r), s.col_range(c));
  }
}

/// Sets a run of channels of one image to zero.
template <class T>
void clear(const PoolShape& s, T* image, int64_t n) {
  for (int64_t i = 0; i < s.rows * s.cols; ++i) std::fill_n(image + i * s.in_col, n, T(0));
}

/// The window attributes of a pooling node; V2 reads them from its inputs.
struct PoolAttrs {
  Attrs attrs;
  std::string op;
  bool from_inputs;
  explicit PoolAttrs(const KernelInit& init)
      : attrs(init.attrs), op(init.op.name), from_inputs(init.op.name == "MaxPoolV2") {}
  Window window(const KernelContext& k) const {
    Ints ksize, strides;
    if (from_inputs) {
      std::ranges::copy(k.in(1).flat<int32_t>(), std::back_inserter(ksize));
      std::ranges::copy(k.in(2).flat<int32_t>(), std::back_inserter(strides));
    } else {
      ksize = attrs.get<Ints>("ksize");
      strides = attrs.get<Ints>("strides");
    }
    Window w(op, attrs, &strides);
    w.row.kernel = ksize[size_t(w.layout.row)];
    w.col.kernel = ksize[size_t(w.layout.col)];
    return w;
  }
};

template <class T>
struct MaxPool {
  PoolAttrs attrs;
  explicit MaxPool(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    using A = Compute<T>;
    int64_t n = s.window.layout.nchw ? 1 : s.channels;  // contiguous elements handled together
    int64_t planes = s.window.layout.nchw ? s.batch * s.channels : s.batch;
    int64_t in_plane = s.rows * s.cols * n, out_plane = s.out_rows * s.out_cols * n;
    k.parallel_for(planes * s.out_rows, double(s.out_cols * n) * s.cost(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t plane = i / s.out_rows, r = i % s.out_rows;
        const T* image = in + plane * in_plane;
        PoolShape::Range rr = s.row_range(r);
        for (int64_t c = 0; c < s.out_cols; ++c) {
          PoolShape::Range cr = s.col_range(c);
          T* to = out + plane * out_plane + (r * s.out_cols + c) * n;
          if (rr.begin >= rr.end || cr.begin >= cr.end) {
            std::fill_n(to, n, T(lowest<A>()));
            continue;
          }
          std::copy_n(image + rr.begin * s.in_row + cr.begin * s.in_col, n, to);
          for (int64_t y = rr.begin; y < rr.end; ++y) {
            for (int64_t x = cr.begin; x < cr.end; ++x) {
              const T* from = image + y * s.in_row + x * s.in_col;
              for (int64_t j = 0; j < n; ++j) {
                A v = from[j], best = to[j];
                to[j] = (v > best) | (v != v) ? from[j] : to[j];
              }
            }
          }
        }
      }
    });
  }
};

template <class T>
struct MaxPoolGrad {
  PoolAttrs attrs;
  explicit MaxPoolGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    PoolShape s(attrs.window(k), k.in(0).shape(), k.in(2).shape());
    const T *in = k.in<T>(0), *dy = k.in<T>(2);
    T* dx = k.out<T>(0);
    for_each_run(k, s, [&](int64_t n, int64_t ch, int64_t m) {
      const T* image = in + n * s.in_batch + ch * s.in_channel;
      T* to = dx + n * s.in_batch + ch * s.in_channel;
      const T* grad = dy + n * s.out_batch + ch * s.out_channel;
      clear(s, to, m);
      for_each_window(s, [&](int64_t o, PoolShape::Range r, PoolShape::Range c) {
        FirstLargest<T> largest(s, image, r, c, m);
        int32_t position = 0;
        for (int64_t y = r.begin; y < r.end; ++y) {
          for (int64_t x = c.begin; x < c.end; ++x, ++position) {
            T* a = to + y * s.in_row + x * s.in_col;
            for (int64_t j = 0; j < m; ++j) a[j] = T(a[j] + (largest.at[j] == position ? grad[o + j] : T(0)));
          }
        }
      });
    });
  }
};

template <class T>
struct MaxPoolGradGrad {
  PoolAttrs attrs;
  explicit MaxPoolGradGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T *in = k.in<T>(0), *grad = k.in<T>(2);
    T* out = k.out<T>(0);
    for_each_run(k, s, [&](int64_t n, int64_t ch, int64_t m) {
      const T* image = in + n * s.in_batch + ch * s.in_channel;
      const T* from = grad + n * s.in_batch + ch * s.in_channel;
      T* to = out + n * s.out_batch + ch * s.out_channel;
      for_each_window(s, [&](int64_t o, PoolShape::Range r, PoolShape::Range c) {
        FirstLargest<T> largest(s, image, r, c, m);
        std::fill_n(to + o, m, T(0));
        int32_t position = 0;
        for (int64_t y = r.begin; y < r.end; ++y) {
          for (int64_t x = c.begin; x < c.end; ++x, ++position) {
            const T* a = from + y * s.in_row + x * s.in_col;
            for (int64_t j = 0; j < m; ++j) to[o + j] = largest.at[j] == position ? a[j] : to[o + j];
          }
        }
      });
    });
  }
};

template <class T>
struct AvgPool {
  PoolAttrs attrs;
  explicit AvgPool(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    k.parallel_for(s.batch * s.out_rows, double(s.out_cols * s.channels) * s.cost(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t n = i / s.out_rows, r = i % s.out_rows;
        PoolShape::Range rr = s.row_range(r);
        for (int64_t c = 0; c < s.out_cols; ++c) {
          PoolShape::Range cr = s.col_range(c);
          A inside = A((rr.end - rr.begin) * (cr.end - cr.begin));
          T* to = out + n * s.out_batch + r * s.out_row + c * s.out_col;
          for (int64_t ch = 0; ch < s.channels; ch += kRun) {
            A acc[kRun] = {};
            int64_t m = std::min(kRun, s.channels - ch);
            for (int64_t y = rr.begin; y < rr.end; ++y) {
              for (int64_t x = cr.begin; x < cr.end; ++x) {
                const T* from = in + n * s.in_batch + y * s.in_row + x * s.in_col + ch * s.in_channel;
                if (s.in_channel == 1) {
                  for (int64_t j = 0; j < m; ++j) acc[j] += A(from[j]);
                } else {
                  for (int64_t j = 0; j < m; ++j) acc[j] += A(from[j * s.in_channel]);
                }
              }
            }
            for (int64_t j = 0; j < m; ++j) to[(ch + j) * s.out_channel] = T(acc[j] / inside);
          }
        }
      }
    });
  }
};

template <class T>
struct AvgPoolGrad {
  PoolAttrs attrs;
  explicit AvgPoolGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    PoolShape s(attrs.window(k), k.out(0).shape(), k.in(1).shape());
    const T* dy = k.in<T>(1);
    T* dx = k.out<T>(0);
    for_each_run(k, s, [&](int64_t n, int64_t ch, int64_t m) {
      T* to = dx + n * s.in_batch + ch * s.in_channel;
      const T* grad = dy + n * s.out_batch + ch * s.out_channel;
      clear(s, to, m);
      for_each_window(s, [&](int64_t o, PoolShape::Range r, PoolShape::Range c) {
        A inside = A((r.end - r.begin) * (c.end - c.begin)), share[kRun];
        for (int64_t j = 0; j < m; ++j) share[j] = A(grad[o + j]) / inside;
        for (int64_t y = r.begin; y < r.end; ++y) {
          for (int64_t x = c.begin; x < c.end; ++x) {
            T* a = to + y * s.in_row + x * s.in_col;
            for (int64_t j = 0; j < m; ++j) a[j] = T(A(a[j]) + share[j]);
          }
        }
      });
    });
  }
};

}  // namespace

void register_pool(KernelRegistry& r) {
  constexpr DTypeSet kMaxTypes = kReal - DTypeSet{DType::uint32, DType::uint64};
  r.add_all<MaxPool, kMaxTypes>("MaxPool", kCpu);
  r.add_all<MaxPool, kMaxTypes>("MaxPoolV2", kCpu);
  r.add_all<MaxPoolGrad, kReal>("MaxPoolGrad", kCpu);
  r.add_all<MaxPoolGradGrad, kReal>("MaxPoolGradGrad", kCpu);
  r.add_all<AvgPool, kFloating>("AvgPool", kCpu);
  r.add_all<AvgPoolGrad, kFloating>("AvgPoolGrad", kCpu);
}

}  // namespace thalweg::kernels
