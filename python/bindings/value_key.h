// Python values as bytes that tell them apart: keys of tables of calls.
#pragma once

#include <Python.h>

#include <string>

namespace thalweg::python {

/// Appends the bytes of a number or the like, after a letter that says what it is.
template <class T>
void append_raw(std::string& key, char kind, const T& v) {
  key += kind;
  key.append(reinterpret_cast<const char*>(&v), sizeof v);
}

/// Appends None, a truth value, an int, a float or a string; false for anything else and for ints beyond 64 bits.
inline bool append_plain(std::string& key, PyObject* o) {
  if (o == Py_None) {
    key += 'N';
  } else if (o == Py_True || o == Py_False) {
    key += o == Py_True ? 't' : 'f';
  } else if (PyLong_CheckExact(o)) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) return false;
    append_raw(key, 'i', v);
  } else if (PyFloat_CheckExact(o)) {
    append_raw(key, 'd', PyFloat_AS_DOUBLE(o));
  } else if (PyUnicode_CheckExact(o)) {
    Py_ssize_t n = 0;
    const char* text = PyUnicode_AsUTF8AndSize(o, &n);
    if (!text) {
      PyErr_Clear();
      return false;
    }
    append_raw(key, 's', n);
    key.append(text, size_t(n));
  } else {
    return false;
  }
  return true;
}

/// Lists within lists are followed this far: one that holds itself has no end.
inline constexpr int kDeepestKey = 8;

}  // namespace thalweg::python
