// The interpreter lock, given up for a while.
#pragma once

#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace thalweg::python {

/// Without the interpreter lock for as long as it lives.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  // A forced unwind is caught by a reference to nothing, which a sanitizer would report: of null and alignment each
  // alone is not enough, because one check serves both and goes where this is inlined.
  [[gnu::no_sanitize("null", "alignment")]] ~Unlocked() {
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      // The interpreter is gone and ends this thread by unwinding, which would run destructors of Python objects
      // without it. The thread sleeps instead until the process ends.
      while (true) pause();
    }
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace thalweg::python
