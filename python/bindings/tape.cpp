#include "tape.h"

#include <pybind11/stl.h>

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_set>

#include "library.h"
#include "runner.h"
#include "thalweg/runtime/accumulator.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

class PyTape final : public Tape {
 public:
  PyTape(bool persistent, bool watches_accessed) : Tape(library(), persistent), watches_accessed_(watches_accessed) {}

  void accessed(VariableObject& v) {
    if (!watches_accessed_ || watches(v.id)) return;
    watch_variable(v);
  }
  void watch_variable(VariableObject& v) {
    if (watches(v.id)) return;
    watch(v.id);
    variables_.push_back(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&v)));
  }
  const std::vector<py::object>& variables() const { return variables_; }
  void reset() {
    clear();
    variables_.clear();
  }

 private:
  bool watches_accessed_;
  std::vector<py::object> variables_;
};

/// Records nothing: only sees which trainable variables are read.
class VariableWatcher final : public Follower {
 public:
  bool watches(int64_t) const override { return false; }
  void record(const Recorded&) override {}

  void accessed(VariableObject& v) {
    auto object = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&v));
    if (std::ranges::none_of(variables_, [&](const py::object& o) { return o.is(object); })) {
      variables_.push_back(std::move(object));
    }
  }
  const std::vector<py::object>& variables() const { return variables_; }

 private:
  std::vector<py::object> variables_;
};

/// What another thread still records with cannot be taken from it, and is left to it.
struct Release {
  void operator()(Follower* f) const {
    if (!f->records_elsewhere()) delete f;
  }
};
template <class F>
using Held = std::unique_ptr<F, Release>;

Tensor ones_like(const Tensor& t) {
  Tensor out(t.dtype(), t.shape());
  visit<kNumeric>(t.dtype(), [&]<class T>() { std::fill_n(out.ptr<T>(), out.size(), T(1)); });
  return out;
}

py::object object_of(Value v) {
  auto o = py::reinterpret_steal<py::object>(new_eager_tensor(std::move(v)));
  if (!o) throw py::error_already_set();
  return o;
}

/// Its number on tapes; given now if it has none.
int64_t number_of(PyObject* o) {
  if (is_variable_object(o)) return variable(o).id;
  if (!is_eager_tensor(o)) throw py::type_error("expected a tensor that has a value, or a variable");
  if (!eager(o).id) eager(o).id = new_value_id();
  return eager(o).id;
}

/// An op without a gradient is a LookupError.
template <class F>
auto looked_up(F f) {
  try {
    return f();
  } catch (const Error& e) {
    if (e.code() != Code::NotFound) throw;
    PyErr_SetString(PyExc_LookupError, e.what());
    throw py::error_already_set();
  }
}

void tape_watch(PyTape& tape, py::handle o) {
  if (is_variable_object(o.ptr())) {
    tape.watch_variable(variable(o.ptr()));
    return;
  }
  tape.watch(number_of(o.ptr()));
}

/// None where there is none; slices as (values, indices, number of rows).
py::object object_of(Gradient g) {
  if (!g) return py::none();
  if (!g.indices) return object_of(std::move(g.value));
  return py::make_tuple(object_of(std::move(g.value)), object_of(Value{g.indices, 0}), object_of(Value{g.rows, 0}));
}

/// Gradients by source. A seed that is None stands for ones.
py::list tape_gradient(PyTape& tape, const py::list& targets, const py::list& seeds, const py::list& sources) {
  std::vector<int64_t> ys, xs;
  std::vector<Value> dys;
  for (size_t i = 0; i < targets.size(); ++i) {
    Value y = value_of(py::handle(targets[i]).ptr());
    ys.push_back(number_of(py::handle(targets[i]).ptr()));
    py::handle seed = seeds[i];
    dys.push_back(seed.is_none() ? Value{ones_like(y.tensor), 0} : value_of(seed.ptr()));
  }
  for (py::handle x : sources) {
    xs.push_back(number_of(x.ptr()));
  }
  std::vector<Gradient> found = looked_up([&] {
    Unlocked unlocked;
    return tape.gradient(ys, dys, xs);
  });
  py::list out;
  for (Gradient& g : found) out.append(object_of(std::move(g)));
  return out;
}

using Forms = std::vector<std::pair<DType, Shape>>;

Forms forms_of(std::span<const Value> values) {
  Forms forms;
  for (const Value& v : values) forms.emplace_back(v.tensor.dtype(), v.tensor.shape());
  return forms;
}

/// By a function of Python from the gradients of the outputs to those of the inputs.
Pullback python_pullback(py::object f, Forms forms) {
  return [f = shared_object(std::move(f)), forms = std::move(forms)](std::span<const Value> dys,
                                                                     const std::vector<bool>&) {
    py::gil_scoped_acquire lock;
    py::tuple args(dys.size());
    for (size_t i = 0; i < dys.size(); ++i) {
      args[i] = object_of(dys[i].tensor ? dys[i] : Value{zeros(forms[i].first, forms[i].second), 0});
    }
    std::vector<Gradient> dxs;
    for (py::handle dx : py::cast<py::sequence>((*f)(*args))) {
      dxs.push_back(dx.is_none() ? Gradient() : Gradient(value_of(dx.ptr())));
    }
    return dxs;
  };
}

/// The types of ops whose gradients Python has, and what makes the way back of one:
/// (type, attributes, inputs, outputs) -> f(*dys).
struct PythonGradients {
  std::atomic<bool> any = false;
  std::mutex mutex;
  std::unordered_set<std::string> types;  // guarded by the mutex
  py::object make;                        // guarded by the GIL

  bool has(const std::string& type) {
    if (!any) return false;
    std::lock_guard lock(mutex);
    return types.contains(type);
  }
};
PythonGradients& python_gradients() {
  static auto* g = new PythonGradients();
  return *g;
}

Pullback registered_pullback(const EagerOp& op, std::span<const Value> in, std::span<const Value> out) {
  if (!python_gradients().has(op.op().name)) return nullptr;
  py::gil_scoped_acquire lock;
  py::dict attrs;
  for (const auto& [name, value] : op.attrs()) attrs[py::str(name)] = attr_to(value);
  py::list inputs, outputs;
  for (const Value& v : in) inputs.append(object_of(v));
  for (const Value& v : out) outputs.append(object_of(v));
  return python_pullback(python_gradients().make(op.op().name, attrs, inputs, outputs), forms_of(out));
}

/// The way back through something that Python knows how to go back through: `f(*dys)` gives gradients of `inputs`.
/// `values`, if any: what `outputs` are for those that do not follow the inputs.
void record_python(const py::list& outputs, const py::list& inputs, py::object f, const py::list& values) {
  if (active_tapes().empty()) return;
  std::vector<Value> in, out, from;
  for (py::handle o : inputs) in.push_back(value_of(o.ptr()));
  for (py::handle o : values) from.push_back(value_of(o.ptr()));
  for (py::handle o : outputs) {
    if (!is_eager_tensor(o.ptr())) throw py::type_error("expected outputs that are tensors");
    out.push_back(value_of(o.ptr()));
  }
  record_or_pass(in, from, out, python_pullback(std::move(f), forms_of(out)));
  for (size_t i = 0; i < out.size(); ++i) eager(py::handle(outputs[i]).ptr()).id = out[i].id;
}

}  // namespace

void note_access(VariableObject& v) {
  if (!v.trainable) return;
  for (Follower* r : active_tapes()) {
    if (auto* tape = dynamic_cast<PyTape*>(r)) tape->accessed(v);
    if (auto* watcher = dynamic_cast<VariableWatcher*>(r)) watcher->accessed(v);
  }
}

Value value_of(PyObject* o) {
  if (is_variable_object(o)) return read(variable(o));
  if (!is_eager_tensor(o)) throw py::type_error("expected a tensor that has a value");
  return {eager(o).tensor, eager(o).id};
}

void bind_tape(py::module_& m) {
  py::class_<PyTape, Held<PyTape>>(m, "Tape")
      .def(py::init<bool, bool>(), py::arg("persistent"), py::arg("watch_accessed"))
      .def("start", &PyTape::start)
      .def("stop", &PyTape::stop)
      .def("reset", &PyTape::reset)
      .def("keep", &PyTape::set_persistent)
      .def_property_readonly("recording", &PyTape::recording)
      .def("watch", &tape_watch)
      .def("watches", [](PyTape& t, py::handle o) { return t.watches(number_of(o.ptr())); })
      .def("gradient", &tape_gradient)
      .def("size", &PyTape::size)
      .def("variables", [](PyTape& t) { return t.variables(); });
  py::class_<VariableWatcher, Held<VariableWatcher>>(m, "VariableWatcher")
      .def(py::init<>())
      .def("start", &VariableWatcher::start)
      .def("stop", &VariableWatcher::stop)
      .def("variables", [](VariableWatcher& w) { return w.variables(); });
  py::class_<Accumulator, Held<Accumulator>>(m, "Accumulator")
      .def(py::init([] { return Held<Accumulator>(new Accumulator(library())); }))
      .def("start", &Accumulator::start)
      .def("stop", &Accumulator::stop)
      .def("watch", [](Accumulator& a, py::handle o,
                       py::handle tangent) { a.watch(number_of(o.ptr()), value_of(tangent.ptr())); })
      .def("watches", [](Accumulator& a, py::handle o) { return a.watches(number_of(o.ptr())); })
      .def("tangent", [](Accumulator& a, py::handle o) -> py::object {
        Value v = looked_up([&] { return a.tangent(number_of(o.ptr())); });
        return v.tensor ? object_of(std::move(v)) : py::object(py::none());
      });
  m.def("record_python", &record_python, py::arg("outputs"), py::arg("inputs"), py::arg("f"),
        py::arg("values") = py::list(), "Records that `f(*dys)` leads from outputs back to inputs.");
  m.def(
      "register_python_gradient",
      [](const std::string& type, py::object make) {
        PythonGradients& g = python_gradients();
        g.make = std::move(make);
        std::lock_guard lock(g.mutex);
        g.types.insert(type);
        g.any = true;
      },
      "From now on `make(type, attributes, inputs, outputs)` gives the way back through ops of a type: f(*dys).");
  set_foreign_gradient(registered_pullback);
  m.def("is_taped", [] { return !active_tapes().empty(); });
  py::class_<Untaped>(m, "Untaped");
  m.def("hide_tapes", [] { return std::make_unique<Untaped>(); });
}

}  // namespace thalweg::python
