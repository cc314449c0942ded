// How the axes of images are sampled when they are resized.
#pragma once

#include <algorithm>
#include <cmath>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

inline constexpr DTypeSet kPixels = kReal - DTypeSet{DType::uint32, DType::uint64};

/// A product that is rounded by itself, never fused with a sum: TensorFlow's pixels.
inline float rounded_product(float a, float b) { return float(double(a) * double(b)); }

/// How an axis of `in` pixels is sampled at `out` places. Arithmetic is TensorFlow's, in float.
struct ResizeAxis {
  int64_t in, out;
  bool corners, centers;
  float scale;

  ResizeAxis(int64_t in, int64_t out, bool corners, bool centers)
      : in(in),
        out(out),
        corners(corners),
        centers(centers),
        scale(corners && out > 1 ? float(in - 1) / float(out - 1) : float(in) / float(out)) {}

  struct Pair {
    int64_t low, high;
    float mix;  // the share of `high`
  };
  Pair pair(int64_t i) const {
    float at = centers ? float((double(i) + 0.5) * double(scale)) - 0.5f : float(i) * scale, floor = std::floor(at);
    return {std::max(int64_t(floor), int64_t(0)), std::min(int64_t(std::ceil(at)), in - 1), at - floor};
  }
  int64_t nearest(int64_t i) const {
    float at = (centers ? float(i) + 0.5f : float(i)) * scale;
    return std::clamp(int64_t(corners ? std::round(at) : std::floor(at)), int64_t(0), in - 1);
  }
};

struct ResizeModes {
  bool corners, centers;
  explicit ResizeModes(const KernelInit& init)
      : ResizeModes(init.attr<bool>("align_corners"), init.attr<bool>("half_pixel_centers")) {}
  ResizeModes(bool corners, bool centers) : corners(corners), centers(centers) {
    TW_CHECK(!corners || !centers, "If half_pixel_centers is True, align_corners must be False.");
  }
  /// The two axes of images that are resized to others.
  std::pair<ResizeAxis, ResizeAxis> axes(const Shape& from, const Shape& to) const {
    TW_CHECK(from[1] > 0 && from[2] > 0, "input image must be of non-zero size, got ", from);
    return {ResizeAxis(from[1], to[1], corners, centers), ResizeAxis(from[2], to[2], corners, centers)};
  }
};

// Parts of the family that have files of their own; called by register_image.
void register_resample(KernelRegistry& r);
void register_crop(KernelRegistry& r);

}  // namespace thalweg::kernels
