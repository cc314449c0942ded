// Tensors as NumPy values, and the structure (lists, dictionaries, ...) that a fetch asked for them in.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "convert.h"

namespace thalweg::python {

/// An array that owns the tensor's memory; NumPy scalars for 0-d, bytes for a 0-d string. A new reference, null with a
/// Python exception set.
PyObject* to_numpy(Tensor t);

/// What to build from a flat list of results, compiled from Python's description of it:
///   3                          result 3
///   None                       None: an operation
///   ("list" | "tuple", parts)  a list or tuple
///   ("dict", keys, parts)      a dictionary
///   ("call", function, parts)  function(*parts): named tuples, sparse values, ...
class Structure {
 public:
  static Structure compile(py::handle description);

  /// A new reference; takes the references of `results`, which are null afterwards.
  PyObject* build(std::span<PyObject*> results) const;
  int visit(visitproc visit, void* arg) const;

 private:
  enum class Kind : uint8_t { Result, None, List, Tuple, Dict, Call };
  PyObject* part(std::span<PyObject*> results) const;

  Kind kind_ = Kind::None;
  int index_ = 0;     // Result
  py::object extra_;  // Dict: a tuple of keys; Call: the function
  std::vector<Structure> parts_;
};

}  // namespace thalweg::python
