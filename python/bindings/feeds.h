// Python values as tensors for one run: borrowed where they can be, converted here where that is cheap, and by Python
// otherwise.
#pragma once

#include <vector>

#include "convert.h"

namespace thalweg::python {

/// What a feed must be.
struct FeedInfo {
  DType dtype;
  PartialShape shape;
  PyObject* numpy = nullptr;  // its dtype, which lives as long as the process
};

/// Keeps what is borrowed, for the run.
using Keep = std::vector<py::object>;

/// `value` as a tensor. Arrays of the right dtype and a compatible shape share their memory and must outlive the
/// tensor; numbers, NumPy scalars and nested lists of numbers are copied. `convert(i, value)` makes an array of
/// anything else, or raises TensorFlow's error.
Tensor feed_from(PyObject* value, const FeedInfo& info, size_t i, py::handle convert, Keep& keep);

}  // namespace thalweg::python
