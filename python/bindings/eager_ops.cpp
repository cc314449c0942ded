#include "eager_ops.h"

#include <Python.h>
#include <structmember.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>

#include "library.h"
#include "mode.h"
#include "runner.h"
#include "tape.h"
#include "thalweg/core/device.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

thread_local Device* t_device = nullptr;

/// What the front-end supplies; lives as long as the process.
struct Face {
  py::object graph;    // (op, name, **arguments): adds a node
  py::object convert;  // (value, dtype number or None, op, argument): a tensor, or TensorFlow's error
  py::object attr;     // (op, attribute, kind, value): the attribute in the form the core takes
  py::object result;   // (op, outputs): what several outputs are returned as
};
Face& face() {
  static auto* f = new Face();
  return *f;
}

/// Work over this many bytes is done without the interpreter lock.
constexpr size_t kLongBytes = 32 << 10;

// --- which op

struct Op {
  const OpDef* def = nullptr;
  uint32_t number = 0;
  std::vector<PyObject*> names;  // interned: of inputs, then of attributes
  bool seeded = false;           // draws random numbers: its kernel goes on from call to call
};

const Op& op_of(PyObject* name) {
  static std::unordered_map<PyObject*, const Op*> by_object;  // names in code are interned: mostly one object each
  static std::unordered_map<std::string, std::unique_ptr<Op>> by_name;
  auto it = by_object.find(name);
  if (it != by_object.end()) return *it->second;
  std::string text = py::cast<std::string>(py::handle(name));
  const OpDef& def = library().ops.get(text);
  std::unique_ptr<Op>& op = by_name[text];
  if (!op) {
    op = std::make_unique<Op>();
    op->def = &def;
    op->number = uint32_t(by_name.size());
    for (const ArgDef& a : def.inputs) op->names.push_back(PyUnicode_InternFromString(a.name.c_str()));
    for (const AttrDef& a : def.attrs) op->names.push_back(PyUnicode_InternFromString(a.name.c_str()));
  }
  if (by_object.size() < 4096) by_object.emplace(Py_NewRef(name), op.get());
  return *op;
}

// --- what it is called with

/// The flat inputs of a call.
struct Inputs {
  std::vector<Value> values;                      // no tensor for those passed by reference
  std::vector<Variable*> references;              // by input; null where passed by value
  std::vector<PyObject*> objects;                 // what was given for the reference, borrowed
  std::vector<int64_t> lengths;                   // of list inputs, in order
  std::vector<std::pair<size_t, size_t>> ranges;  // by ArgDef: its flat inputs

  void add(Value v) {
    values.push_back(std::move(v));
    references.push_back(nullptr);
  }
};

template <class T>
bool number(PyObject* v, Tensor* out) {
  if constexpr (std::floating_point<T>) {
    if (PyFloat_CheckExact(v)) {
      *out = Tensor::scalar(T(PyFloat_AS_DOUBLE(v)));
      return true;
    }
  }
  if (!PyLong_CheckExact(v)) return false;
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(v, &overflow);
  if (overflow) return false;
  if constexpr (std::floating_point<T>) {
    if (std::abs(double(value)) > 9007199254740992.0) return false;  // 2^53: two roundings might not be one
  } else {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) return false;
  }
  *out = Tensor::scalar(T(value));
  return true;
}

/// A Python number as a scalar of a known type; false where Python has to look.
bool scalar_of(PyObject* v, DType t, Tensor* out) {
  switch (t) {
    case DType::float32:
      return number<float>(v, out);
    case DType::float64:
      return number<double>(v, out);
    case DType::int32:
      return number<int32_t>(v, out);
    case DType::int64:
      return number<int64_t>(v, out);
    default:
      return false;
  }
}

Value converted(const Op& op, const ArgDef& arg, PyObject* o, DType known) {
  if (is_eager_tensor(o)) return {eager(o).tensor, eager(o).id};
  if (is_variable_object(o)) return read(variable(o));
  Tensor t;
  if (known != DType::invalid && scalar_of(o, known, &t)) return {std::move(t), 0};
  py::object dtype = known == DType::invalid ? py::object(py::none()) : py::object(py::int_(int(known)));
  py::object made = face().convert(py::handle(o), dtype, op.def->name, arg.name);
  if (!is_eager_tensor(made.ptr())) throw py::type_error("conversion gave no tensor");
  return {eager(made.ptr()).tensor, eager(made.ptr()).id};
}

DType dtype_of_object(PyObject* o) {
  if (is_eager_tensor(o)) return eager(o).tensor.dtype();
  if (is_variable_object(o)) return variable(o).variable->dtype;
  return DType::invalid;
}

/// By type attribute: what the tensors among the arguments and the attributes given say.
class Types {
 public:
  Types(const Op& op, PyObject* const* arguments) {
    const OpDef& def = *op.def;
    for (size_t i = 0; i < def.attrs.size(); ++i) {
      PyObject* v = arguments[def.inputs.size() + i];
      if (!v || v == Py_None || def.attrs[i].kind != AttrKind::Type) continue;
      py::object n = face().attr(def.name, def.attrs[i].name, "type", py::handle(v));
      set(def.attrs[i].name, DType(n.cast<int>()));
    }
    for (size_t i = 0; i < def.inputs.size(); ++i) {
      const ArgDef& a = def.inputs[i];
      if (a.type_attr.empty() || !arguments[i]) continue;
      if (!a.is_list()) {
        set(a.type_attr, dtype_of_object(arguments[i]));
      } else if (PyList_Check(arguments[i]) || PyTuple_Check(arguments[i])) {
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(arguments[i]); ++k) {
          set(a.type_attr, dtype_of_object(PySequence_Fast_GET_ITEM(arguments[i], k)));
        }
      }
    }
  }
  void set(const std::string& attr, DType t) {
    if (t == DType::invalid || find(attr) != DType::invalid) return;
    known_.emplace_back(&attr, t);
  }
  DType find(const std::string& attr) const {
    for (const auto& [name, t] : known_) {
      if (*name == attr) return t;
    }
    return DType::invalid;
  }

 private:
  std::vector<std::pair<const std::string*, DType>> known_;
};

void gather_list(const Op& op, const ArgDef& arg, PyObject* o, Types& types, Inputs& in) {
  if (!PyList_Check(o) && !PyTuple_Check(o)) {
    throw py::type_error(str("Expected list for '", arg.name, "' argument to '", op.def->name, "' Op, not ",
                             py::repr(o).cast<std::string>(), "."));
  }
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  in.lengths.push_back(n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (PySequence_Fast_GET_SIZE(o) != n) throw std::runtime_error("list changed size while it was converted");
    py::object item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(o, i));
    DType known = arg.type != DType::invalid ? arg.type
                  : arg.type_attr.empty()    ? DType::invalid
                                             : types.find(arg.type_attr);
    in.add(converted(op, arg, item.ptr(), known));
    if (!arg.type_attr.empty()) types.set(arg.type_attr, in.values.back().tensor.dtype());
  }
}

Inputs gather(const Op& op, PyObject* const* arguments) {
  const OpDef& def = *op.def;
  Types types(op, arguments);
  Inputs in;
  in.values.reserve(8);
  in.references.reserve(8);
  for (size_t i = 0; i < def.inputs.size(); ++i) {
    const ArgDef& arg = def.inputs[i];
    PyObject* o = arguments[i];
    if (!o)
      throw py::type_error(str(def.name, " is missing its argument '", arg.name, "'; it is ", def.signature_text));
    size_t first = in.values.size();
    if (arg.is_list()) {
      gather_list(op, arg, o, types, in);
    } else if (arg.is_ref) {
      if (!is_variable_object(o)) {
        throw py::type_error(
            str(def.name, ": argument '", arg.name, "' has to be a variable, got ", py::repr(o).cast<std::string>()));
      }
      in.values.push_back({});
      in.references.push_back(variable(o).variable.get());
      in.objects.push_back(o);
    } else {
      DType known = arg.type != DType::invalid ? arg.type : types.find(arg.type_attr);
      in.add(converted(op, arg, o, known));
      if (!arg.type_attr.empty()) types.set(arg.type_attr, in.values.back().tensor.dtype());
    }
    in.ranges.emplace_back(first, in.values.size());
  }
  return in;
}

DType input_dtype(const Inputs& in, size_t i) {
  return in.references[i] ? in.references[i]->dtype : in.values[i].tensor.dtype();
}

// --- finding it

/// Appends what says which value an attribute has; false for objects whose value this cannot tell.
bool encode(PyObject* o, std::string& key) {
  auto put = [&](char kind, const void* data, size_t bytes) {
    key += kind;
    key.append(static_cast<const char*>(data), bytes);
  };
  if (o == Py_None) {
    key += 'N';
  } else if (o == Py_True || o == Py_False) {
    key += o == Py_True ? 't' : 'f';
  } else if (PyLong_CheckExact(o)) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) return false;
    put('i', &v, sizeof v);
  } else if (PyFloat_CheckExact(o)) {
    double v = PyFloat_AS_DOUBLE(o);
    put('d', &v, sizeof v);
  } else if (PyUnicode_CheckExact(o)) {
    Py_ssize_t n = 0;
    const char* text = PyUnicode_AsUTF8AndSize(o, &n);
    if (!text) {
      PyErr_Clear();
      return false;
    }
    put('s', &n, sizeof n);
    key.append(text, size_t(n));
  } else if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    put('l', &n, sizeof n);
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (!encode(PySequence_Fast_GET_ITEM(o, i), key)) return false;
    }
  } else if (PyObject* f32 = dtype_object_of(DType::float32); f32 && Py_TYPE(o) == Py_TYPE(f32)) {
    put('p', &o, sizeof o);  // DTypes are unique and last
  } else {
    return false;
  }
  return true;
}

struct Entry {
  std::shared_ptr<EagerOp> op;
  uint64_t used = 0;
};

/// The ops made ready, by op, device, input dtypes and attributes. What has not been used for long goes when there are
/// too many. Guarded by the interpreter lock.
class Cache {
 public:
  static constexpr size_t kMost = 4096;

  std::shared_ptr<EagerOp> find(const std::string& key) {
    auto it = entries_.find(key);
    if (it == entries_.end()) return nullptr;
    it->second.used = ++clock_;
    return it->second.op;
  }
  void add(const std::string& key, std::shared_ptr<EagerOp> op) {
    if (entries_.size() >= kMost) {
      uint64_t limit = clock_ > kMost ? clock_ - kMost / 2 : clock_;
      auto old = std::move(entries_);
      entries_.clear();
      for (auto& [k, e] : old) {
        if (e.used > limit) entries_.emplace(k, std::move(e));
      }
    }
    entries_[key] = {std::move(op), ++clock_};
  }
  void clear() { entries_.clear(); }
  size_t size() const { return entries_.size(); }

 private:
  std::unordered_map<std::string, Entry> entries_;
  uint64_t clock_ = 0;
};
Cache& cache() {
  static auto* c = new Cache();
  return *c;
}

/// How TensorFlow's runtime calls an element type.
std::string runtime_name(DType t) {
  switch (t) {
    case DType::float32:
      return "float";
    case DType::float64:
      return "double";
    case DType::float16:
      return "half";
    default:
      return std::string(name_of(t));
  }
}

/// Inputs that share a type attribute have to agree, and fixed types to be met.
void check_types(const Op& op, const Inputs& in) {
  std::vector<std::pair<std::string, DType>> seen;
  for (size_t a = 0; a < op.def->inputs.size(); ++a) {
    const ArgDef& arg = op.def->inputs[a];
    if (!arg.type_list_attr.empty()) continue;
    for (size_t i = in.ranges[a].first; i < in.ranges[a].second; ++i) {
      DType got = input_dtype(in, i), want = arg.type;
      if (want == DType::invalid) {
        auto it = std::ranges::find(seen, arg.type_attr, &std::pair<std::string, DType>::first);
        if (it == seen.end()) {
          seen.emplace_back(arg.type_attr, got);
          continue;
        }
        want = it->second;
      }
      TW_CHECK(got == want, "cannot compute ", op.def->name, " as input #", i, "(zero-based) was expected to be a ",
               runtime_name(want), " tensor but is a ", runtime_name(got), " tensor");
    }
  }
}

std::shared_ptr<EagerOp> make(const Op& op, const Inputs& in, std::span<const py::object> attrs) {
  const OpDef& def = *op.def;
  check_types(op, in);
  Attrs given;
  std::vector<DType> dtypes;
  for (size_t i = 0; i < in.values.size(); ++i) dtypes.push_back(input_dtype(in, i));
  size_t list = 0;
  for (size_t a = 0; a < def.inputs.size(); ++a) {
    const ArgDef& arg = def.inputs[a];
    if (!arg.is_list()) continue;
    int64_t length = in.lengths[list++];
    if (!arg.number_attr.empty()) given.set(arg.number_attr, length);
    if (!arg.type_list_attr.empty()) {
      auto [first, last] = in.ranges[a];
      given.set(arg.type_list_attr, DTypes(dtypes.begin() + long(first), dtypes.begin() + long(last)));
    }
  }
  for (size_t i = 0; i < def.attrs.size(); ++i) {
    const AttrDef& a = def.attrs[i];
    if (!attrs[i] || (attrs[i].is_none() && a.kind != AttrKind::Shape)) continue;  // None is a shape that may be any
    py::object value = face().attr(def.name, a.name, std::string(name_of(a.kind)), attrs[i]);
    given.set(a.name, attr_from(value, a.kind));
  }
  try {
    return std::make_shared<EagerOp>(library(), def, std::move(given), dtypes, eager_device());
  } catch (const Error& e) {
    if (e.code() != Code::TypeError) throw;
    throw Error(Code::InvalidArgument, e.message());
  }
}

/// The op for these inputs and attributes (one object or null each, by AttrDef).
std::shared_ptr<EagerOp> find_op(const Op& op, const Inputs& in, PyObject* const* attrs) {
  size_t count = op.def->attrs.size();
  std::vector<py::object> values(count);
  std::string key;
  key.reserve(64);
  key.append(reinterpret_cast<const char*>(&op.number), sizeof op.number);
  Device* device = &eager_device();
  key.append(reinterpret_cast<const char*>(&device), sizeof device);
  for (size_t i = 0; i < in.values.size(); ++i) key += char(input_dtype(in, i));
  for (int64_t n : in.lengths) key.append(reinterpret_cast<const char*>(&n), sizeof n);
  bool told = true;
  for (size_t i = 0; i < count; ++i) {
    if (!attrs[i]) {
      key += 'n';
      continue;
    }
    values[i] = py::reinterpret_borrow<py::object>(attrs[i]);
    size_t before = key.size();
    if (encode(attrs[i], key)) continue;
    // A shape, an array, a NumPy number: plain after conversion, if at all.
    key.resize(before);
    const AttrDef& a = op.def->attrs[i];
    if (attrs[i] != Py_None) {
      values[i] = face().attr(op.def->name, a.name, std::string(name_of(a.kind)), values[i]);
    }
    key += '=';
    told = encode(values[i].ptr(), key) && told;
  }
  if (!told) return make(op, in, values);
  if (std::shared_ptr<EagerOp> found = cache().find(key)) return found;
  std::shared_ptr<EagerOp> made = make(op, in, values);
  cache().add(key, made);
  return made;
}

// --- running it

bool takes_long(std::span<const Value> in) {
  size_t bytes = 0;
  for (const Value& v : in) bytes += v.tensor ? v.tensor.bytes() : 0;
  return bytes >= kLongBytes;
}

void run_op(const EagerOp& op, const Tensor* const* in, Variable* const* references, Tensor* out, bool takes_long) {
  try {
    if (takes_long) {
      Unlocked unlocked;
      op.run(in, references, out);
    } else {
      op.run(in, references, out);
    }
  } catch (const Error& e) {
    throw Error(e.code(), str(e.message(), " [Op:", op.op().name, "]"));
  }
}

PyObject* results(const Op& op, const EagerOp& made, std::span<Value> out, std::span<PyObject* const> references) {
  const OpDef& def = *op.def;
  if (def.outputs.empty()) Py_RETURN_NONE;
  if (def.outputs.size() == 1 && !def.outputs[0].is_list()) {
    if (def.outputs[0].is_ref) return Py_NewRef(references[0]);
    return new_eager_tensor(std::move(out[0]));
  }
  py::list all;
  for (size_t i = 0; i < out.size(); ++i) {
    if (made.outputs()[i].is_ref) {
      all.append(py::reinterpret_borrow<py::object>(references[0]));
      continue;
    }
    auto t = py::reinterpret_steal<py::object>(new_eager_tensor(std::move(out[i])));
    if (!t) throw py::error_already_set();
    all.append(t);
  }
  if (def.outputs.size() == 1) return all.release().ptr();
  py::list lengths;
  for (const ArgDef& o : def.outputs) {
    if (!o.number_attr.empty()) {
      lengths.append(made.attrs().get<int64_t>(o.number_attr));
    } else if (!o.type_list_attr.empty()) {
      lengths.append(made.attrs().get<DTypes>(o.type_list_attr).size());
    } else {
      lengths.append(py::none());
    }
  }
  return face().result(def.name, all, lengths).release().ptr();
}

PyObject* execute(const Op& op, PyObject* const* arguments) {
  Inputs in = gather(op, arguments);
  std::shared_ptr<EagerOp> made = find_op(op, in, arguments + op.def->inputs.size());
  std::vector<const Tensor*> args;
  args.reserve(8);
  for (const Value& v : in.values) args.push_back(&v.tensor);
  std::vector<Tensor> tensors(made->outputs().size());
  bool by_reference = !in.objects.empty();
  bool unlocked = takes_long(in.values) || op.def->is_stateful || op.def->inputs.empty();
  run_op(*made, args.data(), by_reference ? in.references.data() : nullptr, tensors.data(), unlocked);
  std::vector<Value> out;
  out.reserve(tensors.size());
  for (Tensor& t : tensors) out.push_back({std::move(t), 0});
  if (!by_reference && !active_tapes().empty()) record_op(made, in.values, out);
  return results(op, *made, out, in.objects);
}

/// apply_op(op, name=None, /, **arguments)
PyObject* apply_op(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (!executing_eagerly()) {
    return PyObject_Vectorcall(face().graph.ptr(), args, size_t(count), keywords);
  }
  return guarded([&]() -> PyObject* {
    if (count < 1 || count > 2) throw py::type_error("apply_op(op, name=None, **arguments)");
    const Op& op = op_of(args[0]);
    std::array<PyObject*, 40> arguments{};
    if (op.names.size() > arguments.size()) throw py::type_error("apply_op: too many arguments");
    size_t at = 0;
    Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t i = 0; i < named; ++i) {
      PyObject* name = PyTuple_GET_ITEM(keywords, i);
      // Given in the order of the signature, as a rule.
      size_t k = at;
      while (k < op.names.size() && op.names[k] != name) ++k;
      if (k == op.names.size()) {
        for (k = 0; k < op.names.size() && PyUnicode_Compare(op.names[k], name) != 0;) ++k;
      }
      if (k == op.names.size()) {
        if (PyUnicode_CompareWithASCIIString(name, "name") == 0) continue;
        throw py::type_error(str(op.def->name, " got unexpected keyword arguments: ",
                                 py::cast<std::string>(py::handle(name)), "; it is ", op.def->signature_text));
      }
      arguments[k] = args[count + i];
      at = k + 1;
    }
    return execute(op, arguments.data());
  });
}

// --- operators

constexpr const char* kOperators[] = {"AddV2", "Sub",    "Mul",  "RealDiv",   "FloorDiv", "FloorMod",
                                      "Pow",   "MatMul", "Less", "LessEqual", "Greater",  "GreaterEqual"};

struct OperatorTable {
  std::array<std::array<std::shared_ptr<EagerOp>, kDTypeCount>, size_t(Operator::Count)> ops;
};

const std::shared_ptr<EagerOp>* operator_op(Operator op, DType t) {
  static auto* table = new OperatorTable();
  std::shared_ptr<EagerOp>& found = table->ops[size_t(op)][size_t(t)];
  if (!found) {
    std::array<DType, 2> dtypes{t, t};
    try {
      found = std::make_shared<EagerOp>(library(), library().ops.get(kOperators[size_t(op)]), Attrs(), dtypes,
                                        cpu_device());
    } catch (const Error&) {
      return nullptr;  // Python says why
    }
  }
  return &found;
}

}  // namespace

Device& eager_device() { return t_device ? *t_device : cpu_device(); }

PyObject* binary(Operator op, PyObject* a, PyObject* b) {
  if (!executing_eagerly() || t_device) return nullptr;
  bool ta = is_eager_tensor(a), tb = is_eager_tensor(b);
  Tensor number;
  Value x, y;
  DType t = ta ? eager(a).tensor.dtype() : tb ? eager(b).tensor.dtype() : DType::invalid;
  if (ta && tb) {
    if (eager(b).tensor.dtype() != t) return nullptr;
  } else if (!(ta ? scalar_of(b, t, &number) : tb && scalar_of(a, t, &number))) {
    return nullptr;
  }
  if (op == Operator::Div && !kInexact.has(t)) return nullptr;
  const Tensor& l = ta ? eager(a).tensor : number;
  const Tensor& r = tb ? eager(b).tensor : number;
  if (op == Operator::MatMul && (l.rank() != 2 || r.rank() != 2)) return nullptr;
  if (!kNumeric.has(t)) return nullptr;
  return guarded([&]() -> PyObject* {
    const std::shared_ptr<EagerOp>* found = operator_op(op, t);
    if (!found) return nullptr;
    const Tensor* in[] = {&l, &r};
    Tensor out;
    bool takes_long = l.bytes() + r.bytes() >= kLongBytes;
    if (takes_long) {  // others may let go of the operands meanwhile
      Tensor keep_l = l, keep_r = r;
      const Tensor* kept[] = {&keep_l, &keep_r};
      run_op(**found, kept, nullptr, &out, true);
    } else {
      run_op(**found, in, nullptr, &out, false);
    }
    if (active_tapes().empty()) return new_eager_tensor(std::move(out));
    Value values[] = {{l, ta ? eager(a).id : 0}, {r, tb ? eager(b).id : 0}};
    Value result{std::move(out), 0};
    record_op(*found, values, {&result, 1});
    return new_eager_tensor(std::move(result));
  });
}

void bind_eager_ops(py::module_& m) {
  static PyMethodDef apply = {
      "apply_op", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(apply_op)), METH_FASTCALL | METH_KEYWORDS,
      "apply_op(op, name=None, /, **arguments)\n--\n\n"
      "Runs an op, or adds it to the default graph: its output, a list or named tuple of outputs, or (in a graph) the "
      "Operation if it has none."};
  m.add_object("apply_op", py::reinterpret_steal<py::object>(PyCFunction_New(&apply, nullptr)));
  m.def("set_eager_face", [](py::object graph, py::object convert, py::object attr, py::object result) {
    face() = {std::move(graph), std::move(convert), std::move(attr), std::move(result)};
  });
  m.def("forget_eager_ops", [] { cache().clear(); }, "Kernels start anew: random streams among them.");
  m.def("eager_op_count", [] { return cache().size(); });
  m.def(
      "set_eager_device",
      [](const std::string& type, int index) {
        if (type.empty()) {
          t_device = nullptr;
          return true;
        }
        if (type == "CPU") {
          t_device = &cpu_device(index);
          return true;
        }
        for (const auto& d : library().devices) {
          if (d->type() != type || d->index() != index) continue;
          t_device = d.get();
          return true;
        }
        return false;
      },
      "Where this thread's ops run; empty: where there is a kernel. False if there is no such device.");
}

}  // namespace thalweg::python
