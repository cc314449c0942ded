// Images as [batch, height, width, channels]: resizing and colour spaces. Contract, shapes, gradients.
#include "thalweg/ops/image.h"

#include "thalweg/ops/families.h"

namespace thalweg::ops {

void infer_resize(Infer& s) {
  PartialShape in = s.rank(0, 4), size = s.rank(1, 1);
  s.merge(size[0], 2);
  auto want = s.values(1);
  for (int i = 0; i < 2; ++i) {
    int64_t side = want && (*want)[size_t(i)] != kUnknownValue ? (*want)[size_t(i)] : kUnknown;
    // While the graph is built -1 is a size that is not known.
    s.require(side > 0 || (side == kUnknown && !s.running()), "output dimensions must be positive");
    in.set(1 + i, side);
  }
  s.out(0, in);
}

void infer_resize_grad(Infer& s) {
  PartialShape dy = s.rank(0, 4), original = s.rank(1, 4);
  s.out(0, {s.merge(dy[0], original[0]), original[1], original[2], s.merge(dy[3], original[3])});
}

Out sides(const Out& x) {
  Scope scope(x.graph());
  return node("Slice", {shape_of(x), ints({1}), ints({2})});
}

Attrs resize_modes(Grad& g) {
  return {{"align_corners", g.attr<bool>("align_corners")}, {"half_pixel_centers", g.attr<bool>("half_pixel_centers")}};
}

namespace {

void infer_colour(Infer& s) {
  PartialShape in = s.rank_at_least(0, 1);
  if (in.known_rank()) in.set(-1, s.merge(in[-1], 3));
  s.out(0, in);
}

Outs grad_nearest(Grad& g) {
  return {node("ResizeNearestNeighborGrad", {g.dy, sides(g.in(0))}, resize_modes(g)), Out()};
}

}  // namespace

void register_image(OpRegistry& r) {
  r.add(
       "ResizeBilinear(images: T, size: int32; align_corners: bool = false, half_pixel_centers: bool = false)"
       " -> resized_images: float32",
       kPixels)
      .doc("Images of another height and width; each pixel is mixed of the four that are nearest.")
      .infer(infer_resize)
      .grad([](Grad& g) { return Outs{node("ResizeBilinearGrad", {g.dy, g.in(0)}, resize_modes(g)), Out()}; });
  r.add(
       "ResizeBilinearGrad(grads: float32, original_image: T; align_corners: bool = false, half_pixel_centers: bool ="
       " false) -> output: T",
       kFloating)
      .doc("Gradient of ResizeBilinear.")
      .infer(infer_resize_grad)
      .grad([](Grad& g) { return Outs{node("ResizeBilinear", {g.dy, sides(g.in(0))}, resize_modes(g)), Out()}; });
  r.add(
       "ResizeNearestNeighbor(images: T, size: int32; align_corners: bool = false, half_pixel_centers: bool = false)"
       " -> resized_images: T",
       kPixels)
      .doc("Images of another height and width; each pixel is the one that is nearest.")
      .infer(infer_resize)
      .grad(grad_nearest);
  r.add(
       "ResizeNearestNeighborGrad(grads: T, size: int32; align_corners: bool = false, half_pixel_centers: bool ="
       " false) -> output: T",
       kPixels)
      .doc("Gradient of ResizeNearestNeighbor to images of this height and width.")
      .infer(infer_resize)
      .grad(
          [](Grad& g) { return Outs{node("ResizeNearestNeighbor", {g.dy, sides(g.in(0))}, resize_modes(g)), Out()}; });
  r.add("RGBToHSV(images: T) -> output: T", kFloating)
      .api("image.rgb_to_hsv")
      .doc("Hue, saturation and value of red, green and blue in [0, 1].")
      .infer(infer_colour)
      .no_grad();
  r.add("HSVToRGB(images: T) -> output: T", kFloating)
      .api("image.hsv_to_rgb")
      .doc("Red, green and blue of hue, saturation and value in [0, 1].")
      .infer(infer_colour)
      .no_grad();
  register_resample(r);
  register_crop(r);
}

}  // namespace thalweg::ops
