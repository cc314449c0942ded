// One prepared signature as a Python object: called with the values of its feeds, it gives the structure of results.
#pragma once

#include <Python.h>
#include <structmember.h>

#include <atomic>
#include <memory>
#include <vector>

#include "brief.h"
#include "feeds.h"
#include "results.h"
#include "thalweg/runtime/session.h"

namespace thalweg::python {

class Recorder;

/// What a session's runners share.
struct SessionHandle {
  py::object graph;  // the core's graph, which has to stay
  std::shared_ptr<Session> session;
  std::atomic<bool> closed{false};
  std::shared_ptr<Recorder> recorder;  // of the profile in progress, if any; guarded by the GIL
};

struct RunnerObject {
  PyObject_HEAD vectorcallfunc call;
  struct State {
    std::shared_ptr<SessionHandle> session;
    std::shared_ptr<Runner> runner;
    std::vector<FeedInfo> feeds;
    py::object convert, graph;  // the front-end's: a function (i, value) -> array, and the graph errors look into
    Structure structure;
    Brief brief;
  }* state;
};

/// The result structure, a new reference; null with a Python exception set. `values` are borrowed.
PyObject* run(RunnerObject& r, PyObject* const* values, size_t count, const RunControl& control = {});

PyObject* new_runner(std::unique_ptr<RunnerObject::State> state);
bool is_runner(PyObject* o);
std::vector<Shape> shapes_of_feeds(RunnerObject& r, PyObject* const* values, size_t count);

/// Calls f and turns C++ exceptions into Python's; null then.
template <class F>
PyObject* guarded(F&& f, PyObject* graph = nullptr) noexcept {
  try {
    return f();
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const Error& e) {
    try {
      raise_error(e, graph);
    } catch (py::error_already_set& inner) {
      inner.restore();
    }
  } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return nullptr;
}

}  // namespace thalweg::python
