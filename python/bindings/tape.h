// Tapes as Python holds them.
#pragma once

#include "eager_tensor.h"

namespace thalweg::python {

/// A trainable variable is being read: the tapes that record watch it, if they do that by themselves.
void note_access(VariableObject& v);

/// A tensor or variable as tapes know it.
Value value_of(PyObject* o);

}  // namespace thalweg::python
