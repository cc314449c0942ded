// Conversions between Python and Thalweg values. No logic beyond that.
#pragma once

#include <cstring>
#include <memory>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "thalweg/core/attr.h"
#include "thalweg/graph/graph.h"
#include "thalweg/registry/signature.h"

namespace thalweg::python {

namespace py = pybind11;

/// The NumPy dtype of an element type: object for strings, whatever set_numpy_dtype() gave for bfloat16.
py::dtype numpy_dtype(DType t);
/// The same, borrowed: it lives as long as the process.
PyObject* dtype_object(DType t);
void set_numpy_dtype(DType t, py::dtype dtype);

/// A copy of any NumPy array (strings: object, bytes or str arrays) as a tensor of dtype `t`.
Tensor tensor_from(const py::array& a, DType t);
/// The element type of a NumPy dtype; TypeError if there is none.
DType dtype_from(const py::dtype& d);
/// Always an array, a copy.
py::array to_array(const Tensor& t);

AttrValue attr_from(py::handle value, AttrKind kind);
AttrValue attr_from(py::handle value);  // kind guessed, for attributes named "_..."
py::object attr_to(const AttrValue& v);

PartialShape shape_from(py::handle shape);  // None, or a sequence with None or -1
py::object shape_to(const PartialShape& s);

Endpoint endpoint_from(const Graph& g, py::handle pair);
py::tuple endpoint_to(const Endpoint& e);
std::vector<Endpoint> endpoints_from(const Graph& g, py::handle list);

/// Sets the Python exception for an error raised while a graph runs, through the factory of errors.py. `graph`, if
/// given, is the front-end's, in which the error finds its operation.
void raise_error(const Error& e, PyObject* graph = nullptr);
void set_error_factory(py::object factory);

/// A Python object that may be let go of without the interpreter lock.
inline std::shared_ptr<py::object> shared_object(py::object o) {
  return {new py::object(std::move(o)), [](py::object* held) {
            py::gil_scoped_acquire lock;
            delete held;
          }};
}

void bind_mode(py::module_& m);
void bind_eager_tensor(py::module_& m);
void bind_variable_object(py::module_& m);
void bind_eager_ops(py::module_& m);
void bind_tape(py::module_& m);
void bind_dlpack(py::module_& m);
void bind_function(py::module_& m);
void bind_function_calls(py::module_& m);
void bind_graph(py::module_& m);
void bind_registry(py::module_& m);
void bind_session(py::module_& m);
void bind_calls(py::module_& m);
void bind_profile(py::module_& m);
void bind_py_func(py::module_& m);
void bind_formats(py::module_& m);
void bind_checkpoint(py::module_& m);

}  // namespace thalweg::python
