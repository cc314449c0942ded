// FunctionCalls, the base class of tf.function objects: a call whose arguments have been seen in this form before finds
// its graph in one C call. What it has not seen goes to Python's _call, which knows signatures, structures and tracing.
#include <Python.h>
#include <structmember.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "eager_ops.h"
#include "function.h"
#include "mode.h"
#include "runner.h"
#include "value_key.h"

namespace thalweg::python {
namespace {

/// The form of a call: what decides which graph it is for, as bytes; and its tensors in order.
class Form {
 public:
  bool add(PyObject* o, int depth = 0) {
    if (is_eager_tensor(o)) {
      const Tensor& t = eager(o).tensor;
      auto dims = t.shape().dims();
      append_raw(key_, 'T', char(t.dtype()));
      key_ += char('0' + t.rank());
      key_.append(reinterpret_cast<const char*>(dims.data()), dims.size_bytes());
      tensors_.push_back(o);
      return true;
    }
    if (is_variable_object(o)) {
      append_raw(key_, 'V', variable(o).id);
      return true;
    }
    if (!PyTuple_CheckExact(o) && !PyList_CheckExact(o)) return append_plain(key_, o);
    if (depth == kDeepestKey) return false;
    append_raw(key_, PyTuple_CheckExact(o) ? '(' : '[', PySequence_Fast_GET_SIZE(o));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      if (!add(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return false;
    }
    return true;
  }
  /// What it is called under.
  void add_device() {
    Device* d = &eager_device();
    append_raw(key_, 'D', d);
  }
  const std::string& key() const { return key_; }
  std::span<PyObject* const> tensors() const { return tensors_; }

 private:
  std::string key_;
  std::vector<PyObject*> tensors_;
};

struct Calls {
  PyObject_HEAD std::unordered_map<std::string, py::object>* seen;  // form -> graph function
  PyObject *attributes, *weak;
};
constexpr size_t kMost = 1024;

Calls& calls(PyObject* self) { return *reinterpret_cast<Calls*>(self); }

PyObject* calls_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  static PyObject* slow = PyUnicode_InternFromString("_call");
  if (executing_eagerly() && (!kwargs || PyDict_GET_SIZE(kwargs) == 0) && !calls(self).seen->empty()) {
    Form form;
    form.add_device();
    bool told = true;
    for (Py_ssize_t i = 0; told && i < PyTuple_GET_SIZE(args); ++i) told = form.add(PyTuple_GET_ITEM(args, i));
    if (told) {
      auto it = calls(self).seen->find(form.key());
      if (it != calls(self).seen->end()) {
        py::object f = it->second;  // another thread may forget it meanwhile; the arguments hold the tensors
        return call_function(f.ptr(), form.tensors());
      }
    }
  }
  py::object none = py::reinterpret_borrow<py::object>(kwargs ? kwargs : Py_None);
  return PyObject_CallMethodObjArgs(self, slow, args, none.ptr(), nullptr);
}

/// _remember(args, graph_function): calls in the form of these arguments go there, with their tensors in order.
PyObject* calls_remember(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !PyTuple_Check(args[0]) || !is_function(args[1])) {
      throw py::type_error("_remember(args, function)");
    }
    Form form;
    form.add_device();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[0]); ++i) {
      if (!form.add(PyTuple_GET_ITEM(args[0], i))) Py_RETURN_FALSE;
    }
    auto& seen = *calls(self).seen;
    std::unordered_map<std::string, py::object> old;  // what dies with them may come back to this table
    if (seen.size() >= kMost) old.swap(seen);
    seen[form.key()] = py::reinterpret_borrow<py::object>(args[1]);
    Py_RETURN_TRUE;
  });
}

PyObject* calls_forget(PyObject* self, PyObject*) {
  auto old = std::move(*calls(self).seen);
  calls(self).seen->clear();
  Py_RETURN_NONE;
}

PyObject* calls_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self) calls(self).seen = new std::unordered_map<std::string, py::object>();
  return self;
}

int calls_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(calls(self).attributes);
  if (!calls(self).seen) return 0;
  for (const auto& [key, f] : *calls(self).seen) Py_VISIT(f.ptr());
  return 0;
}

int calls_clear(PyObject* self) {
  Py_CLEAR(calls(self).attributes);
  if (calls(self).seen) {
    auto old = std::move(*calls(self).seen);
    calls(self).seen->clear();
  }
  return 0;
}

void calls_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (calls(self).weak) PyObject_ClearWeakRefs(self);
  calls_clear(self);
  delete std::exchange(calls(self).seen, nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}

}  // namespace

void bind_function_calls(py::module_& m) {
  static PyMethodDef methods[] = {
      {"_remember", reinterpret_cast<PyCFunction>(slot(calls_remember)), METH_FASTCALL,
       "Calls in the form of these arguments go to that graph; false where the form cannot be told."},
      {"_forget", calls_forget, METH_NOARGS, "Every form is looked at anew."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyGetSetDef properties[] = {
      {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static PyMemberDef members[] = {
      {"__dictoffset__", T_PYSSIZET, offsetof(Calls, attributes), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(Calls, weak), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("Calls functions whose graphs were made once.")},
      {Py_tp_new, slot(calls_new)},
      {Py_tp_call, slot(calls_call)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_members, members},
      {Py_tp_traverse, slot(calls_traverse)},
      {Py_tp_clear, slot(calls_clear)},
      {Py_tp_dealloc, slot(calls_dealloc)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"thalweg._core.FunctionCalls", sizeof(Calls), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  m.add_object("FunctionCalls", py::reinterpret_steal<py::object>(PyType_FromSpec(&spec)));
}

}  // namespace thalweg::python
