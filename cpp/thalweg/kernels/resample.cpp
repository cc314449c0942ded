// Kernels that resample images with weighted windows. Rows and columns have taps of their own: which input pixels an
// output pixel is made of, and with what weights. Arithmetic of the weights is TensorFlow's, in float.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "thalweg/kernels/resize.h"

namespace thalweg::kernels {
namespace {

struct Taps {
  struct Tap {
    int64_t index;
    float weight;
  };
  std::vector<Tap> taps;
  std::vector<size_t> ends;  // of the taps of each output pixel

  std::span<const Tap> of(int64_t i) const {
    size_t begin = i == 0 ? 0 : ends[size_t(i) - 1];
    return {taps.data() + begin, ends[size_t(i)] - begin};
  }
  void add(int64_t index, float weight) { taps.push_back({index, weight}); }
  void end_pixel() { ends.push_back(taps.size()); }
  /// Makes the weights from `begin` on sum to 1, unless they cancel.
  void normalize(size_t begin) {
    float sum = 0;
    for (size_t i = begin; i < taps.size(); ++i) sum += taps[i].weight;
    bool cancels = std::abs(sum) < 1000 * std::numeric_limits<float>::min();
    for (size_t i = begin; i < taps.size(); ++i) taps[i].weight = cancels ? 0 : taps[i].weight * (1 / sum);
  }
};

/// A window: its weight at a distance, and the distance where it ends.
struct Window {
  float radius;
  std::function<float(float)> weight;
};

Window lanczos(float radius) {
  return {radius, [radius](float x) {
            constexpr double kPi = std::numbers::pi;
            if (x > radius) return 0.0f;
            if (x <= 1e-3f) return 1.0f;  // the quotient is 0 / 0 at 0
            return float(radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x));
          }};
}

Window window(std::string_view name) {
  if (name == "lanczos1") return lanczos(1);
  if (name == "lanczos3") return lanczos(3);
  if (name == "lanczos5") return lanczos(5);
  if (name == "gaussian")
    return {1.5f, [](float x) { return x >= 1.5f ? 0.0f : std::exp(-x * x / (2 * 0.5f * 0.5f)); }};
  if (name == "box") return {1, [](float x) { return x < 0.5f ? 1.0f : x == 0.5f ? 0.5f : 0.0f; }};
  if (name == "triangle") return {1, [](float x) { return x < 1 ? 1 - x : 0.0f; }};
  if (name == "keyscubic") {
    return {2, [](float x) {
              if (x >= 2) return 0.0f;
              return x >= 1 ? ((-0.5f * x + 2.5f) * x - 4) * x + 2 : (1.5f * x - 2.5f) * x * x + 1;
            }};
  }
  if (name == "mitchellcubic") {
    return {2, [](float x) {
              if (x >= 2) return 0.0f;
              return x >= 1 ? ((-7.0f / 18 * x + 2) * x - 10.0f / 3) * x + 16.0f / 9
                            : (7.0f / 6 * x - 2) * x * x + 8.0f / 9;
            }};
  }
  TW_FAIL(InvalidArgument, "Unrecognized kernel type: ", name);
}

/// ScaleAndTranslate's. A pixel that lies outside of the image has no taps and is 0.
Taps window_taps(const Window& w, int64_t in, int64_t out, float scale, float translation, bool antialias) {
  TW_CHECK(scale > 0, "ScaleAndTranslate: scales must be greater than zero, got ", scale);
  float inverse = 1 / scale, shift = rounded_product(-inverse, translation);
  float wide = antialias ? std::max(inverse, 1.0f) : 1.0f, reach = rounded_product(w.radius, wide), narrow = 1 / wide;
  Taps taps;
  for (int64_t i = 0; i < out; ++i) {
    float at = rounded_product(float(i) + 0.5f, inverse) + shift;
    if (at >= 0 && at <= float(in)) {
      int64_t first = std::clamp(int64_t(std::ceil(at - reach - 0.5f)), int64_t(0), in - 1);
      int64_t last = std::clamp(int64_t(std::floor(at + reach - 0.5f)), int64_t(0), in - 1);
      size_t begin = taps.taps.size();
      for (int64_t j = first; j <= last; ++j) taps.add(j, w.weight(std::abs((float(j) + 0.5f - at) * narrow)));
      taps.normalize(begin);
    }
    taps.end_pixel();
  }
  return taps;
}

/// Weights of the four pixels around a place `at` between the second and the third, in steps of 1 / 1024: cubic
/// convolution with parameter a.
std::array<float, 4> cubic_weights(float at, float a) {
  constexpr int kSteps = 1024;
  long step = std::lrint(at * kSteps);
  auto near = [a](double x) { return float(((a + 2) * x - (a + 3)) * x * x + 1); };
  auto far = [a](double x) { return float(((a * x - 5 * a) * x + 8 * a) * x - 4 * a); };
  double x = double(step) / kSteps, y = double(kSteps - step) / kSteps;
  return {far(x + 1), near(x), near(y), far(y + 1)};
}

/// ResizeBicubic's. With half_pixel_centers pixels beyond the border do not count; otherwise the border repeats.
Taps cubic_taps(const ResizeAxis& axis) {
  Taps taps;
  for (int64_t i = 0; i < axis.out; ++i) {
    float at = rounded_product(axis.centers ? float(i) + 0.5f : float(i), axis.scale) - (axis.centers ? 0.5f : 0.0f);
    auto low = int64_t(std::floor(at));
    std::array<float, 4> weights = cubic_weights(at - float(low), axis.centers ? -0.5f : -0.75f);
    size_t begin = taps.taps.size();
    for (int64_t j = 0; j < 4; ++j) {
      int64_t place = low - 1 + j, inside = std::clamp(place, int64_t(0), axis.in - 1);
      if (place == inside || !axis.centers) taps.add(inside, weights[size_t(j)]);
    }
    if (axis.centers) taps.normalize(begin);
    taps.end_pixel();
  }
  return taps;
}

/// ResizeArea's: the share of each pixel in the stretch that an output pixel covers.
Taps area_taps(const ResizeAxis& axis) {
  Taps taps;
  for (int64_t i = 0; i < axis.out; ++i) {
    float from = rounded_product(float(i), axis.scale), to = rounded_product(float(i + 1), axis.scale);
    for (auto j = int64_t(std::floor(from)); j < int64_t(std::ceil(to)); ++j) {
      float covered = std::min(float(j + 1), to) - std::max(float(j), from);
      taps.add(std::clamp(j, int64_t(0), axis.in - 1), covered / axis.scale);
    }
    taps.end_pixel();
  }
  return taps;
}

/// Images of input 0, resampled.
template <class T>
void resample(KernelContext& k, const Taps& rows, const Taps& cols) {
  const Shape &from = k.in(0).shape(), &to = k.out(0).shape();
  int64_t channels = from[3], line = from[2] * channels, height = to[1], width = to[2];
  double cost = double(rows.taps.size()) / double(height) * double(line) + double(cols.taps.size()) * double(channels);
  k.parallel_for(to[0] * height, cost, [&](int64_t begin, int64_t end) {
    std::vector<float> mixed(static_cast<size_t>(line));
    for (int64_t n = begin; n < end; ++n) {
      const T* image = k.in<T>(0) + n / height * from[1] * line;
      std::fill(mixed.begin(), mixed.end(), 0.0f);
      for (auto [row, weight] : rows.of(n % height)) {
        const T* x = image + row * line;
        for (int64_t i = 0; i < line; ++i) mixed[size_t(i)] += weight * float(x[i]);
      }
      float* out = k.out<float>(0) + n * width * channels;
      std::fill_n(out, width * channels, 0.0f);
      for (int64_t j = 0; j < width; ++j, out += channels) {
        for (auto [col, weight] : cols.of(j)) {
          const float* x = mixed.data() + col * channels;
          for (int64_t c = 0; c < channels; ++c) out[c] += weight * x[c];
        }
      }
    }
  });
}

/// The transpose of that: from gradients at input 0 to those of the original images.
template <class T>
void resample_gradient(KernelContext& k, const Taps& rows, const Taps& cols) {
  const Shape &to = k.in(0).shape(), &from = k.out(0).shape();
  int64_t channels = from[3], line = from[2] * channels, height = to[1], width = to[2];
  double cost = double(height) * double(cols.taps.size()) * double(channels) + double(rows.taps.size()) * double(line);
  k.parallel_for(from[0], cost, [&](int64_t begin, int64_t end) {
    std::vector<T> mixed(static_cast<size_t>(line));
    for (int64_t n = begin; n < end; ++n) {
      T* image = k.out<T>(0) + n * from[1] * line;
      std::fill_n(image, from[1] * line, T(0));
      for (int64_t i = 0; i < height; ++i) {
        const float* dy = k.in<float>(0) + (n * height + i) * width * channels;
        std::fill(mixed.begin(), mixed.end(), T(0));
        for (int64_t j = 0; j < width; ++j, dy += channels) {
          for (auto [col, weight] : cols.of(j)) {
            for (int64_t c = 0; c < channels; ++c) mixed[size_t(col * channels + c)] += T(weight) * T(dy[c]);
          }
        }
        for (auto [row, weight] : rows.of(i)) {
          T* x = image + row * line;
          for (int64_t c = 0; c < line; ++c) x[c] += T(weight) * mixed[size_t(c)];
        }
      }
    }
  });
}

struct Windows {
  Window kernel;
  bool antialias;
  explicit Windows(const KernelInit& init)
      : kernel(window(init.attr<std::string>("kernel_type"))), antialias(init.attr<bool>("antialias")) {}
  /// The taps of axis i of images, 1 or 2; inputs 2 and 3 have scale and translation.
  Taps taps(const KernelContext& k, const Shape& from, const Shape& to, int i) const {
    return window_taps(kernel, from[i], to[i], k.in<float>(2)[i - 1], k.in<float>(3)[i - 1], antialias);
  }
};

template <class T>
struct ScaleAndTranslate {
  Windows windows;
  explicit ScaleAndTranslate(const KernelInit& init) : windows(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.in(0).shape(), &to = k.out(0).shape();
    if (k.out(0).size() == 0) return;
    TW_CHECK(from[1] > 0 && from[2] > 0, "input image must be of non-zero size, got ", from);
    resample<T>(k, windows.taps(k, from, to, 1), windows.taps(k, from, to, 2));
  }
};

struct ScaleAndTranslateGrad {
  Windows windows;
  explicit ScaleAndTranslateGrad(const KernelInit& init) : windows(init) {}
  void operator()(KernelContext& k) const {
    const Shape &from = k.out(0).shape(), &to = k.in(0).shape();
    if (k.out(0).size() == 0) return;
    resample_gradient<float>(k, windows.taps(k, from, to, 1), windows.taps(k, from, to, 2));
  }
};

template <class T>
struct ResizeBicubic {
  ResizeModes modes;
  explicit ResizeBicubic(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    auto [rows, cols] = modes.axes(k.in(0).shape(), k.out(0).shape());
    resample<T>(k, cubic_taps(rows), cubic_taps(cols));
  }
};

template <class T>
struct ResizeBicubicGrad {
  ResizeModes modes;
  explicit ResizeBicubicGrad(const KernelInit& init) : modes(init) {}
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    auto [rows, cols] = modes.axes(k.out(0).shape(), k.in(0).shape());
    resample_gradient<T>(k, cubic_taps(rows), cubic_taps(cols));
  }
};

template <class T>
struct ResizeArea {
  ResizeModes modes;
  explicit ResizeArea(const KernelInit& init) : modes(init.attr<bool>("align_corners"), false) {}
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    auto [rows, cols] = modes.axes(k.in(0).shape(), k.out(0).shape());
    resample<T>(k, area_taps(rows), area_taps(cols));
  }
};

}  // namespace

void register_resample(KernelRegistry& r) {
  r.add_all<ScaleAndTranslate, kPixels>("ScaleAndTranslate", kCpu);
  r.add<ScaleAndTranslateGrad>("ScaleAndTranslateGrad", kCpu);
  r.add_all<ResizeBicubic, kPixels>("ResizeBicubic", kCpu);
  r.add<ResizeBicubicGrad, float, double>("ResizeBicubicGrad", kCpu);
  r.add_all<ResizeArea, kPixels>("ResizeArea", kCpu);
}

}  // namespace thalweg::kernels
