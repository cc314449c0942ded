#include "thalweg/formats/bundle_slices.h"

#include <cstring>

namespace thalweg {
namespace {

constexpr size_t kMostSlices = 4096;  // they are compared in pairs

}  // namespace

SlicedTensor::SlicedTensor(const std::string& what, const Shape& shape, const std::vector<BundleSlice>& slices)
    : shape_(shape) {
  if (slices.size() > kMostSlices) TW_FAIL(ResourceExhausted, what, " has more than ", kMostSlices, " slices");
  int64_t covered = 0;
  for (const BundleSlice& slice : slices) {
    Part part;
    if (slice.size() != size_t(shape.rank()))
      TW_FAIL(DataLoss, what, " of shape ", shape, " has a slice of another rank");
    for (int i = 0; i < shape.rank(); ++i) {
      BundleExtent x = slice[size_t(i)];
      if (x.length == kUnknown && x.start == 0) x.length = shape[i];
      if (x.length < 0 || x.start > shape[i] || x.length > shape[i] - x.start) {
        TW_FAIL(DataLoss, what, " of shape ", shape, " has a slice outside of it");
      }
      part.start.push_back(x.start);
      part.shape.push_back(x.length);
    }
    for (const Part& other : parts_) {
      if (overlap(part, other)) TW_FAIL(DataLoss, what, " has slices that overlap");
    }
    parts_.push_back(part);
    covered += part.shape.size();
  }
  if (covered != shape.size()) TW_FAIL(DataLoss, what, " of shape ", shape, " is not covered by its slices");
}

bool SlicedTensor::overlap(const Part& a, const Part& b) const {
  if (a.shape.size() == 0 || b.shape.size() == 0) return false;
  for (int i = 0; i < shape_.rank(); ++i) {
    if (a.start[i] + a.shape[i] <= b.start[i] || b.start[i] + b.shape[i] <= a.start[i]) return false;
  }
  return true;
}

void SlicedTensor::put(size_t slice, const Tensor& part) {
  const Part& p = parts_[slice];
  TW_ASSERT(part.shape() == p.shape && part.dtype() == tensor_.dtype());
  // The innermost dimension is copied in runs; the others are counted through.
  int64_t run = p.shape.rank() ? p.shape[-1] : 1;
  int64_t runs = run ? p.shape.size() / run : 0;
  for (int64_t r = 0; r < runs; ++r) {
    int64_t to = 0, rest = r, stride = 1;
    for (int i = p.shape.rank() - 1; i >= 0; --i) {
      int64_t index = i == p.shape.rank() - 1 ? 0 : rest % p.shape[i];
      if (i != p.shape.rank() - 1) rest /= p.shape[i];
      to += (p.start[i] + index) * stride;
      stride *= shape_[i];
    }
    if (part.dtype() == DType::string) {
      std::copy_n(part.ptr<std::string>() + r * run, run, tensor_.ptr<std::string>() + to);
    } else {
      size_t width = size_of(part.dtype());
      std::memcpy(static_cast<char*>(tensor_.data()) + size_t(to) * width,
                  static_cast<const char*>(part.data()) + size_t(r * run) * width, size_t(run) * width);
    }
  }
}

}  // namespace thalweg
