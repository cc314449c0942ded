// Ops that turn values into TensorBoard's serialized Summary messages.
#include <algorithm>

#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {

void register_summary(OpRegistry& r) {
  r.add("ScalarSummary(tags: string, values: T) -> summary: string", kReal)
      .doc("A Summary with one number per tag; tags and values have one shape.")
      .infer(infer_scalar)
      .no_grad();
  r.add("HistogramSummary(tag: string, values: T) -> summary: string")
      .types("T", kReal, DType::float32)
      .doc(
          "A Summary with the histogram of all values, over buckets whose limits grow by a tenth. "
          "NaN and infinity are errors.")
      .infer(infer_scalar)
      .no_grad();
  OpDef& image =
      r.add("ImageSummary(tag: string, tensor: T; max_images: int = 3, bad_color: tensor) -> summary: string")
          .types("T", {DType::uint8, DType::float32, DType::float16, DType::float64}, DType::float32)
          .doc(
              "A Summary with up to max_images pictures of a batch [n, height, width, 1, 3 or 4] as PNG. "
              "Floating-point "
              "pictures are scaled to 0..255, or around 128 if they have negative values; pixels that are not finite "
              "are shown in bad_color.")
          .infer(infer_scalar)
          .no_grad();
  std::ranges::find(image.attrs, "bad_color", &AttrDef::name)->fallback = Tensor::vector<uint8_t>({255, 0, 0, 255});
  r.add("MergeSummary(inputs: N * string) -> summary: string")
      .doc("One Summary with the values of all inputs; a tag may occur once.")
      .infer(infer_scalar)
      .no_grad();
}

}  // namespace thalweg::ops
