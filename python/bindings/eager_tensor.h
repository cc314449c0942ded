// Tensors that have a value, as Python objects.
#pragma once

#include <Python.h>

#include "convert.h"
#include "thalweg/runtime/tape.h"

namespace thalweg::python {

struct EagerTensorObject {
  PyObject_HEAD Tensor tensor;
  int64_t id;  // Value::id
  PyObject *attributes, *weak;
};

bool is_eager_tensor(PyObject* o);
inline EagerTensorObject& eager(PyObject* o) { return *reinterpret_cast<EagerTensorObject*>(o); }
/// A new reference; null with a Python exception set.
PyObject* new_eager_tensor(Tensor t, int64_t id = 0);
inline PyObject* new_eager_tensor(Value v) { return new_eager_tensor(std::move(v.tensor), v.id); }

/// A variable outside of any session: what the front-end's class for it derives from.
struct VariableObject {
  PyObject_HEAD std::shared_ptr<Variable> variable;
  int64_t id;
  bool trainable;
  PyObject* weak;
};

bool is_variable_object(PyObject* o);
inline VariableObject& variable(PyObject* o) { return *reinterpret_cast<VariableObject*>(o); }
/// Its value; the tapes that record take notice. FailedPrecondition if it has none.
Value read(VariableObject& v);

/// The front-end's DType for an element type, borrowed.
PyObject* dtype_object_of(DType t);

}  // namespace thalweg::python
