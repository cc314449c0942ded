#include "thalweg/graph/indexed_slices.h"

namespace thalweg {
namespace {

/// Other tools that read the graph see an ordinary sum of segments.
constexpr const char* kMark = "_indexed_slices";

}  // namespace

Out IndexedSlices::dense() const { return node("UnsortedSegmentSum", {values, indices, rows}, {{kMark, true}}); }

std::optional<IndexedSlices> slices_of(const Out& dense) {
  if (!dense || dense.is_number() || !dense.node().attrs().has(kMark)) return std::nullopt;
  const auto& in = dense.node().inputs();
  return IndexedSlices{Out(in[0]), Out(in[1]), Out(in[2])};
}

Out sum_of_gradients(std::span<const Out> parts) {
  if (parts.size() == 1) return parts[0];
  Outs values, indices;
  DType index = DType::int32;
  for (const Out& p : parts) {
    auto slices = slices_of(p);
    if (!slices) return node("AddN", parts);
    values.push_back(slices->values);
    indices.push_back(slices->indices);
    if (slices->indices.dtype() == DType::int64) index = DType::int64;
  }
  for (Out& i : indices) i = cast(i, index);
  auto joined = [](Outs list) {
    list.push_back(int_scalar(0));
    return node("ConcatV2", list);
  };
  return IndexedSlices{joined(values), joined(indices), slices_of(parts[0])->rows}.dense();
}

}  // namespace thalweg
