// Kernels of images: resizing, colour spaces.
#include <algorithm>
#include <cmath>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/resize.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct ResizeBilinear {
  ResizeModes modes;
  explicit ResizeBilinear(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.in(0).shape(), &to = k.out(0).shape();
    if (k.out(0).size() == 0) return;
    auto [rows, cols] = modes.axes(from, to);
    int64_t channels = from[3], stride = from[2] * channels;
    std::vector<ResizeAxis::Pair> across;
    for (int64_t x = 0; x < cols.out; ++x) across.push_back(cols.pair(x));
    const T* images = k.in<T>(0);
    float* out = k.out<float>(0);
    k.parallel_for(to[0] * rows.out, 3.0 * double(cols.out * channels), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        ResizeAxis::Pair y = rows.pair(line % rows.out);
        const T* image = images + line / rows.out * rows.in * stride;
        const T *top = image + y.low * stride, *bottom = image + y.high * stride;
        float* to_line = out + line * cols.out * channels;
        for (const ResizeAxis::Pair& x : across) {
          const int64_t low = x.low * channels, high = x.high * channels;
          for (int64_t c = 0; c < channels; ++c) {
            float a = float(top[low + c]), b = float(top[high + c]);
            float d = float(bottom[low + c]), e = float(bottom[high + c]);
            float upper = a + (b - a) * x.mix, lower = d + (e - d) * x.mix;
            *to_line++ = upper + (lower - upper) * y.mix;
          }
        }
      }
    });
  }
};

template <class T>
struct ResizeBilinearGrad {
  ResizeModes modes;
  explicit ResizeBilinearGrad(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.out(0).shape(), &to = k.in(0).shape();
    if (k.out(0).size() == 0) return;
    std::fill_n(k.out<T>(0), k.out(0).size(), T(0));
    if (k.in(0).size() == 0) return;
    auto [rows, cols] = modes.axes(from, to);
    int64_t channels = from[3], image = from[1] * from[2] * channels;
    const float* dy = k.in<float>(0);
    T* dx = k.out<T>(0);
    // An image's gradients are summed in float (or double), in order.
    using Sum = std::conditional_t<sizeof(T) == 8, double, float>;
    k.parallel_for(from[0], 5.0 * double(to[1] * to[2] * channels), [&](int64_t begin, int64_t end) {
      std::vector<Sum> sum(static_cast<size_t>(image));
      for (int64_t n = begin; n < end; ++n) {
        std::fill(sum.begin(), sum.end(), Sum(0));
        auto add = [&](int64_t row, int64_t col, int64_t c, Sum value) {
          sum[size_t((row * cols.in + col) * channels + c)] += value;
        };
        const float* from_line = dy + n * to[1] * to[2] * channels;
        for (int64_t i = 0; i < rows.out; ++i) {
          ResizeAxis::Pair y = rows.pair(i);
          for (int64_t j = 0; j < cols.out; ++j) {
            ResizeAxis::Pair x = cols.pair(j);
            Sum down = y.mix, right = x.mix;
            for (int64_t c = 0; c < channels; ++c) {
              Sum d = *from_line++;
              add(y.low, x.low, c, d * (1 - down) * (1 - right));
              add(y.low, x.high, c, d * (1 - down) * right);
              add(y.high, x.low, c, d * down * (1 - right));
              add(y.high, x.high, c, d * down * right);
            }
          }
        }
        for (int64_t i = 0; i < image; ++i) dx[n * image + i] = T(sum[size_t(i)]);
      }
    });
  }
};

template <class T>
struct ResizeNearestNeighbor {
  ResizeModes modes;
  explicit ResizeNearestNeighbor(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.in(0).shape(), &to = k.out(0).shape();
    if (k.out(0).size() == 0) return;
    auto [rows, cols] = modes.axes(from, to);
    int64_t channels = from[3];
    k.parallel_for(to[0] * rows.out, double(cols.out * channels), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const T* from_line =
            k.in<T>(0) + (line / rows.out * rows.in + rows.nearest(line % rows.out)) * cols.in * channels;
        T* to_line = k.out<T>(0) + line * cols.out * channels;
        for (int64_t x = 0; x < cols.out; ++x) {
          std::copy_n(from_line + cols.nearest(x) * channels, channels, to_line + x * channels);
        }
      }
    });
  }
};

template <class T>
struct ResizeNearestNeighborGrad {
  ResizeModes modes;
  explicit ResizeNearestNeighborGrad(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.out(0).shape(), &to = k.in(0).shape();
    if (k.out(0).size() == 0) return;
    std::fill_n(k.out<T>(0), k.out(0).size(), T(0));
    if (k.in(0).size() == 0) return;
    auto [rows, cols] = modes.axes(from, to);
    int64_t channels = from[3];
    k.parallel_for(from[0], 2.0 * double(to[1] * to[2] * channels), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t i = 0; i < rows.out; ++i) {
          for (int64_t j = 0; j < cols.out; ++j) {
            const T* dy = k.in<T>(0) + ((n * rows.out + i) * cols.out + j) * channels;
            T* dx = k.out<T>(0) + ((n * rows.in + rows.nearest(i)) * cols.in + cols.nearest(j)) * channels;
            for (int64_t c = 0; c < channels; ++c) dx[c] = T(math::add(Compute<T>(dx[c]), Compute<T>(dy[c])));
          }
        }
      }
    });
  }
};

template <class C>
void hue_saturation_value(const C* rgb, C* hsv) {
  C r = rgb[0], g = rgb[1], b = rgb[2];
  C value = std::max({r, g, b}), range = value - std::min({r, g, b});
  C hue = 0;
  if (range > 0) {
    // The largest part says which sixth of the circle it is: red around 0, green around 1/3, blue around 2/3.
    if (r == value)
      hue = (g - b) / (6 * range);
    else if (g == value)
      hue = (b - r) / (6 * range) + C(2) / 6;
    else
      hue = (r - g) / (6 * range) + C(4) / 6;
    if (hue < 0) hue += 1;
  }
  hsv[0] = hue;
  hsv[1] = value > 0 ? range / value : C(0);
  hsv[2] = value;
}

template <class C>
void red_green_blue(const C* hsv, C* rgb) {
  C h = hsv[0] * 6, s = hsv[1], v = hsv[2];
  auto ramp = [](C x) { return std::clamp(x, C(0), C(1)); };
  rgb[0] = ((ramp(std::abs(h - 3) - 1) - 1) * s + 1) * v;
  rgb[1] = ((ramp(2 - std::abs(h - 2)) - 1) * s + 1) * v;
  rgb[2] = ((ramp(2 - std::abs(h - 4)) - 1) * s + 1) * v;
}

template <class T, bool to_hsv>
struct Colours {
  void operator()(KernelContext& k) const {
    k.parallel_for(k.in(0).size() / 3, 20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* from = k.in<T>(0) + 3 * i;
        Compute<T> x[3] = {Compute<T>(from[0]), Compute<T>(from[1]), Compute<T>(from[2])}, y[3];
        if constexpr (to_hsv)
          hue_saturation_value(x, y);
        else
          red_green_blue(x, y);
        for (int c = 0; c < 3; ++c) k.out<T>(0)[3 * i + c] = T(y[c]);
      }
    });
  }
};
template <class T>
using RGBToHSV = Colours<T, true>;
template <class T>
using HSVToRGB = Colours<T, false>;

}  // namespace

void register_image(KernelRegistry& r) {
  r.add_all<ResizeBilinear, kPixels>("ResizeBilinear", kCpu);
  r.add_all<ResizeBilinearGrad, kFloating>("ResizeBilinearGrad", kCpu);
  r.add_all<ResizeNearestNeighbor, kPixels>("ResizeNearestNeighbor", kCpu);
  r.add_all<ResizeNearestNeighborGrad, kPixels>("ResizeNearestNeighborGrad", kCpu);
  r.add_all<RGBToHSV, kFloating>("RGBToHSV", kCpu);
  r.add_all<HSVToRGB, kFloating>("HSVToRGB", kCpu);
  register_resample(r);
  register_crop(r);
}

}  // namespace thalweg::kernels
