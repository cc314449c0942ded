// Places of values in sorted rows, and counts of values: contract and shapes.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

void infer_bound(Infer& s) {
  PartialShape rows = s.rank(0, 2), values = s.rank(1, 2);
  values.set(0, s.merge(rows[0], values[0]));
  s.out(0, values);
}

void infer_histogram(Infer& s) {
  s.merge(s.rank(1, 1)[0], 2);
  s.rank(2, 0);
  auto bins = s.scalar(2);
  s.require(!bins || *bins > 0, "Requires nbins > 0: ", bins.value_or(1));
  s.out(0, {bins.value_or(kUnknown)});
}

int64_t wanted_size(Infer& s) {
  s.rank(1, 0);
  auto size = s.scalar(1);
  s.require(!size || *size >= 0, "size must be non-negative, got ", size.value_or(0));
  return size.value_or(kUnknown);
}

void infer_dense_bincount(Infer& s) {
  const PartialShape& in = s.rank_at_most(0, 2);
  int64_t size = wanted_size(s);
  if (!in.known_rank()) return;
  s.require(in.rank() > 0, "Shape must be at least rank 1 but is rank 0");
  s.out(0, in.rank() == 1 ? PartialShape{size} : PartialShape{in[0], size});
}

}  // namespace

void register_search(OpRegistry& r) {
  for (const char* text : {"LowerBound(sorted_inputs: T, values: T; out_type: type = int32) -> output: out_type",
                           "UpperBound(sorted_inputs: T, values: T; out_type: type = int32) -> output: out_type"}) {
    bool lower = text[0] == 'L';
    r.add_text(text, kReal)
        .types("out_type", kIndex, DType::int32)
        .doc(lower ? "How many elements of each sorted row are less than each value of the same row."
                   : "How many elements of each sorted row are less than or equal to each value of the same row.")
        .infer(infer_bound)
        .no_grad();
  }
  r.add("HistogramFixedWidth(values: T, value_range: T, nbins: int32; dtype: type = int32) -> out: dtype",
        kIndex | DTypeSet{DType::float32, DType::float64})
      .types("dtype", kIndex, DType::int32)
      .api("histogram_fixed_width")
      .doc("How many values fall into each of nbins parts of a range; values outside count for its ends.")
      .infer(infer_histogram)
      .no_grad();
  r.add("Bincount(arr: int32, size: int32, weights: T) -> bins: T", kIndex | DTypeSet{DType::float32, DType::float64})
      .doc("How often, or with weights how heavily, each number below size occurs; larger numbers are left out.")
      .infer([](Infer& s) { s.out(0, {wanted_size(s)}); });
  r.add("DenseBincount(input: Tidx, size: Tidx, weights: T; binary_output: bool = false) -> output: T",
        kIndex | DTypeSet{DType::float32, DType::float64})
      .types("Tidx", kIndex)
      .doc("Bincount of a vector or of each row of a matrix; binary_output says only whether a number occurs.")
      .infer(infer_dense_bincount);
}

}  // namespace thalweg::ops
