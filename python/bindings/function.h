// Functions of Python programs: graphs that are called with tensors.
#pragma once

#include <Python.h>

#include <span>

#include "eager_tensor.h"

namespace thalweg::python {

bool is_function(PyObject* o);
/// The structure of results for the tensors of its arguments; a new reference, null with a Python exception set.
PyObject* call_function(PyObject* f, std::span<PyObject* const> tensors);

}  // namespace thalweg::python
