// Calling ops from Python: arguments become tensors and attributes, and find the op that was made ready for them.
#pragma once

#include <Python.h>

#include "eager_tensor.h"

namespace thalweg::python {

/// The operators that need nothing but one op.
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
  Equal,
  NotEqual,
  Neg,
  Abs,
  Count
};

/// a op b for two tensors of one dtype, or a tensor and a Python number that it can take; null without an exception
/// where Python has to decide.
PyObject* binary(Operator op, PyObject* a, PyObject* b);
/// op a, likewise.
PyObject* unary(Operator op, PyObject* a);
/// tensor[key] for a key of integers, slices of integers, `...` and None, likewise.
PyObject* subscript(PyObject* tensor, PyObject* key);

/// Work over this many bytes is done without the interpreter lock.
constexpr size_t kLongBytes = 32 << 10;
/// Runs it, without the interpreter lock if it takes long; an error says which op it was.
void run_op(const EagerOp& op, const Tensor* const* in, Variable* const* references, Tensor* out, bool takes_long);

/// The device that ops run on, on this thread.
Device& eager_device();
/// Whether one was asked for.
bool has_eager_device();

}  // namespace thalweg::python
