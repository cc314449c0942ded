#include "function.h"

#include <pybind11/stl.h>
#include <structmember.h>

#include <array>

#include "brief.h"
#include "library.h"
#include "outs.h"
#include "results.h"
#include "runner.h"
#include "tape.h"
#include "thalweg/graph/function.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

struct FunctionObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject* weak;
  struct State {
    std::shared_ptr<Function> function;
    std::vector<py::object> captures;   // tensors that follow the arguments
    std::vector<py::object> variables;  // by Function::variables
    std::vector<int64_t> ids;           // of variables
    size_t arguments = 0;
    py::object graph;  // the front-end's
    Structure structure;
    Brief brief;
  }* state;
};

FunctionObject::State& state_of(PyObject* o) { return *reinterpret_cast<FunctionObject*>(o)->state; }

void note_variables(FunctionObject::State& f) {
  for (const py::object& v : f.variables) note_access(variable(v.ptr()));
}

PyObject* build(FunctionObject::State& f, std::span<Value> out) {
  constexpr size_t kFew = 16;
  std::array<PyObject*, kFew> few;
  std::vector<PyObject*> many;
  PyObject** made = few.data();
  if (out.size() > kFew) {
    many.resize(out.size());
    made = many.data();
  }
  for (size_t i = 0; i < out.size(); ++i) {
    made[i] = new_eager_tensor(std::move(out[i]));
    if (made[i]) continue;
    while (i > 0) Py_DECREF(made[--i]);
    return nullptr;
  }
  return f.structure.build({made, out.size()});
}

PyObject* run(FunctionObject::State& f, std::span<PyObject* const> tensors) {
  if (tensors.size() != f.arguments) {
    throw py::type_error(str("expected ", f.arguments, " tensors, got ", tensors.size()));
  }
  std::vector<Value> in;
  in.reserve(tensors.size() + f.captures.size());
  for (PyObject* o : tensors) in.push_back(value_of(o));
  for (const py::object& o : f.captures) in.push_back({eager(o.ptr()).tensor, eager(o.ptr()).id});
  std::vector<Value> out;
  Runner* runner = f.function->runner();
  if (!active_tapes().empty()) {
    note_variables(f);
    Unlocked unlocked;
    out = call(f.function, in, f.ids);
    in.clear();
  } else {
    std::vector<Tensor> feeds, results;
    feeds.reserve(in.size());
    for (Value& v : in) feeds.push_back(std::move(v.tensor));
    if (!runner || f.brief(feeds)) {
      results = f.function->call(feeds);
    } else {
      Unlocked unlocked;
      results = f.function->call(feeds);
    }
    if (runner) f.brief.learn(*runner, feeds);
    out.reserve(results.size());
    for (Tensor& t : results) out.push_back({std::move(t), 0});
  }
  return build(f, out);
}

PyObject* function_vectorcall(PyObject* self, PyObject* const* args, size_t flags, PyObject* names) {
  if (names && PyTuple_GET_SIZE(names)) {
    PyErr_Format(PyExc_TypeError, "unexpected arguments: %R", names);
    return nullptr;
  }
  return call_function(self, {args, size_t(PyVectorcall_NARGS(flags))});
}

int function_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  auto* s = reinterpret_cast<FunctionObject*>(self)->state;
  if (!s) return 0;
  for (const py::object& o : s->captures) Py_VISIT(o.ptr());
  for (const py::object& o : s->variables) Py_VISIT(o.ptr());
  Py_VISIT(s->graph.ptr());
  return s->structure.visit(visit, arg);
}

int function_clear(PyObject* self) {
  delete std::exchange(reinterpret_cast<FunctionObject*>(self)->state, nullptr);
  return 0;
}

void function_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (reinterpret_cast<FunctionObject*>(self)->weak) PyObject_ClearWeakRefs(self);
  function_clear(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}

PyTypeObject* function_type() {
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, offsetof(FunctionObject, call), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(FunctionObject, weak), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A graph that is called with the tensors of its arguments.")},
      {Py_tp_members, members},
      {Py_tp_call, slot(PyVectorcall_Call)},
      {Py_tp_traverse, slot(function_traverse)},
      {Py_tp_clear, slot(function_clear)},
      {Py_tp_dealloc, slot(function_dealloc)},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "thalweg._core.GraphFunction", sizeof(FunctionObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  static auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return type;
}

/// Gradients that Python defines; `graph` gives each call the Python functions (has_gradient, gradient).
GradientOptions python_gradients(const py::object& has, const py::object& gradient) {
  GradientOptions options;
  if (has.is_none()) return options;
  auto has_one = shared_object(has), pull = shared_object(gradient);
  options.has_python = [has_one](Node& n) {
    py::gil_scoped_acquire lock;
    return (*has_one)(n.id(), n.graph().shared_from_this()).cast<bool>();
  };
  options.python = [pull](Node& n, std::span<const Out> dys) {
    py::gil_scoped_acquire lock;
    return call_gradient(*pull, n, dys, py::cast(n.graph().shared_from_this()));
  };
  return options;
}

/// `inputs` are placeholders: of the arguments first, then of `captures`. `variables` are pairs of the reference in the
/// graph and the variable.
py::object make_function(std::shared_ptr<Graph> graph, py::handle inputs, py::handle outputs,
                         const std::vector<int>& targets, const py::list& captures, const py::list& variables,
                         py::handle structure, py::object front, const py::object& has_gradient,
                         const py::object& gradient) {
  auto s = std::make_unique<FunctionObject::State>();
  auto home = std::make_shared<FunctionGraph>(graph, library(), false);
  home->gradient_options = python_gradients(has_gradient, gradient);
  std::vector<Endpoint> references;
  for (py::handle pair : variables) {
    auto t = py::cast<py::tuple>(pair);
    Endpoint e = endpoint_from(*graph, t[0]);
    py::object v = t[1];
    references.push_back(e);
    s->ids.push_back(variable(v.ptr()).id);
    home->session().state().bind(variable_name(*e.node), variable(v.ptr()).variable);
    s->variables.push_back(std::move(v));
  }
  for (py::handle c : captures) s->captures.push_back(py::reinterpret_borrow<py::object>(c));
  std::vector<Node*> nodes;
  for (int id : targets) nodes.push_back(&graph->node(id));
  std::vector<Endpoint> in = endpoints_from(*graph, inputs);
  s->arguments = in.size() - s->captures.size();
  s->function = std::make_shared<Function>(home, std::move(in), endpoints_from(*graph, outputs), std::move(nodes),
                                           std::move(references));
  s->graph = std::move(front);
  s->structure = Structure::compile(structure);
  PyTypeObject* type = function_type();
  auto* f = type ? PyObject_GC_New(FunctionObject, type) : nullptr;
  if (!f) throw py::error_already_set();
  f->call = function_vectorcall;
  f->weak = nullptr;
  f->state = s.release();
  PyObject_GC_Track(f);
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(f));
}

}  // namespace

bool is_function(PyObject* o) { return Py_TYPE(o) == function_type(); }

PyObject* call_function(PyObject* f, std::span<PyObject* const> tensors) {
  FunctionObject::State& s = state_of(f);
  return guarded([&] { return run(s, tensors); }, s.graph.ptr());
}

void bind_function(py::module_& m) {
  m.def("make_function", &make_function, py::arg("graph"), py::arg("inputs"), py::arg("outputs"), py::arg("targets"),
        py::arg("captures"), py::arg("variables"), py::arg("structure"), py::arg("front"), py::arg("has_gradient"),
        py::arg("gradient"), "A graph that is called with tensors.");
}

}  // namespace thalweg::python
