// Calling ops from Python: arguments become tensors and attributes, and find the op that was made ready for them.
#pragma once

#include <Python.h>

#include "eager_tensor.h"

namespace thalweg::python {

/// The binary operators that need nothing but one op.
enum class Operator : uint8_t {
  Add,
  Sub,
  Mul,
  Div,
  FloorDiv,
  Mod,
  Pow,
  MatMul,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Count
};

/// a op b for two tensors of one dtype, or a tensor and a Python number that it can take; null without an exception
/// where Python has to decide.
PyObject* binary(Operator op, PyObject* a, PyObject* b);

/// The device that ops run on, on this thread.
Device& eager_device();

}  // namespace thalweg::python
