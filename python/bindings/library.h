// The one Library that Python's sessions share.
#pragma once

#include "thalweg/runtime/library.h"

namespace thalweg::python {

/// Ops and kernels of the library, the PyFunc kernel, and what was loaded since.
Library& library();

/// Registers the kernels that call back into Python.
void register_py_func(KernelRegistry& r);

}  // namespace thalweg::python
