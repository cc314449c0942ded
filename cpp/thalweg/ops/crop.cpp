// Parts of images, cut out and resized: contract, shapes, gradients.
#include "thalweg/ops/image.h"

namespace thalweg::ops {
namespace {

/// Boxes [n, 4] at input i, and for each the number of its image behind them; the number of boxes.
int64_t require_boxes(Infer& s, int i) {
  PartialShape boxes = s.rank(i, 2), index = s.rank(i + 1, 1);
  s.merge(boxes[1], 4);
  return s.merge(boxes[0], index[0]);
}

void infer_crop(Infer& s) {
  PartialShape image = s.rank(0, 4), size = s.rank(3, 1);
  int64_t boxes = require_boxes(s, 1);
  s.merge(size[0], 2);
  PartialShape out{boxes, kUnknown, kUnknown, image[3]};
  if (auto want = s.values(3)) {
    for (int i = 0; i < 2; ++i) {
      int64_t side = (*want)[size_t(i)];
      if (side == kUnknownValue) continue;
      s.require(side > 0, "crop dimensions must be positive, got ", side);
      out.set(1 + i, side);
    }
  }
  s.out(0, out);
}

void infer_image_gradient(Infer& s) {
  s.rank(0, 4);
  require_boxes(s, 1);
  PartialShape out = s.shape_from(3);
  s.require(!out.known_rank() || out.rank() == 4, "image_size must have 4 elements, got ", out);
  s.out(0, out);
}

void infer_boxes_gradient(Infer& s) {
  s.rank(0, 4);
  s.rank(1, 4);
  s.out(0, {require_boxes(s, 2), 4});
}

Outs crop_grad(Grad& g) {
  Out image = g.in(0), boxes = g.in(1), index = g.in(2);
  if (!kFloating.has(image.dtype())) return g.none();
  Attrs method{{"method", g.attr<std::string>("method")}};
  DType sums = image.dtype() == DType::bfloat16 ? DType::float32 : image.dtype();
  Attrs typed = method;
  typed.set("T", sums);
  Out d_image = cast(node("CropAndResizeGradImage", {g.dy, boxes, index, shape_of(image)}, typed), image.dtype());
  // By the boxes it is that of 'bilinear' for both methods, as in TensorFlow.
  return {d_image, node("CropAndResizeGradBoxes", {g.dy, image, boxes, index}), {}, {}};
}

}  // namespace

void register_crop(OpRegistry& r) {
  constexpr DTypeSet kSummed{DType::float16, DType::float32, DType::float64};
  r.add(
       "CropAndResize(image: T, boxes: float32, box_ind: int32, crop_size: int32; method: string{bilinear|nearest} ="
       " 'bilinear', extrapolation_value: float = 0.0) -> crops: float32",
       kPixels)
      .doc(
          "The parts of images in boxes (y1, x1, y2, x2), all resized to one height and width. 0 and 1 are the centres"
          " of the first and the last pixel; beyond them there is extrapolation_value.")
      .infer(infer_crop)
      .grad(crop_grad);
  r.add(
       "CropAndResizeGradImage(grads: float32, boxes: float32, box_ind: int32, image_size: int32; T: type,"
       " method: string{bilinear|nearest} = 'bilinear') -> output: T")
      .types("T", kSummed)
      .doc("Gradient of CropAndResize by the images.")
      .infer(infer_image_gradient)
      .no_grad();
  r.add(
       "CropAndResizeGradBoxes(grads: float32, image: T, boxes: float32, box_ind: int32; method: string{bilinear} ="
       " 'bilinear') -> output: float32",
       kPixels)
      .doc("Gradient of CropAndResize by the boxes.")
      .infer(infer_boxes_gradient)
      .no_grad();
}

}  // namespace thalweg::ops
