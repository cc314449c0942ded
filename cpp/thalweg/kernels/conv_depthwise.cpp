// CPU kernels of the depthwise convolutions: plain loops over channels, which the compiler vectorises. Images are
// expanded to one channel per output channel first, so that every product is element by element.
#include "thalweg/kernels/conv.h"

namespace thalweg::kernels {
namespace {

/// Sizes of a depthwise convolution; filter [rows, cols, channels, multiplier] lies as [taps][output channels].
struct DepthwiseShape : ConvShape {
  int64_t multiplier;
  DepthwiseShape(const ops::Window& w, const Shape& in, const Shape& filter, const Shape& out)
      : ConvShape(w, in, filter, out), multiplier(filter[3]) {}

  struct Range {
    int64_t begin, end;
  };
  /// Taps of output `o` that fall inside [0, size).
  static Range taps_inside(const ops::Axis& a, int64_t o, int64_t size) {
    int64_t start = o * a.stride - a.before;
    int64_t begin = start < 0 ? (-start + a.dilation - 1) / a.dilation : 0;
    int64_t end = start >= size ? 0 : (size - 1 - start) / a.dilation + 1;
    return {begin, std::min(end, a.kernel)};
  }
  /// Calls f(output pixel, input pixel, tap) for every product of one image, in one order.
  template <class F>
  void for_each_product(F&& f) const {
    for (int64_t r = 0; r < y.rows; ++r) {
      Range rr = taps_inside(row, r, x.rows);
      for (int64_t q = 0; q < y.cols; ++q) {
        Range cr = taps_inside(col, q, x.cols);
        for (int64_t i = rr.begin; i < rr.end; ++i) {
          for (int64_t j = cr.begin; j < cr.end; ++j) {
            int64_t in_row = r * row.stride - row.before + i * row.dilation;
            int64_t in_col = q * col.stride - col.before + j * col.dilation;
            f(r * y.cols + q, in_row * x.cols + in_col, i * col.kernel + j);
          }
        }
      }
    }
  }
  double cost_ns() const { return double(batch * y.size() * taps()) / 8 + double(batch * (x.size() + y.size())); }
};

/// x with each channel repeated `multiplier` times, channels last.
template <class T, class S>
void expand(const DepthwiseShape& s, const T* in, S* plain, S* out) {
  if (s.multiplier == 1) return load_image(s.x, in, out);
  load_image(s.x, in, plain);
  for (int64_t i = 0; i < s.x.size(); ++i) std::fill_n(out + i * s.multiplier, s.multiplier, plain[i]);
}

struct DepthwiseAttrs {
  ops::Window window;
  explicit DepthwiseAttrs(const KernelInit& init) : window(init.op.name, init.attrs) {}
};

/// The number of pieces of a batch, each with scratch images of its own.
int64_t pieces_of(const DepthwiseShape& s) { return std::min(s.batch, kImagePieces); }

template <class F>
void for_each_piece(KernelContext& k, const DepthwiseShape& s, F&& f) {
  int64_t pieces = pieces_of(s);
  k.parallel_for(pieces, s.cost_ns() / double(pieces), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p, p * s.batch / pieces, (p + 1) * s.batch / pieces);
  });
}

template <class T>
struct Forward : DepthwiseAttrs {
  using DepthwiseAttrs::DepthwiseAttrs;
  void operator()(KernelContext& k) const {
    using S = SumType<T>;
    if (k.out(0).size() == 0) return;
    DepthwiseShape s(window, k.in(0).shape(), k.in(1).shape(), k.out(0).shape());
    const int64_t n = s.y.channels, wide = s.x.size() * s.multiplier;
    S* w = k.scratch<S>(s.taps() * n);
    convert(k.in<T>(1), w, s.taps() * n);
    S* buffer = k.scratch<S>(pieces_of(s) * (s.x.size() + wide + s.y.size()));
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    for_each_piece(k, s, [&](int64_t piece, int64_t begin, int64_t end) {
      S *plain = buffer + piece * (s.x.size() + wide + s.y.size()), *x = plain + s.x.size(), *y = x + wide;
      for (int64_t i = begin; i < end; ++i) {
        expand(s, in + i * s.x.size(), plain, x);
        std::fill_n(y, s.y.size(), S(0));
        s.for_each_product([&](int64_t to, int64_t from, int64_t tap) {
          S* __restrict a = y + to * n;
          const S *b = x + from * n, *c = w + tap * n;
          for (int64_t j = 0; j < n; ++j) a[j] += b[j] * c[j];
        });
        save_image(s.y, y, out + i * s.y.size());
      }
    });
  }
};

template <class T>
struct BackpropInput : DepthwiseAttrs {
  using DepthwiseAttrs::DepthwiseAttrs;
  void operator()(KernelContext& k) const {
    using S = SumType<T>;
    if (k.out(0).size() == 0) return;
    DepthwiseShape s(window, k.out(0).shape(), k.in(1).shape(), k.in(2).shape());
    const int64_t n = s.y.channels, wide = s.x.size() * s.multiplier;
    S* w = k.scratch<S>(s.taps() * n);
    convert(k.in<T>(1), w, s.taps() * n);
    S* buffer = k.scratch<S>(pieces_of(s) * (s.x.size() + wide + s.y.size()));
    const T* in = k.in<T>(2);
    T* out = k.out<T>(0);
    for_each_piece(k, s, [&](int64_t piece, int64_t begin, int64_t end) {
      S *plain = buffer + piece * (s.x.size() + wide + s.y.size()), *dx = plain + s.x.size(), *dy = dx + wide;
      for (int64_t i = begin; i < end; ++i) {
        load_image(s.y, in + i * s.y.size(), dy);
        std::fill_n(dx, wide, S(0));
        s.for_each_product([&](int64_t to, int64_t from, int64_t tap) {
          S* __restrict a = dx + from * n;
          const S *b = dy + to * n, *c = w + tap * n;
          for (int64_t j = 0; j < n; ++j) a[j] += b[j] * c[j];
        });
        if (s.multiplier == 1) {
          save_image(s.x, dx, out + i * s.x.size());
          continue;
        }
        for (int64_t p = 0; p < s.x.size(); ++p) {
          S sum = 0;
          for (int64_t m = 0; m < s.multiplier; ++m) sum += dx[p * s.multiplier + m];
          plain[p] = sum;
        }
        save_image(s.x, plain, out + i * s.x.size());
      }
    });
  }
};

template <class T>
struct BackpropFilter : DepthwiseAttrs {
  using DepthwiseAttrs::DepthwiseAttrs;
  void operator()(KernelContext& k) const {
    using S = SumType<T>;
    T* out = k.out<T>(0);
    const int64_t size = k.out(0).size();
    DepthwiseShape s(window, k.in(0).shape(), k.out(0).shape(), k.in(2).shape());
    if (s.batch == 0 || s.y.size() == 0 || size == 0) return void(std::fill_n(out, size, T(0)));
    const int64_t n = s.y.channels, wide = s.x.size() * s.multiplier, pieces = pieces_of(s);
    S* sums = k.scratch<S>(pieces * size);
    S* buffer = k.scratch<S>(pieces * (s.x.size() + wide + s.y.size()));
    const T *in = k.in<T>(0), *grad = k.in<T>(2);
    for_each_piece(k, s, [&](int64_t piece, int64_t begin, int64_t end) {
      S *plain = buffer + piece * (s.x.size() + wide + s.y.size()), *x = plain + s.x.size(), *dy = x + wide;
      S* dw = sums + piece * size;
      std::fill_n(dw, size, S(0));
      for (int64_t i = begin; i < end; ++i) {
        expand(s, in + i * s.x.size(), plain, x);
        load_image(s.y, grad + i * s.y.size(), dy);
        s.for_each_product([&](int64_t to, int64_t from, int64_t tap) {
          S* __restrict a = dw + tap * n;
          const S *b = dy + to * n, *c = x + from * n;
          for (int64_t j = 0; j < n; ++j) a[j] += b[j] * c[j];
        });
      }
    });
    for (int64_t step = 1; step < pieces; step *= 2) {
      for (int64_t p = 0; p + step < pieces; p += 2 * step) {
        S *a = sums + p * size, *b = sums + (p + step) * size;
        for (int64_t j = 0; j < size; ++j) a[j] += b[j];
      }
    }
    convert(sums, out, size);
  }
};

}  // namespace

void register_depthwise(KernelRegistry& r) {
  r.add_all<Forward, kFloating>("DepthwiseConv2dNative", kCpu);
  r.add_all<BackpropInput, kFloating>("DepthwiseConv2dNativeBackpropInput", kCpu);
  r.add_all<BackpropFilter, kFloating>("DepthwiseConv2dNativeBackpropFilter", kCpu);
}

}  // namespace thalweg::kernels
