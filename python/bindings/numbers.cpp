#include "numbers.h"

#include <array>
#include <limits>

#include "eager_tensor.h"
#include "number.h"

namespace thalweg::python {
namespace {

/// What the numbers are, and how they are arranged.
class Numbers {
 public:
  /// False if there is something else among them, or truth values among numbers.
  bool look(PyObject* o) {
    if (!find_shape(o)) return false;
    return look(o, 0) && !(bools_ && (ints_ || floats_));
  }

  bool huge() const { return huge_; }
  bool all_fit(DType t) const {
    switch (t) {
      case DType::float32:
      case DType::float64:
        return !bools_ && double(most_) <= kExactIntegers && double(least_) >= -kExactIntegers;
      case DType::int32:
        return !bools_ && !floats_ && least_ >= std::numeric_limits<int32_t>::min() &&
               most_ <= std::numeric_limits<int32_t>::max();
      case DType::int64:
        return !bools_ && !floats_;
      case DType::boolean:
        return !ints_ && !floats_ && bools_;
      default:
        return false;
    }
  }
  /// float32, and int32 as long as the values fit.
  DType own() const {
    if (bools_) return DType::boolean;
    if (floats_ || !ints_) return DType::float32;
    return all_fit(DType::int32) ? DType::int32 : DType::int64;
  }

  Tensor tensor(PyObject* o, DType t) const {
    Shape shape(std::span<const int64_t>(dims_.data(), size_t(rank_)));
    Tensor out(t, shape);
    switch (t) {
      case DType::float32:
        fill(o, out.ptr<float>());
        break;
      case DType::float64:
        fill(o, out.ptr<double>());
        break;
      case DType::int32:
        fill(o, out.ptr<int32_t>());
        break;
      case DType::int64:
        fill(o, out.ptr<int64_t>());
        break;
      default:
        fill(o, out.ptr<bool>());
    }
    return out;
  }

 private:
  static bool is_list(PyObject* o) { return PyList_CheckExact(o) || PyTuple_CheckExact(o); }

  bool find_shape(PyObject* o) {
    for (; is_list(o); o = PySequence_Fast_GET_ITEM(o, 0)) {
      if (rank_ == int(dims_.size())) return false;
      dims_[size_t(rank_++)] = PySequence_Fast_GET_SIZE(o);
      if (PySequence_Fast_GET_SIZE(o) == 0) break;
    }
    return true;
  }

  bool look(PyObject* o, int depth) {
    if (depth < rank_) {
      if (!is_list(o) || PySequence_Fast_GET_SIZE(o) != dims_[size_t(depth)]) return false;
      for (Py_ssize_t i = 0; i < dims_[size_t(depth)]; ++i) {
        if (!look(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return false;
      }
      return true;
    }
    if (PyFloat_CheckExact(o)) {
      floats_ = true;
      double v = PyFloat_AS_DOUBLE(o);
      huge_ |= std::isinf(float(v)) && !std::isinf(v);
    } else if (PyBool_Check(o)) {
      bools_ = true;
    } else if (PyLong_CheckExact(o)) {
      int overflow = 0;
      long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
      if (overflow) return false;
      ints_ = true;
      least_ = std::min(least_, v);
      most_ = std::max(most_, v);
    } else {
      return false;
    }
    return true;
  }

  template <class T>
  T* fill(PyObject* o, T* to) const {
    if (is_list(o)) {
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) to = fill(PySequence_Fast_GET_ITEM(o, i), to);
      return to;
    }
    if constexpr (std::same_as<T, bool>) {
      *to = o == Py_True;
    } else if constexpr (std::floating_point<T>) {
      *to = PyFloat_CheckExact(o) ? T(PyFloat_AS_DOUBLE(o)) : T(PyLong_AsLongLong(o));
    } else {
      *to = T(PyLong_AsLongLong(o));
    }
    return to + 1;
  }

  std::array<int64_t, kMaxRank> dims_;
  int rank_ = 0;
  bool floats_ = false, ints_ = false, bools_ = false;
  bool huge_ = false;  // some are infinite as float32
  long long least_ = 0, most_ = 0;
};

}  // namespace

bool tensor_from_numbers(PyObject* o, DType known, DType preferred, Tensor* out) {
  Numbers n;
  if (!n.look(o)) return false;
  DType t = known;
  if (t == DType::invalid) {
    constexpr DTypeSet kMade = kIndex | kBool | DTypeSet{DType::float32, DType::float64};
    if (preferred != DType::invalid && !kMade.has(preferred)) return false;  // Python's to look at
    t = preferred != DType::invalid ? preferred : n.own();
    if (preferred == DType::invalid && n.huge()) return false;  // an error that Python tells
  }
  if (!n.all_fit(t)) return false;
  *out = n.tensor(o, t);
  return true;
}

DType dtype_from_object(PyObject* o) {
  for (size_t i = 1; i < kDTypeCount; ++i) {
    if (dtype_object_of(DType(i)) == o && o) return DType(i);
  }
  return DType::invalid;
}

}  // namespace thalweg::python
