#include "results.h"

#include <array>

namespace thalweg::python {
namespace {

/// The base object of a result array: holds the tensor whose memory the array shows. Kept for reuse when it dies.
struct Owner {
  PyObject_HEAD Tensor tensor;  // constructed while the object lives
};

struct FreeList {
  static constexpr size_t kMost = 64;
  std::array<Owner*, kMost> items;
  size_t count = 0;
};
FreeList g_free;  // guarded by the GIL

void release_owner(PyObject* self) {
  auto* o = reinterpret_cast<Owner*>(self);
  std::destroy_at(&o->tensor);
  if (g_free.count < FreeList::kMost) {
    g_free.items[g_free.count++] = o;
  } else {
    PyObject_Free(o);
  }
}

PyTypeObject make_owner_type() {
  PyTypeObject t{};
  t.ob_base = PyVarObject{PyObject_HEAD_INIT(nullptr) 0};
  t.tp_name = "thalweg._core.TensorMemory";
  t.tp_doc = "The memory of a result array.";
  t.tp_basicsize = sizeof(Owner);
  t.tp_dealloc = release_owner;
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  return t;
}

PyTypeObject* owner_type() {
  static PyTypeObject type = make_owner_type();
  static const int ready = PyType_Ready(&type);
  return ready == 0 ? &type : nullptr;
}

Owner* new_owner(Tensor&& t) {
  Owner* o = nullptr;
  if (g_free.count) {
    o = g_free.items[--g_free.count];
  } else if (PyTypeObject* type = owner_type(); !type || !(o = static_cast<Owner*>(PyObject_Malloc(sizeof(Owner))))) {
    if (type) PyErr_NoMemory();
    return nullptr;
  }
  PyObject_Init(reinterpret_cast<PyObject*>(o), owner_type());
  new (&o->tensor) Tensor(std::move(t));
  return o;
}

}  // namespace

PyObject* to_numpy(Tensor t) {
  const auto& numpy = py::detail::npy_api::get();
  if (t.dtype() == DType::string) {
    if (t.rank()) return to_array(t).release().ptr();
    const auto& s = t.item<std::string>();
    return PyBytes_FromStringAndSize(s.data(), Py_ssize_t(s.size()));
  }
  if (t.dtype() == DType::variant) {
    PyErr_SetString(PyExc_TypeError, "Cannot convert a variant tensor (a list of tensors) to an array");
    return nullptr;
  }
  PyObject* dtype = dtype_object(t.dtype());
  if (t.rank() == 0) return numpy.PyArray_Scalar_(t.data(), dtype, nullptr);
  std::array<Py_intptr_t, kMaxRank> dims;
  int rank = t.rank();
  for (int i = 0; i < rank; ++i) dims[size_t(i)] = t.dim(i);
  void* data = t.data();
  Owner* owner = new_owner(std::move(t));
  if (!owner) return nullptr;
  constexpr int kFlags = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_ |
                         py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  Py_INCREF(dtype);  // both calls take their reference
  PyObject* array =
      numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, dtype, rank, dims.data(), nullptr, data, kFlags, nullptr);
  if (!array) {
    Py_DECREF(reinterpret_cast<PyObject*>(owner));
    return nullptr;
  }
  py::detail::array_proxy(array)->base = reinterpret_cast<PyObject*>(owner);
  return array;
}

Structure Structure::compile(py::handle description) {
  Structure s;
  if (description.is_none()) return s;
  if (PyLong_Check(description.ptr())) {
    s.kind_ = Kind::Result;
    s.index_ = description.cast<int>();
    return s;
  }
  auto row = description.cast<py::tuple>();
  auto kind = row[0].cast<std::string>();
  s.kind_ = kind == "list" ? Kind::List : kind == "tuple" ? Kind::Tuple : kind == "dict" ? Kind::Dict : Kind::Call;
  if (s.kind_ == Kind::Dict) s.extra_ = row[1].cast<py::tuple>();
  if (s.kind_ == Kind::Call) s.extra_ = row[1];
  for (py::handle part : row[row.size() - 1].cast<py::sequence>()) s.parts_.push_back(compile(part));
  return s;
}

PyObject* Structure::build(std::span<PyObject*> results) const {
  PyObject* made = nullptr;
  if (kind_ == Kind::Result) {  // most runs ask for one tensor
    made = std::exchange(results[size_t(index_)], nullptr);
  } else {
    made = part(results);
  }
  for (PyObject*& r : results) Py_CLEAR(r);
  return made;
}

PyObject* Structure::part(std::span<PyObject*> results) const {
  switch (kind_) {
    case Kind::Result:
      return Py_NewRef(results[size_t(index_)]);
    case Kind::None:
      return Py_NewRef(Py_None);
    case Kind::List: {
      PyObject* list = PyList_New(Py_ssize_t(parts_.size()));
      for (size_t i = 0; list && i < parts_.size(); ++i) {
        PyObject* item = parts_[i].part(results);
        if (!item) Py_CLEAR(list);
        if (list) PyList_SET_ITEM(list, Py_ssize_t(i), item);
      }
      return list;
    }
    case Kind::Tuple:
    case Kind::Call: {
      PyObject* tuple = PyTuple_New(Py_ssize_t(parts_.size()));
      for (size_t i = 0; tuple && i < parts_.size(); ++i) {
        PyObject* item = parts_[i].part(results);
        if (!item) Py_CLEAR(tuple);
        if (tuple) PyTuple_SET_ITEM(tuple, Py_ssize_t(i), item);
      }
      if (!tuple || kind_ == Kind::Tuple) return tuple;
      PyObject* made = PyObject_CallObject(extra_.ptr(), tuple);
      Py_DECREF(tuple);
      return made;
    }
    case Kind::Dict: {
      PyObject* dict = PyDict_New();
      for (size_t i = 0; dict && i < parts_.size(); ++i) {
        PyObject* item = parts_[i].part(results);
        if (!item || PyDict_SetItem(dict, PyTuple_GET_ITEM(extra_.ptr(), Py_ssize_t(i)), item) != 0) Py_CLEAR(dict);
        Py_XDECREF(item);
      }
      return dict;
    }
  }
  return nullptr;
}

int Structure::visit(visitproc visit, void* arg) const {
  Py_VISIT(extra_.ptr());
  for (const Structure& p : parts_) {
    if (int stop = p.visit(visit, arg)) return stop;
  }
  return 0;
}

}  // namespace thalweg::python
