// CPU kernels of the depthwise convolutions: lanes are channels, sums over the taps stay in registers. Where there are
// several output channels per input channel, images are expanded to one channel per output channel first, so that
// every product is element by element.
#include "thalweg/kernels/channel_vectors.h"
#include "thalweg/kernels/conv.h"
#include "thalweg/kernels/conv_filter.h"

namespace thalweg::kernels {
namespace {

/// Sizes of a depthwise convolution; filter [rows, cols, channels, multiplier] lies as [taps][output channels].
struct DepthwiseShape : ConvShape {
  int64_t multiplier;
  DepthwiseShape(const ops::Window& w, const Shape& in, const Shape& filter, const Shape& out)
      : ConvShape(w, in, filter, out), multiplier(filter[3]) {}

  int64_t wide() const { return x.size() * multiplier; }
  int64_t pieces() const { return std::min(batch, kImagePieces); }
  double cost_ns() const { return double(batch * y.size() * taps()) / 16 + double(batch * (x.size() + y.size())) / 4; }

  /// Calls f(piece, first image, end) for the pieces of the batch.
  template <class F>
  void for_each_piece(KernelContext& k, F&& f) const {
    k.parallel_for(pieces(), cost_ns() / double(pieces()), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) f(p, p * batch / pieces(), (p + 1) * batch / pieces());
    });
  }
};

/// Along one axis: where the elements of the other image lie that an element is a sum over, and the tap between them.
struct Link {
  int64_t from, tap;
};
struct Links {
  int64_t kernel;
  Link* links;  // `kernel` places for every element
  int64_t* counts;

  const Link* begin(int64_t i) const { return links + i * kernel; }
  const Link* end(int64_t i) const { return begin(i) + counts[i]; }

  /// For each of `outs` outputs the inputs under its window, or for each of `ins` inputs the outputs above it. Elements
  /// lie `step` apart, taps `tap_step`.
  Links(KernelContext& k, const ops::Axis& a, int64_t ins, int64_t outs, bool to_input, int64_t step, int64_t tap_step)
      : kernel(a.kernel),
        links(k.scratch<Link>(std::max<int64_t>((to_input ? ins : outs) * kernel, 1))),
        counts(k.scratch<int64_t>(to_input ? ins : outs)) {
    std::fill_n(counts, to_input ? ins : outs, int64_t(0));
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t tap = 0; tap < kernel; ++tap) {
        const int64_t i = o * a.stride - a.before + tap * a.dilation;
        if (i < 0 || i >= ins) continue;
        const int64_t to = to_input ? i : o;
        links[to * kernel + counts[to]++] = {(to_input ? o : i) * step, tap * tap_step};
      }
    }
  }
};

/// The links of the pixels of one image to those of another, `n` channels wide.
struct PixelLinks {
  int64_t n;
  int64_t rows, cols;
  Links row, col;

  static PixelLinks to_output(KernelContext& k, const DepthwiseShape& s) {
    const int64_t n = s.y.channels;
    return {n, s.y.rows, s.y.cols, Links(k, s.row, s.x.rows, s.y.rows, false, s.x.cols * n, s.col.kernel * n),
            Links(k, s.col, s.x.cols, s.y.cols, false, n, n)};
  }
  static PixelLinks to_input(KernelContext& k, const DepthwiseShape& s) {
    const int64_t n = s.y.channels;
    return {n, s.x.rows, s.x.cols, Links(k, s.row, s.x.rows, s.y.rows, true, s.y.cols * n, s.col.kernel * n),
            Links(k, s.col, s.x.cols, s.y.cols, true, n, n)};
  }

  /// out[p] = the sum over linked pixels and taps of in[pixel] * w[tap], element by element.
  template <class S>
  void sum(const S* in, const S* w, S* out) const {
    using P = Packet<S>;
    constexpr int kVectors = 4;  // at a time, to share what a link costs
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t q = 0; q < cols; ++q, out += n) {
        int64_t j = 0;
        for (; j + kVectors * P::size <= n; j += kVectors * P::size) {
          P acc[kVectors] = {P::zero(), P::zero(), P::zero(), P::zero()};
          for_each(r, q, [&](int64_t from, int64_t tap) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
              acc[v] = fma(P::load(in + from + j + v * P::size), P::load(w + tap + j + v * P::size), acc[v]);
            }
          });
          for (int v = 0; v < kVectors; ++v) acc[v].store(out + j + v * P::size);
        }
        for_each_vector<S>(n - j, [&](int64_t i, auto lanes) {
          P acc = P::zero();
          for_each(r, q, [&](int64_t from, int64_t tap) {
            acc = fma(P{lanes.load(in + from + j + i)}, P{lanes.load(w + tap + j + i)}, acc);
          });
          lanes.store(acc.v, out + j + i);
        });
      }
    }
  }

 private:
  template <class F>
  void for_each(int64_t r, int64_t q, F&& f) const {
    for (const Link *y = row.begin(r), *y_end = row.end(r); y != y_end; ++y) {
      for (const Link *x = col.begin(q), *x_end = col.end(q); x != x_end; ++x) f(y->from + x->from, y->tap + x->tap);
    }
  }
};

/// dw[tap] += the sum over the pixels of dy of dy[pixel] * x[the pixel under the tap], row by row.
template <class S>
void add_taps(const DepthwiseShape& s, const S* x, const S* dy, S* dw) {
  using P = Packet<S>;
  const int64_t n = s.y.channels, step = s.col.stride * n;
  for (int64_t r = 0; r < s.y.rows; ++r) {
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      const int64_t row = r * s.row.stride - s.row.before + tap / s.col.kernel * s.row.dilation;
      const int64_t start = tap % s.col.kernel * s.col.dilation - s.col.before;  // under output column 0
      if (row < 0 || row >= s.x.rows || start >= s.x.cols) continue;
      const int64_t q0 = start < 0 ? ceil_div(-start, s.col.stride) : 0;
      const int64_t q1 = std::min((s.x.cols - 1 - start) / s.col.stride + 1, s.y.cols);
      for_each_vector<S>(n, [&](int64_t j, auto lanes) {
        const S *a = dy + (r * s.y.cols + q0) * n + j, *b = x + (row * s.x.cols + start + q0 * s.col.stride) * n + j;
        P acc[4] = {P::zero(), P::zero(), P::zero(), P::zero()};
        int64_t q = q0;
        for (; q + 4 <= q1; q += 4, a += 4 * n, b += 4 * step) {
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i) acc[i] = fma(P{lanes.load(a + i * n)}, P{lanes.load(b + i * step)}, acc[i]);
        }
        for (; q < q1; ++q, a += n, b += step) acc[0] = fma(P{lanes.load(a)}, P{lanes.load(b)}, acc[0]);
        const P total = (acc[0] + acc[1]) + (acc[2] + acc[3]);
        lanes.store((P{lanes.load(dw + tap * n + j)} + total).v, dw + tap * n + j);
      });
    }
  }
}

/// Images that are read and written in place where they are channels-last numbers of the type of sums.
template <class T>
struct Images {
  using S = SumType<T>;
  const DepthwiseShape& s;
  const bool x_in_place, y_in_place;
  const int64_t plain, wide, grad;  // elements of scratch for an image as it is, expanded, and of the output
  S* buffer;

  Images(KernelContext& k, const DepthwiseShape& shape)
      : s(shape),
        x_in_place(std::is_same_v<T, S> && !s.x.nchw && s.multiplier == 1),
        y_in_place(std::is_same_v<T, S> && !s.y.nchw),
        plain(x_in_place ? 0 : s.x.size()),
        wide(x_in_place ? 0 : s.wide()),
        grad(y_in_place ? 0 : s.y.size()),
        buffer(k.scratch<S>(s.pieces() * (plain + wide + grad) + 1)) {}

  S* plain_of(int64_t piece) const { return buffer + piece * (plain + wide + grad); }
  S* wide_of(int64_t piece) const { return plain_of(piece) + plain; }
  S* grad_of(int64_t piece) const { return wide_of(piece) + wide; }

  /// An image with each channel repeated `multiplier` times, channels last.
  const S* read_x(const T* in, int64_t piece) const {
    if (x_in_place) return reinterpret_cast<const S*>(in);
    S *from = plain_of(piece), *to = wide_of(piece);
    if (s.multiplier == 1) {
      load_image(s.x, in, to);
      return to;
    }
    load_image(s.x, in, from);
    for (int64_t i = 0; i < s.x.size(); ++i) std::fill_n(to + i * s.multiplier, s.multiplier, from[i]);
    return to;
  }
  S* write_x(T* out, int64_t piece) const { return x_in_place ? reinterpret_cast<S*>(out) : wide_of(piece); }
  /// What was written where write_x() said, added up over the repetitions.
  void save_x(T* out, int64_t piece) const {
    if (x_in_place) return;
    S *from = wide_of(piece), *to = plain_of(piece);
    if (s.multiplier == 1) return save_image(s.x, from, out);
    for (int64_t p = 0; p < s.x.size(); ++p) {
      S sum = 0;
      for (int64_t m = 0; m < s.multiplier; ++m) sum += from[p * s.multiplier + m];
      to[p] = sum;
    }
    save_image(s.x, to, out);
  }
  const S* read_y(const T* in, int64_t piece) const {
    if (y_in_place) return reinterpret_cast<const S*>(in);
    load_image(s.y, in, grad_of(piece));
    return grad_of(piece);
  }
  S* write_y(T* out, int64_t piece) const { return y_in_place ? reinterpret_cast<S*>(out) : grad_of(piece); }
  void save_y(T* out, int64_t piece) const {
    if (!y_in_place) save_image(s.y, grad_of(piece), out);
  }
};

template <class T>
SumType<T>* filter_of(KernelContext& k, int input) {
  const int64_t size = k.in(input).size();
  auto* w = k.scratch<SumType<T>>(size);
  convert(k.in<T>(input), w, size);
  return w;
}

template <class T>
struct Forward : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    const DepthwiseShape s(window, k.in(0).shape(), k.in(1).shape(), k.out(0).shape());
    const auto* w = filter_of<T>(k, 1);
    const Images<T> images(k, s);
    const PixelLinks links = PixelLinks::to_output(k, s);
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    s.for_each_piece(k, [&](int64_t piece, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* y = out + i * s.y.size();
        links.sum(images.read_x(in + i * s.x.size(), piece), w, images.write_y(y, piece));
        images.save_y(y, piece);
      }
    });
  }
};

template <class T>
struct BackpropInput : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    const DepthwiseShape s(window, k.out(0).shape(), k.in(1).shape(), k.in(2).shape());
    const auto* w = filter_of<T>(k, 1);
    const Images<T> images(k, s);
    const PixelLinks links = PixelLinks::to_input(k, s);
    const T* in = k.in<T>(2);
    T* out = k.out<T>(0);
    s.for_each_piece(k, [&](int64_t piece, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* dx = out + i * s.x.size();
        links.sum(images.read_y(in + i * s.y.size(), piece), w, images.write_x(dx, piece));
        images.save_x(dx, piece);
      }
    });
  }
};

template <class T>
struct BackpropFilter : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    using S = SumType<T>;
    T* out = k.out<T>(0);
    const int64_t size = k.out(0).size();
    const DepthwiseShape s(window, k.in(0).shape(), k.out(0).shape(), k.in(2).shape());
    if (s.batch == 0 || s.y.size() == 0 || size == 0) return void(std::fill_n(out, size, T(0)));
    S* sums = k.scratch<S>(s.pieces() * size);
    const Images<T> images(k, s);
    const T *in = k.in<T>(0), *grad = k.in<T>(2);
    s.for_each_piece(k, [&](int64_t piece, int64_t begin, int64_t end) {
      S* dw = sums + piece * size;
      std::fill_n(dw, size, S(0));
      for (int64_t i = begin; i < end; ++i) {
        const S* x = images.read_x(in + i * s.x.size(), piece);
        add_taps(s, x, images.read_y(grad + i * s.y.size(), piece), dw);
      }
    });
    add_pieces<T>(k, sums, s.pieces(), size, size, out, 0, nullptr);
  }
};

}  // namespace

void register_depthwise(KernelRegistry& r) {
  r.add_all<Forward, kFloating>("DepthwiseConv2dNative", kCpu);
  r.add_all<BackpropInput, kFloating>("DepthwiseConv2dNativeBackpropInput", kCpu);
  r.add_all<BackpropFilter, kFloating>("DepthwiseConv2dNativeBackpropFilter", kCpu);
}

}  // namespace thalweg::kernels
