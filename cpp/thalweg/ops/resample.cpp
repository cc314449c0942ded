// Images resampled with weighted windows, along rows and columns one after the other: contract, shapes, gradients.
#include "thalweg/ops/image.h"

namespace thalweg::ops {
namespace {

constexpr std::string_view kKernels[] = {"lanczos1", "lanczos3", "lanczos5",  "gaussian",
                                         "box",      "triangle", "keyscubic", "mitchellcubic"};

/// A scale and a translation for each axis at inputs i and i + 1; a known window.
void require_windows(Infer& s, int i) {
  for (int j = i; j < i + 2; ++j) s.merge(s.rank(j, 1)[0], 2);
  const auto& kernel = s.attr<std::string>("kernel_type");
  s.require(std::find(std::begin(kKernels), std::end(kKernels), kernel) != std::end(kKernels),
            "Unrecognized kernel type: ", kernel);
}

Attrs windows(Grad& g) {
  return {{"kernel_type", g.attr<std::string>("kernel_type")}, {"antialias", g.attr<bool>("antialias")}};
}

}  // namespace

void register_resample(OpRegistry& r) {
  r.add(
       "ScaleAndTranslate(images: T, size: int32, scale: float32, translation: float32;"
       " kernel_type: string = 'lanczos3', antialias: bool = true) -> resized_images: float32",
       kPixels)
      .doc(
          "Images of another height and width: output pixel p lies at (p - translation) / scale of the input, and is"
          " mixed with a window around it, which antialias widens where images shrink.")
      .infer([](Infer& s) {
        require_windows(s, 2);
        infer_resize(s);
      })
      .grad([](Grad& g) {
        Out x = g.in(0);
        if (!kFloating.has(x.dtype())) return g.none();
        Out dx = node("ScaleAndTranslateGrad", {g.dy, cast(x, DType::float32), g.in(2), g.in(3)}, windows(g));
        return Outs{cast(dx, x.dtype()), {}, {}, {}};
      });
  r.add(
       "ScaleAndTranslateGrad(grads: T, original_image: T, scale: float32, translation: float32;"
       " kernel_type: string = 'lanczos3', antialias: bool = true) -> output: T",
       {DType::float32})
      .doc("Gradient of ScaleAndTranslate.")
      .infer([](Infer& s) {
        require_windows(s, 2);
        infer_resize_grad(s);
      })
      .grad([](Grad& g) {
        Out d = node("ScaleAndTranslate", {g.dy, sides(g.in(0)), g.in(2), g.in(3)}, windows(g));
        return Outs{d, {}, {}, {}};
      });
  r.add(
       "ResizeBicubic(images: T, size: int32; align_corners: bool = false, half_pixel_centers: bool = false)"
       " -> resized_images: float32",
       kPixels)
      .doc("Images of another height and width by cubic interpolation of the four nearest pixels on each axis.")
      .infer(infer_resize)
      .grad([](Grad& g) {
        Out x = g.in(0);
        if (!kFloating.has(x.dtype())) return g.none();
        bool own = x.dtype() == DType::float32 || x.dtype() == DType::float64;
        Out dx = node("ResizeBicubicGrad", {g.dy, own ? x : cast(x, DType::float32)}, resize_modes(g));
        return Outs{own ? dx : cast(dx, x.dtype()), {}};
      });
  r.add(
       "ResizeBicubicGrad(grads: float32, original_image: T; align_corners: bool = false, half_pixel_centers: bool ="
       " false) -> output: T",
       {DType::float32, DType::float64})
      .doc("Gradient of ResizeBicubic.")
      .infer(infer_resize_grad)
      .grad([](Grad& g) { return Outs{node("ResizeBicubic", {g.dy, sides(g.in(0))}, resize_modes(g)), {}}; });
  r.add("ResizeArea(images: T, size: int32; align_corners: bool = false) -> resized_images: float32", kPixels)
      .doc("Images of another height and width; each pixel is the mean over the part of the image that it covers.")
      .infer(infer_resize)
      .no_grad();
}

}  // namespace thalweg::ops
