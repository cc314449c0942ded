#include "eager_ops.h"

#include <Python.h>
#include <structmember.h>

#include <array>
#include <string>
#include <unordered_map>

#include "library.h"
#include "mode.h"
#include "numbers.h"
#include "runner.h"
#include "tape.h"
#include "thalweg/core/device.h"
#include "unlocked.h"
#include "value_key.h"

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

// --- which op

struct Op {
  const OpDef* def = nullptr;
  uint32_t number = 0;
  std::vector<PyObject*> names;  // interned: of inputs, then of attributes
  std::vector<DType> preferred;  // by input: the default of its type attribute
};

DType default_type(const OpDef& def, const ArgDef& arg) {
  for (const AttrDef& a : def.attrs) {
    if (a.name == arg.type_attr && a.fallback && std::holds_alternative<DType>(*a.fallback)) {
      return std::get<DType>(*a.fallback);
    }
  }
  return DType::invalid;
}

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
    for (const ArgDef& a : def.inputs) {
      op->names.push_back(PyUnicode_InternFromString(a.name.c_str()));
      op->preferred.push_back(default_type(def, a));
    }
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

Value converted(const Op& op, size_t input, PyObject* o, DType known) {
  if (is_eager_tensor(o)) return {eager(o).tensor, eager(o).id};
  if (is_variable_object(o)) return read(variable(o));
  Tensor t;
  if (tensor_from_numbers(o, known, op.preferred[input], &t)) return {std::move(t), 0};
  const ArgDef& arg = op.def->inputs[input];
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
      DType t = dtype_from_object(v);
      if (t == DType::invalid) t = DType(face().attr(def.name, def.attrs[i].name, "type", py::handle(v)).cast<int>());
      set(def.attrs[i].name, t);
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

void gather_list(const Op& op, size_t input, PyObject* o, Types& types, Inputs& in) {
  const ArgDef& arg = op.def->inputs[input];
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
    in.add(converted(op, input, item.ptr(), known));
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
      gather_list(op, i, o, types, in);
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
      in.add(converted(op, i, o, known));
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
bool encode(PyObject* o, std::string& key, int depth = 0) {
  if (append_plain(key, o)) return true;
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) {
    if (depth == kDeepestKey) return false;
    append_raw(key, 'l', PySequence_Fast_GET_SIZE(o));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      if (!encode(PySequence_Fast_GET_ITEM(o, i), key, depth + 1)) return false;
    }
    return true;
  }
  DType t = dtype_from_object(o);
  if (t == DType::invalid) return false;
  append_raw(key, 'y', char(t));
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

[[noreturn]] void not_allowed(const AttrDef& attr, const std::string& given, const std::vector<std::string>& allowed) {
  std::string list;
  for (const std::string& v : allowed) list += str(list.empty() ? "" : ", ", v);
  TW_FAIL(InvalidArgument, "Value for attr '", attr.name, "' of ", given,
          " is not in the list of allowed values: ", list);
}

void check_attr(const AttrDef& attr, const AttrValue& value) {
  std::vector<std::string> allowed;
  if (const DType* t = std::get_if<DType>(&value)) {
    if (attr.allowed.empty() || attr.allowed.has(*t)) return;
    for (int i = 1; i < kDTypeCount; ++i) {
      if (attr.allowed.has(DType(i))) allowed.emplace_back(short_name_of(DType(i)));
    }
    not_allowed(attr, std::string(short_name_of(*t)), allowed);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    if (attr.choices.empty() || std::ranges::find(attr.choices, *text) != attr.choices.end()) return;
    for (const std::string& c : attr.choices) allowed.push_back(str('"', c, '"'));
    not_allowed(attr, str('"', *text, '"'), allowed);
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
          for (const AttrDef& attr : op.def->attrs) {
            if (attr.name == arg.type_attr) check_attr(attr, got);
          }
          continue;
        }
        want = it->second;
      }
      TW_CHECK(got == want, "cannot compute ", op.def->name, " as input #", i, "(zero-based) was expected to be a ",
               short_name_of(want), " tensor but is a ", short_name_of(got), " tensor");
    }
  }
}

/// What is given for an attribute; none where its default is asked for.
std::optional<AttrValue> attr_of(const OpDef& def, const AttrDef& a, const py::object& given) {
  if (!given) return std::nullopt;
  if (given.is_none() && a.kind != AttrKind::Shape && (a.fallback || a.inferred)) return std::nullopt;
  AttrValue value = attr_from(face().attr(def.name, a.name, std::string(name_of(a.kind)), given), a.kind);
  check_attr(a, value);
  return value;
}

std::shared_ptr<EagerOp> make_checked(const Op& op, const Inputs& in, std::span<const py::object> attrs) {
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
    if (auto value = attr_of(def, def.attrs[i], attrs[i])) given.set(def.attrs[i].name, std::move(*value));
  }
  return std::make_shared<EagerOp>(library(), def, std::move(given), dtypes, eager_device());
}

std::shared_ptr<EagerOp> make(const Op& op, const Inputs& in, std::span<const py::object> attrs) {
  try {
    return make_checked(op, in, attrs);
  } catch (const Error& e) {
    Code code = e.code() == Code::TypeError ? Code::InvalidArgument : e.code();
    throw Error(code, str(e.message(), " [Op:", op.def->name, "]"));
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
  bool unlocked = takes_long(in.values) || op.def->is_stateful || made->last_bytes() >= kLongBytes;
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

}  // namespace

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

bool has_eager_device() { return t_device; }
Device& eager_device() { return t_device ? *t_device : cpu_device(); }

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
  m.def(
      "tensor_from_numbers",
      [](py::handle value, int dtype, int preferred) -> py::object {
        Tensor t;
        if (!tensor_from_numbers(value.ptr(), DType(dtype), DType(preferred), &t)) return py::none();
        auto made = py::reinterpret_steal<py::object>(new_eager_tensor(std::move(t)));
        if (!made) throw py::error_already_set();
        return made;
      },
      "A number, or lists of numbers, as a tensor: of a type, or (0) of a preferred type if all fit, else of their "
      "own. "
      "None where NumPy has to look.");
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
