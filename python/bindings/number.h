// Python's numbers in the types of elements.
#pragma once

#include <Python.h>

#include <cmath>
#include <concepts>
#include <limits>

namespace thalweg::python {

/// 2^53: integers up to it are exact as floating-point numbers; beyond it two roundings might not be one.
inline constexpr double kExactIntegers = 9007199254740992.0;

/// The value of a Python int or float as NumPy would cast it; false where that needs NumPy's rules or its errors.
template <class T>
bool number(PyObject* v, T* out) {
  if constexpr (std::floating_point<T>) {
    if (PyFloat_CheckExact(v)) {
      *out = T(PyFloat_AS_DOUBLE(v));
      return true;
    }
  }
  if (!PyLong_CheckExact(v)) return false;
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(v, &overflow);
  if (overflow) return false;
  if constexpr (std::floating_point<T>) {
    if (std::abs(double(value)) > kExactIntegers) return false;
  } else {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) return false;
  }
  *out = T(value);
  return true;
}

}  // namespace thalweg::python
