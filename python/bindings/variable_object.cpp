// Variables of eager programs: the value lives with the object.
#include <Python.h>
#include <structmember.h>

#include "eager_tensor.h"
#include "runner.h"
#include "tape.h"

namespace thalweg::python {
namespace {

PyTypeObject* g_type = nullptr;

PyObject* variable_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  new (&variable(self).variable) std::shared_ptr<Variable>(std::make_shared<Variable>());
  variable(self).id = new_value_id();
  return self;
}

void variable_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (variable(self).weak) PyObject_ClearWeakRefs(self);
  std::destroy_at(&variable(self).variable);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* variable_setup(PyObject* self, PyObject* args) {
  return guarded([&]() -> PyObject* {
    int dtype = 0, trainable = 0;
    PyObject* shape = nullptr;
    const char* name = nullptr;
    if (!PyArg_ParseTuple(args, "iOsp", &dtype, &shape, &name, &trainable)) throw py::error_already_set();
    Variable& v = *variable(self).variable;
    v.dtype = DType(dtype);
    v.shape = shape_from(shape);
    v.name = name;
    variable(self).trainable = trainable != 0;
    Py_RETURN_NONE;
  });
}

PyObject* variable_read(PyObject* self, PyObject*) {
  return guarded([&] { return new_eager_tensor(read(variable(self))); });
}

/// Takes over the tensor given: neither is ever written to while both have it.
PyObject* variable_assign(PyObject* self, PyObject* value) {
  return guarded([&]() -> PyObject* {
    if (!is_eager_tensor(value)) throw py::type_error("_assign takes a tensor");
    const Tensor& t = eager(value).tensor;
    Variable& v = *variable(self).variable;
    if (t.dtype() != v.dtype) throw py::type_error(str("variable ", v.name, " is ", v.dtype, ", not ", t.dtype()));
    if (!v.shape.compatible(t.shape())) {
      throw py::value_error(str("Cannot assign value to variable '", v.name,
                                "': Shape mismatch. The variable has shape ", v.shape, ", the assigned value ",
                                t.shape(), "; they are incompatible."));
    }
    Tensor old;
    {
      std::lock_guard lock(v.mutex);
      old = std::exchange(v.value, t);
    }
    Py_RETURN_NONE;
  });
}

PyObject* variable_initialized(PyObject* self, PyObject*) {
  return PyBool_FromLong(variable(self).variable->initialized());
}

PyObject* variable_forget(PyObject* self, PyObject*) {
  Variable& v = *variable(self).variable;
  Tensor old;
  std::lock_guard lock(v.mutex);
  std::swap(old, v.value);
  Py_RETURN_NONE;
}

PyObject* get_dtype(PyObject* self, void*) { return Py_NewRef(dtype_object_of(variable(self).variable->dtype)); }

PyObject* get_dims(PyObject* self, void*) {
  return guarded([&] { return shape_to(variable(self).variable->shape).release().ptr(); });
}

PyObject* get_device(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Variable& v = *variable(self).variable;
    std::lock_guard lock(v.mutex);
    return py::str(v.value ? v.value.device().name() : std::string()).release().ptr();
  });
}

PyObject* get_id(PyObject* self, void*) { return PyLong_FromLongLong(variable(self).id); }

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}

}  // namespace

bool is_variable_object(PyObject* o) { return PyObject_TypeCheck(o, g_type); }

Value read(VariableObject& v) {
  note_access(v);
  std::lock_guard lock(v.variable->mutex);
  if (!v.variable->value) {
    TW_FAIL(FailedPrecondition, "Could not read variable ", v.variable->name,
            ": it is uninitialized, or its value was deleted");
  }
  return {v.variable->value, v.id};
}

void bind_variable_object(py::module_& m) {
  static PyMethodDef methods[] = {
      {"_setup", variable_setup, METH_VARARGS, "_setup(dtype, dims, name, trainable)"},
      {"_read", variable_read, METH_NOARGS, "The value as a tensor."},
      {"_assign", variable_assign, METH_O, "Makes a tensor the value."},
      {"_is_initialized", variable_initialized, METH_NOARGS, "Whether it has a value."},
      {"_forget", variable_forget, METH_NOARGS, "Lets go of the value."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyGetSetDef properties[] = {
      {"_dtype", get_dtype, nullptr, "The element type.", nullptr},
      {"_dims", get_dims, nullptr, "The declared shape: None, or sizes with -1 where unknown.", nullptr},
      {"_device", get_device, nullptr, "The device that holds the value.", nullptr},
      {"_id", get_id, nullptr, "Its number on tapes.", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static PyMemberDef members[] = {
      {"_trainable", T_BOOL, offsetof(VariableObject, trainable), 0, "whether tapes watch it"},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(VariableObject, weak), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A value that programs change.")},
      {Py_tp_new, slot(variable_new)},
      {Py_tp_dealloc, slot(variable_dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_members, members},
      {0, nullptr},
  };
  static PyType_Spec spec = {"thalweg._core.VariableBase", sizeof(VariableObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  auto type = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  g_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type.ptr()));
  m.add_object("VariableBase", type);
}

}  // namespace thalweg::python
