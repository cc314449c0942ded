// Sessions. Runner.run is a METH_FASTCALL builtin: it is the path of every training step.
#include <pybind11/stl.h>

#include <chrono>

#include "convert.h"
#include "library.h"
#include "thalweg/runtime/session.h"

namespace thalweg::python {
namespace {

struct PyRunner {
  std::shared_ptr<Runner> runner;
  std::shared_ptr<Session> session;  // a runner needs its session
  py::object graph;                  // and its graph
  py::object convert;
  std::vector<DType> dtypes;
  std::vector<PartialShape> shapes;
};

void delete_runner(PyObject* capsule) { delete static_cast<PyRunner*>(PyCapsule_GetPointer(capsule, nullptr)); }

/// Feed i as a tensor. `keep` holds what it borrows from.
Tensor feed(PyRunner& r, size_t i, PyObject* value, std::vector<py::object>& keep) {
  Tensor t;
  if (borrow(value, r.dtypes[i], &t) && r.shapes[i].compatible(t.shape())) return t;
  py::object made = r.convert(i, py::handle(value));  // converts, or raises TensorFlow's error
  if (r.dtypes[i] == DType::string || !borrow(made.ptr(), r.dtypes[i], &t)) {
    return tensor_from(py::cast<py::array>(made), r.dtypes[i]);
  }
  keep.push_back(std::move(made));
  return t;
}

py::list run(PyRunner& r, PyObject* const* args, Py_ssize_t count, const RunControl& control) {
  if (size_t(count) != r.dtypes.size()) {
    throw py::type_error(str("expected ", r.dtypes.size(), " feeds, got ", count));
  }
  std::vector<py::object> keep;
  std::vector<Tensor> feeds;
  feeds.reserve(size_t(count));
  for (Py_ssize_t i = 0; i < count; ++i) feeds.push_back(feed(r, size_t(i), args[i], keep));
  std::vector<Tensor> out;
  {
    py::gil_scoped_release release;
    out = r.runner->run(feeds, control);
  }
  py::list results(out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    PyList_SET_ITEM(results.ptr(), Py_ssize_t(i), to_numpy(std::move(out[i])).release().ptr());
  }
  return results;
}

/// Calls f and turns C++ exceptions into Python's.
template <class F>
PyObject* guarded(F&& f) noexcept {
  try {
    return f().release().ptr();
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const Error& e) {
    raise_error(e);
  } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return nullptr;
}

PyObject* fast_run(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  auto& r = *static_cast<PyRunner*>(PyCapsule_GetPointer(self, nullptr));
  return guarded([&] { return run(r, args, count, {}); });
}

PyObject* fast_trace(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  auto& r = *static_cast<PyRunner*>(PyCapsule_GetPointer(self, nullptr));
  return guarded([&]() -> py::object {
    std::vector<StepTrace> trace;
    RunControl control;
    control.trace = &trace;
    py::list results = run(r, args, count, control);
    py::list steps;
    for (const StepTrace& s : trace) {
      steps.append(py::make_tuple(s.node, s.op, s.device, s.start, s.end, s.output_bytes));
    }
    return py::make_tuple(results, steps);
  });
}

PyObject* fast_timed(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  auto& r = *static_cast<PyRunner*>(PyCapsule_GetPointer(self, nullptr));
  return guarded([&] {
    using namespace std::chrono;  // NOLINT(google-build-using-namespace)
    if (count < 1) throw py::type_error("run_with_timeout(milliseconds, *feeds)");
    RunControl control;
    control.deadline_us = duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count() +
                          py::handle(args[0]).cast<int64_t>() * 1000;
    return run(r, args + 1, count - 1, control);
  });
}

// The function's self is the capsule, so a bound method costs no lookup of the runner.
PyMethodDef kRun = {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fast_run)), METH_FASTCALL,
                    "run(*feeds) -> list of results"};
PyMethodDef kTrace = {"trace", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fast_trace)), METH_FASTCALL,
                      "trace(*feeds) -> (results, [(node, op, device, start_us, end_us, bytes)])"};
PyMethodDef kTimed = {"run_with_timeout", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fast_timed)),
                      METH_FASTCALL, "run_with_timeout(milliseconds, *feeds) -> list of results"};

/// What prepare() returns: three bound functions over one PyRunner.
struct RunnerHandle {
  py::capsule capsule;
  py::object run, trace, run_with_timeout;
  PyRunner& get() const { return *static_cast<PyRunner*>(PyCapsule_GetPointer(capsule.ptr(), nullptr)); }
};

RunnerHandle prepare(std::shared_ptr<Session> session, py::object graph, py::object feeds, py::object fetches,
                     py::list targets, py::object convert) {
  const Graph& g = session->graph();
  auto r = std::make_unique<PyRunner>();
  std::vector<Endpoint> in = endpoints_from(g, feeds);
  std::vector<Node*> nodes;
  for (py::handle t : targets) nodes.push_back(&g.node(t.cast<int>()));
  for (const Endpoint& e : in) {
    r->dtypes.push_back(e.node->output(e.index).dtype);
    r->shapes.push_back(e.node->output(e.index).shape);
  }
  r->runner = session->prepare(in, endpoints_from(g, fetches), nodes);
  r->session = std::move(session);
  r->graph = std::move(graph);
  r->convert = std::move(convert);
  RunnerHandle h;
  h.capsule = py::reinterpret_steal<py::capsule>(PyCapsule_New(r.release(), nullptr, delete_runner));
  h.run = py::reinterpret_steal<py::object>(PyCFunction_New(&kRun, h.capsule.ptr()));
  h.trace = py::reinterpret_steal<py::object>(PyCFunction_New(&kTrace, h.capsule.ptr()));
  h.run_with_timeout = py::reinterpret_steal<py::object>(PyCFunction_New(&kTimed, h.capsule.ptr()));
  return h;
}

struct PySession {
  py::object graph;  // keeps the C++ graph alive
  std::shared_ptr<Session> session;
};

SessionOptions options_from(const py::dict& d) {
  SessionOptions o;
  for (auto [key, value] : d) {
    auto name = key.cast<std::string>();
    if (name == "allow_soft_placement") {
      o.allow_soft_placement = value.cast<bool>();
    } else if (name == "log_device_placement") {
      o.log_device_placement = value.cast<bool>();
    } else if (name == "intra_op_threads") {
      o.threads = value.cast<int>();
    } else if (name == "optimize") {
      o.optimize = value.cast<bool>();
    } else if (name == "device_count") {
      for (auto [type, count] : value.cast<py::dict>()) {
        auto t = type.cast<std::string>();
        if (t == "CPU") o.cpu_devices = count.cast<int>();
        if (t == "GPU") o.gpu_devices = count.cast<int>();
      }
    } else {
      throw py::value_error("unknown session option '" + name + "'");
    }
  }
  return o;
}

}  // namespace

void bind_session(py::module_& m) {
  py::class_<RunnerHandle>(m, "Runner")
      .def_readonly("run", &RunnerHandle::run)
      .def_readonly("trace", &RunnerHandle::trace)
      .def_readonly("run_with_timeout", &RunnerHandle::run_with_timeout)
      .def("arena_bytes", [](const RunnerHandle& h) { return h.get().runner->arena_bytes(); });
  py::class_<PySession>(m, "Session")
      .def(py::init([](py::object graph, const py::dict& config) {
        return PySession{graph, std::make_shared<Session>(graph.cast<Graph&>(), library(), options_from(config))};
      }))
      .def("prepare",
           [](PySession& s, py::object feeds, py::object fetches, py::list targets, py::object convert) {
             return prepare(s.session, s.graph, feeds, fetches, targets, std::move(convert));
           })
      .def("list_devices",
           [](PySession& s) {
             py::list out;
             for (Device* d : s.session->devices()) out.append(py::make_tuple(d->name(), d->type(), d->memory_limit()));
             return out;
           })
      .def("close", [](PySession& s) { s.session->cancel(); });
}

}  // namespace thalweg::python
