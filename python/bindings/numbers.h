// Python numbers, and lists of them, as tensors, without the detour through NumPy.
#pragma once

#include <Python.h>

#include "thalweg/core/tensor.h"

namespace thalweg::python {

/// A number, or lists of numbers in rows of equal length, as a tensor: of type `known`; where that is invalid, of type
/// `preferred` if all of them fit; else of the type that they have by themselves. False, without an exception, where
/// Python has to look: other objects, other types, numbers that do not fit.
bool tensor_from_numbers(PyObject* o, DType known, DType preferred, Tensor* out);

/// The element type that a DType object stands for; invalid for other objects.
DType dtype_from_object(PyObject* o);

}  // namespace thalweg::python
