#include "eager_tensor.h"

#include <Python.h>
#include <structmember.h>

#include <array>
#include <new>

#include "eager_ops.h"
#include "mode.h"
#include "results.h"
#include "runner.h"

namespace thalweg::python {
namespace {

/// What the front-end supplies; lives as long as the process.
struct Face {
  PyTypeObject* tensor_type = nullptr;
  py::object known_shape;  // TensorShape._known
  std::array<py::object, kDTypeCount> dtypes;
  py::dict fallbacks;  // operator name -> function(a, b)
};
Face& face() {
  static auto* f = new Face();
  return *f;
}

struct FreeList {
  static constexpr size_t kMost = 128;
  std::array<PyObject*, kMost> items;
  size_t count = 0;
};
FreeList g_free;  // guarded by the GIL

void tensor_dealloc(PyObject* self) {
  EagerTensorObject& t = eager(self);
  PyTypeObject* type = Py_TYPE(self);
  if (t.weak) PyObject_ClearWeakRefs(self);
  Py_CLEAR(t.attributes);
  std::destroy_at(&t.tensor);
  if (type == face().tensor_type && g_free.count < FreeList::kMost) {
    g_free.items[g_free.count++] = self;
  } else {
    type->tp_free(self);
  }
  Py_DECREF(type);
}

/// The front-end's function for an operator, called with both operands in their order.
PyObject* fall_back(const char* name, PyObject* a, PyObject* b) {
  PyObject* f = PyDict_GetItemString(face().fallbacks.ptr(), name);
  if (!f) Py_RETURN_NOTIMPLEMENTED;
  return PyObject_CallFunctionObjArgs(f, a, b, nullptr);
}

template <Operator op>
PyObject* number_slot(PyObject* a, PyObject* b) {
  static constexpr const char* kNames[] = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"};
  if (PyObject* result = binary(op, a, b)) return result;
  if (PyErr_Occurred()) return nullptr;
  return fall_back(kNames[size_t(op)], a, b);
}

PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return number_slot<Operator::Pow>(a, b);
}

template <size_t which>
PyObject* plain_slot(PyObject* a, PyObject* b) {
  static constexpr const char* kNames[] = {"and", "or", "xor"};
  return fall_back(kNames[which], a, b);
}

template <Operator op>
PyObject* unary_slot(PyObject* a) {
  if (PyObject* result = unary(op, a)) return result;
  if (PyErr_Occurred()) return nullptr;
  return fall_back(op == Operator::Neg ? "neg" : "abs", a, Py_None);
}

PyObject* invert_slot(PyObject* a) { return fall_back("invert", a, Py_None); }

PyObject* compare_slot(PyObject* a, PyObject* b, int how) {
  switch (how) {
    case Py_LT:
      if (PyObject* r = binary(Operator::Less, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("lt", a, b);
    case Py_LE:
      if (PyObject* r = binary(Operator::LessEqual, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("le", a, b);
    case Py_GT:
      if (PyObject* r = binary(Operator::Greater, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("gt", a, b);
    case Py_GE:
      if (PyObject* r = binary(Operator::GreaterEqual, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("ge", a, b);
    case Py_EQ:
      if (PyObject* r = binary(Operator::Equal, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("eq", a, b);
    default:
      if (PyObject* r = binary(Operator::NotEqual, a, b)) return r;
      return PyErr_Occurred() ? nullptr : fall_back("ne", a, b);
  }
}

Tensor on_host(const Tensor& t) { return t.device().host_memory() ? t : t.copy_to(cpu_device()); }

/// A NumPy value of a 0-d or 1-element tensor, for Python's conversions.
py::object scalar(PyObject* self, const char* what) {
  const Tensor& t = eager(self).tensor;
  if (t.size() != 1) {
    throw py::type_error(
        str("only length-1 arrays can be converted to Python scalars; ", what, " of a tensor of shape ", t.shape()));
  }
  auto array = py::reinterpret_steal<py::object>(to_numpy(on_host(t).reshaped(Shape()).clone()));
  if (!array) throw py::error_already_set();
  return array;
}

int bool_slot(PyObject* self) {
  const Tensor& t = eager(self).tensor;
  if (t.size() == 1 && t.dtype() == DType::boolean && t.device().host_memory()) return *t.ptr<bool>();
  int result = -1;
  if (t.size() == 0) return 0;
  guarded([&]() -> PyObject* {
    if (t.size() != 1) {
      throw py::value_error(
          "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()");
    }
    result = PyObject_IsTrue(scalar(self, "bool").ptr());
    return nullptr;
  });
  return result;
}

PyObject* float_slot(PyObject* self) {
  return guarded([&] { return PyNumber_Float(scalar(self, "float").ptr()); });
}

PyObject* int_slot(PyObject* self) {
  return guarded([&] { return PyNumber_Long(scalar(self, "int").ptr()); });
}

PyObject* index_slot(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = eager(self).tensor;
    if (!kInteger.has(t.dtype()) || t.rank() != 0) {
      throw py::type_error("only integer scalar arrays can be converted to a scalar index");
    }
    return PyNumber_Index(scalar(self, "index").ptr());
  });
}

Py_ssize_t length_slot(PyObject* self) {
  const Tensor& t = eager(self).tensor;
  if (t.rank() == 0) {
    PyErr_SetString(PyExc_TypeError, "Scalar tensor has no `len()`");
    return -1;
  }
  return t.dim(0);
}

/// What makes it a sequence in the eyes of others. Negative numbers arrive with the length added.
PyObject* item_slot(PyObject* self, Py_ssize_t i) {
  const Tensor& t = eager(self).tensor;
  if (t.rank() > 0 && (i < 0 || i >= t.dim(0))) {
    PyErr_SetString(PyExc_IndexError, "index out of range");
    return nullptr;
  }
  PyObject* key = PyLong_FromSsize_t(i);
  if (!key) return nullptr;
  PyObject* item = PyObject_GetItem(self, key);
  Py_DECREF(key);
  return item;
}

PyObject* tensor_complex(PyObject* self, PyObject*) {
  return guarded(
      [&] { return PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyComplex_Type), scalar(self, "complex").ptr()); });
}

PyObject* subscript_slot(PyObject* self, PyObject* key) {
  if (PyObject* result = subscript(self, key)) return result;
  return PyErr_Occurred() ? nullptr : fall_back("getitem", self, key);
}

Py_hash_t hash_slot(PyObject*) {
  PyErr_SetString(PyExc_TypeError, "Tensor is unhashable. Instead, use tensor.ref() as the key.");
  return -1;
}

PyObject* tensor_numpy(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = eager(self).tensor;
    return to_numpy(t.device().host_memory() ? t.clone() : t.copy_to(cpu_device()));
  });
}

/// The memory itself, which must not be written to; an array of its own where NumPy has no such elements.
PyObject* tensor_view(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Tensor t = on_host(eager(self).tensor);
    if (t.dtype() == DType::string) return to_array(t).release().ptr();
    std::vector<py::ssize_t> dims(t.shape().dims().begin(), t.shape().dims().end());
    py::object owner = py::reinterpret_borrow<py::object>(self);
    if (!eager(self).tensor.shares_memory(t)) owner = py::reinterpret_steal<py::object>(new_eager_tensor(t));
    py::array view(numpy_dtype(t.dtype()), dims, t.data(), owner);
    py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return view.release().ptr();
  });
}

struct BufferLayout {
  std::array<Py_ssize_t, kMaxRank> shape, strides;
  char format[2];
};

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const Tensor& t = eager(self).tensor;
  view->obj = nullptr;
  if (flags & PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "a Tensor's memory is read-only");
    return -1;
  }
  int done = -1;
  guarded([&]() -> PyObject* {
    if (!t.device().host_memory() || !kPlain.has(t.dtype()) || t.dtype() == DType::bfloat16 ||
        numpy_dtype(t.dtype()).kind() == 'O') {
      PyErr_SetString(PyExc_BufferError, "this tensor's elements have no buffer format");
      throw py::error_already_set();
    }
    auto* l = new BufferLayout();
    Py_ssize_t stride = Py_ssize_t(size_of(t.dtype()));
    for (int i = t.rank(); i-- > 0;) {
      l->shape[size_t(i)] = Py_ssize_t(t.dim(i));
      l->strides[size_t(i)] = stride;
      stride *= Py_ssize_t(t.dim(i));
    }
    auto code = numpy_dtype(t.dtype()).attr("char").cast<std::string>();
    if (code == "F" || code == "D") {
      delete l;
      PyErr_SetString(PyExc_BufferError, "complex elements have no portable buffer format");
      throw py::error_already_set();
    }
    l->format[0] = code[0];
    l->format[1] = 0;
    view->obj = Py_NewRef(self);
    view->buf = const_cast<void*>(t.data());
    view->len = Py_ssize_t(t.bytes());
    view->itemsize = Py_ssize_t(size_of(t.dtype()));
    view->readonly = 1;
    view->ndim = t.rank();
    view->format = (flags & PyBUF_FORMAT) ? l->format : nullptr;
    view->shape = (flags & PyBUF_ND) ? l->shape.data() : nullptr;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? l->strides.data() : nullptr;
    view->suboffsets = nullptr;
    view->internal = l;
    done = 0;
    return nullptr;
  });
  return done;
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<BufferLayout*>(view->internal); }

PyObject* get_dtype(PyObject* self, void*) { return Py_NewRef(dtype_object_of(eager(self).tensor.dtype())); }

PyObject* get_dims(PyObject* self, void*) {
  const Tensor& t = eager(self).tensor;
  PyObject* dims = PyTuple_New(t.rank());
  for (int i = 0; dims && i < t.rank(); ++i) {
    PyObject* d = PyLong_FromLongLong(t.dim(i));
    if (!d) Py_CLEAR(dims);
    if (dims) PyTuple_SET_ITEM(dims, i, d);
  }
  return dims;
}

PyObject* get_shape(PyObject* self, void*) {
  PyObject* dims = get_dims(self, nullptr);
  if (!dims) return nullptr;
  PyObject* shape = PyObject_CallOneArg(face().known_shape.ptr(), dims);
  Py_DECREF(dims);
  return shape;
}

PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(eager(self).tensor.rank()); }

PyObject* get_device(PyObject* self, void*) {
  return guarded([&] { return py::str(eager(self).tensor.device().name()).release().ptr(); });
}

/// Its number on tapes; given now if it has none.
PyObject* get_id(PyObject* self, void*) {
  EagerTensorObject& t = eager(self);
  if (!t.id) t.id = new_value_id();
  return PyLong_FromLongLong(t.id);
}

/// Never called: tensors are kept from the garbage collector, which is not free, by having this without the flag that
/// goes with it (a class with neither takes both from its base, which is Python's and has them).
int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(eager(self).attributes);
  return 0;
}

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}

/// The class, over the front-end's abstract one.
py::object make_tensor_type(const py::object& base) {
  static PyMethodDef methods[] = {
      {"numpy", tensor_numpy, METH_NOARGS,
       "numpy($self)\n--\n\nThe value as a NumPy array, a copy; a NumPy scalar or bytes where the rank is 0."},
      {"__complex__", tensor_complex, METH_NOARGS, "The value as a Python number."},
      {"_view", tensor_view, METH_NOARGS, "The memory as a read-only array."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyGetSetDef properties[] = {
      {"dtype", get_dtype, nullptr, "The element type.", nullptr},
      {"shape", get_shape, nullptr, "The shape.", nullptr},
      {"ndim", get_ndim, nullptr, "The rank.", nullptr},
      {"device", get_device, nullptr, "The device that holds the memory.", nullptr},
      {"_dims", get_dims, nullptr, "The shape as a tuple of ints.", nullptr},
      {"_id", get_id, nullptr, "Its number on tapes.", nullptr},
      {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static PyMemberDef members[] = {
      {"__dictoffset__", T_PYSSIZET, offsetof(EagerTensorObject, attributes), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(EagerTensorObject, weak), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A tensor that has its value.")},
      {Py_tp_dealloc, slot(tensor_dealloc)},
      {Py_tp_traverse, slot(traverse)},
      {Py_tp_alloc, slot(PyType_GenericAlloc)},
      {Py_tp_free, slot(PyObject_Free)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_members, members},
      {Py_tp_richcompare, slot(compare_slot)},
      {Py_tp_hash, slot(hash_slot)},
      {Py_nb_add, slot(number_slot<Operator::Add>)},
      {Py_nb_subtract, slot(number_slot<Operator::Sub>)},
      {Py_nb_multiply, slot(number_slot<Operator::Mul>)},
      {Py_nb_true_divide, slot(number_slot<Operator::Div>)},
      {Py_nb_floor_divide, slot(number_slot<Operator::FloorDiv>)},
      {Py_nb_remainder, slot(number_slot<Operator::Mod>)},
      {Py_nb_matrix_multiply, slot(number_slot<Operator::MatMul>)},
      {Py_nb_power, slot(power_slot)},
      {Py_nb_and, slot(plain_slot<0>)},
      {Py_nb_or, slot(plain_slot<1>)},
      {Py_nb_xor, slot(plain_slot<2>)},
      {Py_nb_negative, slot(unary_slot<Operator::Neg>)},
      {Py_nb_absolute, slot(unary_slot<Operator::Abs>)},
      {Py_nb_invert, slot(invert_slot)},
      {Py_nb_bool, slot(bool_slot)},
      {Py_nb_int, slot(int_slot)},
      {Py_nb_float, slot(float_slot)},
      {Py_nb_index, slot(index_slot)},
      {Py_mp_length, slot(length_slot)},
      {Py_sq_length, slot(length_slot)},
      {Py_sq_item, slot(item_slot)},
      {Py_mp_subscript, slot(subscript_slot)},
      {Py_bf_getbuffer, slot(get_buffer)},
      {Py_bf_releasebuffer, slot(release_buffer)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"thalweg._core.EagerTensor", sizeof(EagerTensorObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  auto type = py::reinterpret_steal<py::object>(PyType_FromSpecWithBases(&spec, py::make_tuple(base).ptr()));
  if (!type) throw py::error_already_set();
  face().tensor_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  Py_INCREF(type.ptr());
  return type;
}

/// An array, bytes included, as a tensor with memory of its own.
py::object tensor_from_array(const py::array& a, int dtype) {
  auto made = py::reinterpret_steal<py::object>(new_eager_tensor(tensor_from(a, DType(dtype))));
  if (!made) throw py::error_already_set();
  return made;
}

}  // namespace

bool is_eager_tensor(PyObject* o) {
  return Py_TYPE(o) == face().tensor_type || (face().tensor_type && PyObject_TypeCheck(o, face().tensor_type));
}

PyObject* new_eager_tensor(Tensor t, int64_t id) {
  PyObject* o = nullptr;
  if (g_free.count) {
    o = g_free.items[--g_free.count];
    PyObject_Init(o, face().tensor_type);
  } else {
    o = face().tensor_type->tp_alloc(face().tensor_type, 0);
    if (!o) return nullptr;
  }
  EagerTensorObject& made = eager(o);
  new (&made.tensor) Tensor(std::move(t));
  made.id = id;
  made.attributes = made.weak = nullptr;
  return o;
}

PyObject* dtype_object_of(DType t) { return face().dtypes[size_t(t)].ptr(); }

void bind_eager_tensor(py::module_& m) {
  m.def(
      "make_eager_tensor_type",
      [](const py::object& base, py::object known_shape, const py::dict& dtypes, py::dict fallbacks) {
        Face& f = face();
        f.known_shape = std::move(known_shape);
        for (auto [number, dtype] : dtypes)
          f.dtypes[size_t(number.cast<int>())] = py::reinterpret_borrow<py::object>(dtype);
        f.fallbacks = std::move(fallbacks);
        return make_tensor_type(base);
      },
      "The class of tensors that have a value, under the front-end's abstract class.");
  m.def("eager_tensor", &tensor_from_array, "A tensor of an element type from an array.");
}

}  // namespace thalweg::python
