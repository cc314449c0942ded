// SessionCalls, the base class of sessions: run() finds the prepared signature by the identity of what was asked for
// and fed, in one C call. What it has not seen goes to Python's _prepare, which knows names, structures and errors.

#include <algorithm>
#include <array>

#include "runner.h"

namespace thalweg::python {
namespace {

/// The objects that make a call what it is, in a row: the fetch structure taken apart, then the keys of the feeds.
/// Containers are written as their type and length, so that different structures are different rows.
class Row {
 public:
  static constexpr size_t kMost = 64;

  bool fetch(PyObject* f, int depth = 0) {
    PyTypeObject* type = Py_TYPE(f);
    if (type == &PyList_Type || PyTuple_Check(f)) {  // named tuples too: their type tells them apart
      Py_ssize_t n = PySequence_Fast_GET_SIZE(f);
      PyObject** items = PySequence_Fast_ITEMS(f);
      if (depth == kDeepest || !open(type, n)) return false;
      for (Py_ssize_t i = 0; i < n; ++i) {
        if (!fetch(items[i], depth + 1)) return false;
      }
      return true;
    }
    if (PyDict_Check(f)) {
      if (type != &PyDict_Type || depth == kDeepest || !open(type, PyDict_GET_SIZE(f))) return false;
      PyObject *key = nullptr, *value = nullptr;
      for (Py_ssize_t at = 0; PyDict_Next(f, &at, &key, &value);) {
        if (!add(key) || !fetch(value, depth + 1)) return false;
      }
      return true;
    }
    // Other sequences (named tuples) are immutable, and so are their elements; what else there is, Python allows or
    // not.
    return !PyList_Check(f) && add(f);
  }

  bool feeds(PyObject* dict) {
    if (!add(nullptr)) return false;
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);) {
      if (values_ == kMost || !add(key)) return false;
      value_[values_++] = value;
    }
    return true;
  }

  std::span<PyObject* const> objects() const { return {object_.data(), count_}; }
  std::span<PyObject* const> values() const { return {value_.data(), values_}; }
  size_t hash() const {
    uint64_t h = count_;
    for (size_t i = 0; i < count_; ++i) {
      h = (h ^ (reinterpret_cast<uintptr_t>(object_[i]) >> 4)) * 0x9e3779b97f4a7c15u;
      h ^= h >> 29;
    }
    return h;
  }

 private:
  static constexpr int kDeepest = 8;

  bool add(PyObject* o) {
    if (count_ == kMost) return false;
    object_[count_++] = o;
    return true;
  }
  /// A length is no object, but no object has so small an address: the row's references know the difference.
  bool open(PyTypeObject* type, Py_ssize_t length) {
    return add(reinterpret_cast<PyObject*>(type)) && add(reinterpret_cast<PyObject*>(length));
  }

  std::array<PyObject*, kMost> object_, value_;
  size_t count_ = 0, values_ = 0;
};

bool is_object(PyObject* o) { return reinterpret_cast<uintptr_t>(o) > Row::kMost * Row::kMost; }

/// Rows that were seen, each with its runner. Holds the objects, so that no other object comes to their addresses.
class Table {
 public:
  static constexpr size_t kMost = 512;

  PyObject* find(const Row& row, size_t hash) const {
    if (slots_.empty()) return nullptr;
    for (size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Entry* e = slots_[i].get();
      if (!e) return nullptr;
      if (e->hash == hash && std::ranges::equal(e->objects, row.objects())) return e->runner;
    }
  }

  void add(const Row& row, size_t hash, PyObject* runner) {
    if (find(row, hash)) return;
    if (count_ == kMost) clear();
    if (slots_.empty()) slots_.resize(2 * kMost);
    auto e = std::make_unique<Entry>();
    e->hash = hash;
    e->objects.assign(row.objects().begin(), row.objects().end());
    e->runner = Py_NewRef(runner);
    for (PyObject* o : e->objects) {
      if (is_object(o)) Py_INCREF(o);
    }
    size_t i = hash & mask();
    while (slots_[i]) i = (i + 1) & mask();
    slots_[i] = std::move(e);
    ++count_;
  }

  void clear() {
    count_ = 0;
    auto old = std::move(slots_);  // a finalizer may come back to this table
    slots_.clear();
    for (auto& e : old) {
      if (!e) continue;
      for (PyObject* o : e->objects) {
        if (is_object(o)) Py_DECREF(o);
      }
      Py_DECREF(e->runner);
    }
  }

  int visit(visitproc visit, void* arg) const {
    for (const auto& e : slots_) {
      if (!e) continue;
      Py_VISIT(e->runner);
      for (PyObject* o : e->objects) {
        if (is_object(o)) Py_VISIT(o);
      }
    }
    return 0;
  }

 private:
  struct Entry {
    size_t hash = 0;
    std::vector<PyObject*> objects;
    PyObject* runner = nullptr;
  };
  size_t mask() const { return slots_.size() - 1; }

  std::vector<std::unique_ptr<Entry>> slots_;  // open addressing, at most half full
  size_t count_ = 0;
};

struct Calls {
  PyObject_HEAD Table* table;
  bool has_options;  // every run goes through Python's _run_with_options
};

Calls& calls(PyObject* self) { return *reinterpret_cast<Calls*>(self); }

struct Names {
  PyObject* parameters[4];
  PyObject *prepare, *run_with_options;
};
const Names& names() {
  static const Names n{{PyUnicode_InternFromString("fetches"), PyUnicode_InternFromString("feed_dict"),
                        PyUnicode_InternFromString("options"), PyUnicode_InternFromString("run_metadata")},
                       PyUnicode_InternFromString("_prepare"),
                       PyUnicode_InternFromString("_run_with_options")};
  return n;
}

/// The four parameters of run(), None where not given.
bool parse(PyObject* const* args, Py_ssize_t count, PyObject* keywords, std::array<PyObject*, 4>& to) {
  to.fill(nullptr);
  if (count > 4) {
    PyErr_Format(PyExc_TypeError, "run() takes from 2 to 5 positional arguments but %zd were given", count + 1);
    return false;
  }
  std::copy_n(args, count, to.begin());
  Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(keywords, i);
    size_t k = 0;
    while (k < 4 && name != names().parameters[k] && PyUnicode_Compare(name, names().parameters[k]) != 0) ++k;
    if (k == 4 || to[k]) {
      PyErr_Format(PyExc_TypeError,
                   k == 4 ? "run() got an unexpected keyword argument %R" : "run() got multiple values for argument %R",
                   name);
      return false;
    }
    to[k] = args[count + i];
  }
  if (!to[0]) {
    PyErr_SetString(PyExc_TypeError, "run() missing 1 required positional argument: 'fetches'");
    return false;
  }
  for (PyObject*& p : to) p = p ? p : Py_None;
  return true;
}

/// Runs what Python prepared: (runner, values, may be found by identity next time).
PyObject* run_prepared(PyObject* self, PyObject* fetches, PyObject* feed_dict, const Row* row) {
  std::vector<py::object> held;  // Python may change the lists that the row was taken from
  for (PyObject* o : row ? row->objects() : std::span<PyObject* const>()) {
    if (is_object(o)) held.push_back(py::reinterpret_borrow<py::object>(o));
  }
  PyObject* args[] = {self, fetches, feed_dict};
  auto prepared = py::reinterpret_steal<py::object>(
      PyObject_VectorcallMethod(names().prepare, args, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  if (!prepared) return nullptr;
  PyObject *runner = nullptr, *values = nullptr;
  int plain = 0;
  if (!PyArg_ParseTuple(prepared.ptr(), "OO!p", &runner, &PyList_Type, &values, &plain)) return nullptr;
  if (!is_runner(runner)) {
    PyErr_SetString(PyExc_TypeError, "_prepare() gave no runner");
    return nullptr;
  }
  if (plain && row) calls(self).table->add(*row, row->hash(), runner);
  return run(*reinterpret_cast<RunnerObject*>(runner), PySequence_Fast_ITEMS(values), size_t(PyList_GET_SIZE(values)));
}

PyObject* calls_run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::array<PyObject*, 4> p;
  if (count == 1 && !keywords) {
    p = {args[0], Py_None, Py_None, Py_None};
  } else if (count == 2 && !keywords) {
    p = {args[0], args[1], Py_None, Py_None};
  } else if (!parse(args, count, keywords, p)) {
    return nullptr;
  }
  auto [fetches, feed_dict, options, metadata] = p;
  if (options != Py_None || metadata != Py_None || calls(self).has_options) [[unlikely]] {
    PyObject* all[] = {self, fetches, feed_dict, options, metadata};
    return PyObject_VectorcallMethod(names().run_with_options, all, 5 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  }
  Row row;
  bool fed = feed_dict != Py_None;
  bool whole = row.fetch(fetches) &&
               (!fed || (PyDict_CheckExact(feed_dict) && (PyDict_GET_SIZE(feed_dict) == 0 || row.feeds(feed_dict))));
  PyObject* runner = whole ? calls(self).table->find(row, row.hash()) : nullptr;
  if (!runner) return run_prepared(self, fetches, feed_dict, whole ? &row : nullptr);
  // Another thread may change the dictionary or close the session meanwhile.
  Py_INCREF(runner);
  for (PyObject* v : row.values()) Py_INCREF(v);
  PyObject* result = run(*reinterpret_cast<RunnerObject*>(runner), row.values().data(), row.values().size());
  for (PyObject* v : row.values()) Py_DECREF(v);
  Py_DECREF(runner);
  return result;
}

PyObject* calls_forget(PyObject* self, PyObject*) {
  calls(self).table->clear();
  Py_RETURN_NONE;
}

PyObject* calls_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self) calls(self).table = new Table();
  return self;
}

int calls_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return calls(self).table ? calls(self).table->visit(visit, arg) : 0;
}

int calls_clear(PyObject* self) {
  if (calls(self).table) calls(self).table->clear();
  return 0;
}

void calls_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  calls_clear(self);
  delete std::exchange(calls(self).table, nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace

void bind_calls(py::module_& m) {
  static PyMethodDef methods[] = {
      {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(calls_run)), METH_FASTCALL | METH_KEYWORDS,
       "run($self, fetches, feed_dict=None, options=None, run_metadata=None)\n--\n\n"
       "Computes what `fetches` names, in its structure; operations give None."},
      {"_forget_calls", calls_forget, METH_NOARGS, "Every signature is prepared anew."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyMemberDef members[] = {
      {"_has_options", T_BOOL, offsetof(Calls, has_options), 0, "every run goes through _run_with_options"},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("Runs signatures that were prepared once.")},
      {Py_tp_new, reinterpret_cast<void*>(calls_new)},
      {Py_tp_methods, methods},
      {Py_tp_members, members},
      {Py_tp_traverse, reinterpret_cast<void*>(calls_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(calls_clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(calls_dealloc)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"thalweg._core.SessionCalls", sizeof(Calls), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  m.add_object("SessionCalls", py::reinterpret_steal<py::object>(PyType_FromSpec(&spec)));
}

}  // namespace thalweg::python
