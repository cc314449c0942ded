// Sessions as Python holds them; SessionCalls (calls.cpp) is what runs.
#include <pybind11/stl.h>

#include "library.h"
#include "recorder.h"
#include "runner.h"

namespace thalweg::python {
namespace {

/// `graph` is the front-end's.
py::object prepare(const std::shared_ptr<SessionHandle>& session, py::handle feeds, py::handle fetches,
                   const py::list& targets, py::object convert, py::handle structure, py::object graph) {
  const Graph& g = session->session->graph();
  auto r = std::make_unique<RunnerObject::State>();
  std::vector<Endpoint> in = endpoints_from(g, feeds);
  std::vector<Node*> nodes;
  for (py::handle t : targets) nodes.push_back(&g.node(t.cast<int>()));
  for (const Endpoint& e : in) {
    const OutputInfo& info = e.node->output(e.index);
    r->feeds.push_back({info.dtype, info.shape, dtype_object(info.dtype)});
  }
  r->runner = session->session->prepare(in, endpoints_from(g, fetches), nodes);
  r->session = session;
  r->convert = std::move(convert);
  r->graph = std::move(graph);
  r->structure = Structure::compile(structure);
  return py::reinterpret_steal<py::object>(new_runner(std::move(r)));
}

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
  py::class_<SessionHandle, std::shared_ptr<SessionHandle>>(m, "Session")
      .def(py::init([](py::object graph, const py::dict& config) {
        auto s = std::make_shared<SessionHandle>();
        s->session = std::make_shared<Session>(graph.cast<Graph&>(), library(), options_from(config));
        s->graph = std::move(graph);
        return s;
      }))
      .def("prepare", &prepare)
      .def(
          "record", [](SessionHandle& s, std::shared_ptr<Recorder> r) { s.recorder = std::move(r); },
          "Every run from here on is recorded; None ends it.")
      .def("list_devices",
           [](SessionHandle& s) {
             py::list out;
             for (Device* d : s.session->devices()) out.append(py::make_tuple(d->name(), d->type(), d->memory_limit()));
             return out;
           })
      .def("close", [](SessionHandle& s) {
        s.closed = true;
        s.session->cancel();
      });
}

}  // namespace thalweg::python
