#include "feeds.h"

#include <array>

#include "number.h"

namespace thalweg::python {
namespace {

/// Shares the memory of an array that is contiguous, aligned and of the right dtype.
bool borrow(PyObject* object, const FeedInfo& info, Tensor* out) {
  const auto& numpy = py::detail::npy_api::get();
  if (Py_TYPE(object) != numpy.PyArray_Type_ && !numpy.PyArray_Check_(object)) return false;
  const auto* proxy = py::detail::array_proxy(object);
  constexpr int kNeed = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if ((proxy->flags & kNeed) != kNeed || proxy->nd > kMaxRank || !kPlain.has(info.dtype)) return false;
  if (proxy->descr != info.numpy) return false;  // builtin dtypes are singletons; others go the slow way
  std::array<int64_t, kMaxRank> dims;
  for (int i = 0; i < proxy->nd; ++i) dims[size_t(i)] = proxy->dimensions[i];
  Shape shape(std::span<const int64_t>(dims.data(), size_t(proxy->nd)));
  size_t bytes = size_t(shape.size()) * size_of(info.dtype);
  auto nothing = [](void*) noexcept {};
  *out = Tensor(info.dtype, shape, BufferRef::adopt(proxy->data, bytes, cpu_device(), nothing, nullptr));
  return true;
}

/// The shape of nested lists, going by their first items; false if they are none.
bool shape_of_lists(PyObject* v, Shape* shape) {
  while (PyList_CheckExact(v) || PyTuple_CheckExact(v)) {
    if (shape->rank() == kMaxRank) return false;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(v);
    shape->push_back(n);
    if (n == 0) return true;
    v = PySequence_Fast_GET_ITEM(v, 0);
  }
  return true;
}

template <class T>
bool fill(PyObject* v, const Shape& shape, int axis, T*& to) {
  if (axis == shape.rank()) return number(v, to++);
  if ((!PyList_CheckExact(v) && !PyTuple_CheckExact(v)) || PySequence_Fast_GET_SIZE(v) != shape[axis]) return false;
  for (Py_ssize_t i = 0; i < shape[axis]; ++i) {
    if (!fill(PySequence_Fast_GET_ITEM(v, i), shape, axis + 1, to)) return false;
  }
  return true;
}

template <class T>
bool numbers(PyObject* v, const FeedInfo& info, Tensor* out) {
  Shape shape;
  if (!shape_of_lists(v, &shape) || !info.shape.compatible(shape)) return false;
  if (shape.size() == 0 && shape.rank() > 1) return false;  // [[], 1]: NumPy's to judge
  Tensor t(info.dtype, shape);
  T* to = t.ptr<T>();
  if (!fill(v, shape, 0, to)) return false;
  *out = std::move(t);
  return true;
}

/// A NumPy scalar of the very dtype: what a run gave for a 0-d result.
bool scalar(PyObject* v, const FeedInfo& info, Tensor* out) {
  auto* type = reinterpret_cast<PyObject*>(Py_TYPE(v));
  if (!info.numpy || type != py::detail::array_descriptor_proxy(info.numpy)->typeobj || !kPlain.has(info.dtype)) {
    return false;
  }
  if (!info.shape.compatible(Shape())) return false;
  *out = Tensor(info.dtype, Shape());
  py::detail::npy_api::get().PyArray_ScalarAsCtype_(v, out->data());
  return true;
}

bool converted(PyObject* v, const FeedInfo& info, Tensor* out) {
  switch (info.dtype) {
    case DType::float32:
      return numbers<float>(v, info, out) || scalar(v, info, out);
    case DType::float64:
      return numbers<double>(v, info, out) || scalar(v, info, out);
    case DType::int32:
      return numbers<int32_t>(v, info, out) || scalar(v, info, out);
    case DType::int64:
      return numbers<int64_t>(v, info, out) || scalar(v, info, out);
    case DType::boolean:
      if (!PyBool_Check(v) || !info.shape.compatible(Shape())) return scalar(v, info, out);
      *out = Tensor::scalar(v == Py_True);
      return true;
    default:
      return false;
  }
}

}  // namespace

Tensor feed_from(PyObject* value, const FeedInfo& info, size_t i, py::handle convert, Keep& keep) {
  Tensor t;
  if (borrow(value, info, &t) && info.shape.compatible(t.shape())) return t;
  if (converted(value, info, &t)) return t;
  py::object made = convert(i, py::handle(value));
  if (!borrow(made.ptr(), info, &t)) return tensor_from(py::cast<py::array>(made), info.dtype);
  keep.push_back(std::move(made));
  return t;
}

}  // namespace thalweg::python
