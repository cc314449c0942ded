// A tensor put together from parts that cover it.
#pragma once

#include <string>
#include <vector>

#include "thalweg/core/tensor.h"
#include "thalweg/formats/bundle_entry.h"

namespace thalweg {

class THALWEG_API SlicedTensor {
 public:
  /// DataLoss unless every element lies in exactly one slice. `what` begins the errors' texts.
  SlicedTensor(const std::string& what, const Shape& shape, const std::vector<BundleSlice>& slices);

  const Shape& shape(size_t slice) const { return parts_[slice].shape; }
  void allocate(DType type) { tensor_ = Tensor(type, shape_); }
  /// `part` has the slice's shape and the tensor's type.
  void put(size_t slice, const Tensor& part);
  const Tensor& tensor() const { return tensor_; }

 private:
  struct Part {
    Shape start, shape;
  };
  bool overlap(const Part& a, const Part& b) const;

  Shape shape_;
  std::vector<Part> parts_;
  Tensor tensor_;
};

}  // namespace thalweg
