#include "runner.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>

#include "library.h"
#include "recorder.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

/// Values made one after another at a fixed place, in memory of its own only when they are many.
template <class T, size_t inline_count>
class Few {
 public:
  explicit Few(size_t capacity) {
    if (capacity > inline_count) items_ = static_cast<T*>(operator new(capacity * sizeof(T)));
  }
  ~Few() {
    std::destroy_n(items_, count_);
    if (items_ != local()) operator delete(items_);
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  void add(T value) { new (items_ + count_++) T(std::move(value)); }
  std::span<T> all() { return {items_, count_}; }

 private:
  T* local() { return reinterpret_cast<T*>(memory_); }
  alignas(T) std::byte memory_[inline_count * sizeof(T)];
  T* items_ = local();
  size_t count_ = 0;
};

/// Planning may call Python functions in the graph, on another thread that waits for the lock.
std::vector<StepInfo> steps_of(Runner& runner, std::span<const Shape> shapes) {
  Unlocked unlocked;
  return runner.steps(shapes);
}

/// The run itself, under the profile in progress if there is one.
std::vector<Tensor> execute(RunnerObject::State& r, std::span<const Tensor> feeds, RunControl control) {
  if (!r.session->recorder || !control.times.empty()) [[likely]] {
    if (!control.deadline_us && r.brief(feeds)) {
      return r.runner->run(feeds, control);
    }
    Unlocked unlocked;
    return r.runner->run(feeds, control);
  }
  std::shared_ptr<Recorder> recorder = r.session->recorder;
  std::vector<Shape> shapes;
  for (const Tensor& f : feeds) shapes.push_back(f.shape());
  std::vector<StepTime> times;
  int signature = recorder->begin(r.runner, std::move(shapes), &times);
  control.times = times;
  std::vector<Tensor> out;
  int64_t start = 0, end = 0;
  {
    Unlocked unlocked;
    start = steady_ns();
    out = r.runner->run(feeds, control);
    end = steady_ns();
  }
  if (r.session->recorder == recorder) recorder->finish(signature, std::move(times), start, end);
  return out;
}

RunnerObject::State& state_of(PyObject* self) { return *reinterpret_cast<RunnerObject*>(self)->state; }

void check(const RunnerObject::State& r, size_t count) {
  if (r.session->closed.load(std::memory_order_relaxed)) {
    PyErr_SetString(PyExc_RuntimeError, "Attempted to use a closed Session.");
    throw py::error_already_set();
  }
  if (count != r.feeds.size()) throw py::type_error(str("expected ", r.feeds.size(), " feeds, got ", count));
}

PyObject* runner_call(PyObject* self, PyObject* const* args, size_t flags, PyObject* names) {
  if (names && PyTuple_GET_SIZE(names)) {
    PyErr_Format(PyExc_TypeError, "unexpected arguments: %R", names);
    return nullptr;
  }
  return run(*reinterpret_cast<RunnerObject*>(self), args, size_t(PyVectorcall_NARGS(flags)));
}

PyObject* runner_trace(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  RunnerObject::State& r = state_of(self);
  return guarded(
      [&]() -> PyObject* {
        check(r, size_t(count));
        std::vector<StepInfo> steps =
            steps_of(*r.runner, shapes_of_feeds(*reinterpret_cast<RunnerObject*>(self), args, size_t(count)));
        std::vector<StepTime> times(steps.size());
        RunControl control;
        control.times = times;
        auto result = py::reinterpret_steal<py::object>(
            run(*reinterpret_cast<RunnerObject*>(self), args, size_t(count), control));
        if (!result) return nullptr;
        py::list trace;
        for (size_t i = 0; i < steps.size(); ++i) {
          const StepInfo& s = steps[i];
          if (!times[i].end_ns) continue;
          trace.append(py::make_tuple(s.node, s.op, s.device, times[i].start_ns, times[i].end_ns, s.output_bytes));
        }
        return py::make_tuple(result, trace).release().ptr();
      },
      r.graph.ptr());
}

PyObject* runner_timed(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 1) throw py::type_error("run_with_timeout(milliseconds, *feeds)");
    RunControl control;
    control.deadline_us = steady_ns() / 1000 + py::handle(args[0]).cast<int64_t>() * 1000;
    return run(*reinterpret_cast<RunnerObject*>(self), args + 1, size_t(count - 1), control);
  });
}

PyObject* runner_arena_bytes(PyObject* self, PyObject*) {
  size_t bytes = 0;
  {
    Unlocked unlocked;
    bytes = state_of(self).runner->arena_bytes();
  }
  return PyLong_FromSize_t(bytes);
}

PyObject* runner_memory_plan(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  RunnerObject::State& r = state_of(self);
  return guarded(
      [&]() -> PyObject* {
        check(r, size_t(count));
        std::vector<Shape> shapes = shapes_of_feeds(*reinterpret_cast<RunnerObject*>(self), args, size_t(count));
        MemoryPlan m;
        {
          Unlocked unlocked;
          m = r.runner->memory_plan(shapes);
        }
        py::list rows;
        for (const MemoryPlan::Intermediate& v : m.intermediates) {
          rows.append(py::make_tuple(v.name, v.bytes, v.first, v.last, v.offset, v.shares));
        }
        return py::make_tuple(m.peak_bytes(), m.arena_bytes, m.variable_bytes, m.constant_bytes, m.feed_bytes,
                              m.outside_bytes, m.steps, m.complete, rows)
            .release()
            .ptr();
      },
      r.graph.ptr());
}

int runner_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  auto* s = reinterpret_cast<RunnerObject*>(self)->state;
  if (!s) return 0;
  Py_VISIT(s->convert.ptr());
  Py_VISIT(s->graph.ptr());
  return s->structure.visit(visit, arg);
}

int runner_clear(PyObject* self) {
  delete std::exchange(reinterpret_cast<RunnerObject*>(self)->state, nullptr);
  return 0;
}

void runner_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  runner_clear(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

template <class F>
PyCFunction fastcall(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f));
}

PyTypeObject* runner_type() {
  static PyMethodDef methods[] = {
      {"trace", fastcall(runner_trace), METH_FASTCALL,
       "trace(*feeds) -> (result, [(node, op, device, start_ns, end_ns, bytes)]), times of the steady clock"},
      {"run_with_timeout", fastcall(runner_timed), METH_FASTCALL, "run_with_timeout(milliseconds, *feeds) -> result"},
      {"arena_bytes", runner_arena_bytes, METH_NOARGS, "Bytes of arena that the last run needed."},
      {"memory_plan", fastcall(runner_memory_plan), METH_FASTCALL,
       "memory_plan(*feeds) -> (peak, arena, variables, constants, feeds, outside, steps, complete, "
       "[(name, bytes, first, last, offset, shares)])"},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, offsetof(RunnerObject, call), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("A prepared signature: called with the values of its feeds, it gives its results.")},
      {Py_tp_methods, methods},
      {Py_tp_members, members},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_traverse, reinterpret_cast<void*>(runner_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(runner_clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(runner_dealloc)},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "thalweg._core.Runner", sizeof(RunnerObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  static auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return type;
}

}  // namespace

PyObject* new_runner(std::unique_ptr<RunnerObject::State> state) {
  PyTypeObject* type = runner_type();
  auto* r = type ? PyObject_GC_New(RunnerObject, type) : nullptr;
  if (!r) throw py::error_already_set();
  r->call = runner_call;
  r->state = state.release();
  PyObject_GC_Track(r);
  return reinterpret_cast<PyObject*>(r);
}

bool is_runner(PyObject* o) { return Py_TYPE(o) == runner_type(); }

std::vector<Shape> shapes_of_feeds(RunnerObject& r, PyObject* const* values, size_t count) {
  Keep keep;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < count; ++i) {
    shapes.push_back(feed_from(values[i], r.state->feeds[i], i, r.state->convert, keep).shape());
  }
  return shapes;
}

PyObject* run(RunnerObject& object, PyObject* const* values, size_t count, const RunControl& control) {
  RunnerObject::State& r = *object.state;
  return guarded(
      [&]() -> PyObject* {
        check(r, count);
        Keep keep;
        Few<Tensor, 4> feeds(count);
        for (size_t i = 0; i < count; ++i) feeds.add(feed_from(values[i], r.feeds[i], i, r.convert, keep));
        std::vector<Tensor> out = execute(r, feeds.all(), control);
        r.brief.learn(*r.runner, feeds.all());
        Few<PyObject*, 8> results(out.size());
        for (Tensor& t : out) {
          results.add(to_numpy(std::move(t)));
          if (results.all().back()) continue;
          for (PyObject* made : results.all()) Py_XDECREF(made);
          return nullptr;
        }
        return r.structure.build(results.all());
      },
      r.graph.ptr());
}

}  // namespace thalweg::python
