#include "convert.h"

#include <array>

namespace thalweg::python {
namespace {

/// Objects that live as long as the process: they must not be destroyed after the interpreter.
struct Globals {
  std::array<py::object, kDTypeCount> dtypes;
  py::object error_factory;
};
Globals& globals() {
  static auto* g = new Globals();
  return *g;
}

const char* numpy_name(DType t) {
  switch (t) {
    case DType::string:
    case DType::resource:
    case DType::variant:
      return "object";
    case DType::bfloat16:
      return "uint16";
    case DType::qint8:
      return "int8";
    case DType::quint8:
      return "uint8";
    case DType::qint16:
      return "int16";
    case DType::quint16:
      return "uint16";
    case DType::qint32:
      return "int32";
    default:
      return name_of(t).data();
  }
}

std::string string_from(py::handle item) {
  if (PyBytes_Check(item.ptr())) return item.cast<std::string>();
  if (PyUnicode_Check(item.ptr())) return item.cast<std::string>();  // UTF-8
  throw py::type_error("expected bytes or str, got " + py::repr(item).cast<std::string>());
}

std::vector<py::ssize_t> dims_of(const Tensor& t) { return {t.shape().dims().begin(), t.shape().dims().end()}; }

py::array string_array(const Tensor& t) {
  py::array out(numpy_dtype(t.dtype()), dims_of(t));
  auto** items = static_cast<PyObject**>(out.mutable_data());
  for (int64_t i = 0; i < t.size(); ++i) {
    const std::string& s = t.ptr<std::string>()[i];
    PyObject* old = std::exchange(items[i], PyBytes_FromStringAndSize(s.data(), py::ssize_t(s.size())));
    Py_XDECREF(old);
  }
  return out;
}

template <class T, class F>
std::vector<T> list_of_values(py::handle value, F&& one) {
  std::vector<T> out;
  for (py::handle item : py::cast<py::sequence>(value)) out.push_back(one(item));
  return out;
}

DType dtype_of_handle(py::handle value) {
  if (PyLong_Check(value.ptr())) return DType(value.cast<int>());
  return DType(value.attr("as_datatype_enum").cast<int>());
}

}  // namespace

PyObject* dtype_object(DType t) {
  py::object& d = globals().dtypes[size_t(t)];
  if (!d) d = py::dtype(std::string(numpy_name(t)));
  return d.ptr();
}

py::dtype numpy_dtype(DType t) { return py::reinterpret_borrow<py::dtype>(dtype_object(t)); }

void set_numpy_dtype(DType t, py::dtype dtype) {
  if (size_t(dtype.itemsize()) != size_of(t)) throw py::type_error("set_numpy_dtype: element sizes differ");
  globals().dtypes[size_t(t)].release();  // runners point to it
  globals().dtypes[size_t(t)] = std::move(dtype);
}

DType dtype_from(const py::dtype& d) {
  char kind = d.kind();
  if (kind == 'O' || kind == 'S' || kind == 'U') return DType::string;
  for (DType t : {DType::float32, DType::float64, DType::int32, DType::int64, DType::boolean, DType::uint8,
                  DType::float16, DType::bfloat16, DType::int8, DType::int16, DType::uint16, DType::uint32,
                  DType::uint64, DType::complex64, DType::complex128}) {
    if (t == DType::bfloat16 && numpy_dtype(t).is(py::dtype("uint16"))) continue;
    if (numpy_dtype(t).equal(d)) return t;
  }
  throw py::type_error("no Thalweg dtype for NumPy dtype " + py::str(d).cast<std::string>());
}

Tensor tensor_from(const py::array& a, DType t) {
  std::vector<int64_t> dims(a.shape(), a.shape() + a.ndim());
  Tensor out(t, Shape(std::span<const int64_t>(dims)));
  if (t == DType::variant) throw py::type_error("a variant tensor cannot be made from an array");
  if (t == DType::string) {
    py::list flat = a.attr("ravel")().attr("tolist")();
    for (size_t i = 0; i < flat.size(); ++i) out.ptr<std::string>()[i] = string_from(flat[i]);
    return out;
  }
  py::array same = py::module_::import("numpy").attr("ascontiguousarray")(a, numpy_dtype(t));
  if (out.bytes()) std::memcpy(out.data(), same.data(), out.bytes());
  return out;
}

py::array to_array(const Tensor& t) {
  if (t.dtype() == DType::variant) throw py::type_error("a variant tensor has no value as an array");
  if (t.dtype() == DType::string) return string_array(t);
  py::array out(numpy_dtype(t.dtype()), dims_of(t));
  if (t.bytes()) std::memcpy(out.mutable_data(), t.data(), t.bytes());
  return out;
}

PartialShape shape_from(py::handle shape) {
  if (shape.is_none()) return {};
  std::vector<int64_t> dims;
  for (py::handle d : py::cast<py::sequence>(shape)) dims.push_back(d.is_none() ? kUnknown : d.cast<int64_t>());
  return PartialShape(std::span<const int64_t>(dims));
}

py::object shape_to(const PartialShape& s) {
  if (!s.known_rank()) return py::none();
  py::tuple out{size_t(s.rank())};
  for (int i = 0; i < s.rank(); ++i) out[size_t(i)] = s[i];
  return out;
}

AttrValue attr_from(py::handle value, AttrKind kind) {
  auto text = [](py::handle h) { return string_from(h); };
  switch (kind) {
    case AttrKind::Bool:
      return value.cast<bool>();
    case AttrKind::Int:
      return value.cast<int64_t>();
    case AttrKind::Float:
      return value.cast<float>();
    case AttrKind::String:
      return text(value);
    case AttrKind::Type:
      return dtype_of_handle(value);
    case AttrKind::Shape:
      return shape_from(value);
    case AttrKind::Tensor: {
      auto a = py::cast<py::array>(value);
      return tensor_from(a, dtype_from(a.dtype()));
    }
    case AttrKind::Func:
      return FuncName{text(value)};
    case AttrKind::Ints:
      return list_of_values<int64_t>(value, [](py::handle h) { return h.cast<int64_t>(); });
    case AttrKind::Floats:
      return list_of_values<float>(value, [](py::handle h) { return h.cast<float>(); });
    case AttrKind::Bools:
      return list_of_values<bool>(value, [](py::handle h) { return h.cast<bool>(); });
    case AttrKind::Strings:
      return list_of_values<std::string>(value, text);
    case AttrKind::Types:
      return list_of_values<DType>(value, dtype_of_handle);
    case AttrKind::Shapes:
      return list_of_values<PartialShape>(value, shape_from);
    case AttrKind::Funcs:
      return list_of_values<FuncName>(value, [&](py::handle h) { return FuncName{text(h)}; });
  }
  TW_FAIL(Internal, "unknown attribute kind");
}

AttrValue attr_from(py::handle value) {
  PyObject* o = value.ptr();
  if (PyBool_Check(o)) return value.cast<bool>();
  if (PyLong_Check(o)) return value.cast<int64_t>();
  if (PyFloat_Check(o)) return value.cast<float>();
  if (PyBytes_Check(o) || PyUnicode_Check(o)) return string_from(value);
  return attr_from(value, AttrKind::Strings);
}

py::object attr_to(const AttrValue& v) {
  auto list = [](const auto& items, auto one) {
    py::list out;
    for (const auto& i : items) out.append(one(i));
    return py::object(out);
  };
  switch (kind_of(v)) {
    case AttrKind::Bool:
      return py::bool_(std::get<bool>(v));
    case AttrKind::Int:
      return py::int_(std::get<int64_t>(v));
    case AttrKind::Float:
      return py::float_(std::get<float>(v));
    case AttrKind::String:
      return py::bytes(std::get<std::string>(v));
    case AttrKind::Type:
      return py::int_(int(std::get<DType>(v)));
    case AttrKind::Shape:
      return shape_to(std::get<PartialShape>(v));
    case AttrKind::Tensor:
      return to_array(std::get<Tensor>(v));
    case AttrKind::Func:
      return py::str(std::get<FuncName>(v).name);
    case AttrKind::Ints:
      return list(std::get<Ints>(v), [](int64_t i) { return py::int_(i); });
    case AttrKind::Floats:
      return list(std::get<Floats>(v), [](float f) { return py::float_(f); });
    case AttrKind::Bools:
      return list(std::get<Bools>(v), [](bool b) { return py::bool_(b); });
    case AttrKind::Strings:
      return list(std::get<Strings>(v), [](const std::string& s) { return py::bytes(s); });
    case AttrKind::Types:
      return list(std::get<DTypes>(v), [](DType t) { return py::int_(int(t)); });
    case AttrKind::Shapes:
      return list(std::get<Shapes>(v), [](const PartialShape& s) { return shape_to(s); });
    case AttrKind::Funcs:
      return list(std::get<FuncNames>(v), [](const FuncName& f) { return py::str(f.name); });
  }
  return py::none();
}

Endpoint endpoint_from(const Graph& g, py::handle pair) {
  auto t = py::cast<py::tuple>(pair);
  int id = t[0].cast<int>(), index = t[1].cast<int>();
  if (id < 0 || id >= g.size() || index < 0 || size_t(index) >= g.node(id).outputs().size()) {
    throw py::index_error("no endpoint " + std::to_string(id) + ":" + std::to_string(index));
  }
  return {&g.node(id), index};
}

py::tuple endpoint_to(const Endpoint& e) { return py::make_tuple(e.node->id(), e.index); }

std::vector<Endpoint> endpoints_from(const Graph& g, py::handle list) {
  std::vector<Endpoint> out;
  for (py::handle item : py::cast<py::sequence>(list)) out.push_back(endpoint_from(g, item));
  return out;
}

void set_error_factory(py::object factory) { globals().error_factory = std::move(factory); }

void raise_error(const Error& e, PyObject* graph) {
  if (PyErr_Occurred()) return;
  if (!globals().error_factory) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
    return;
  }
  // Texts may quote strings of any bytes.
  auto text = [](const std::string& s) {
    return py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(s.data(), Py_ssize_t(s.size()), "backslashreplace"));
  };
  py::object made = globals().error_factory(int(e.code()), text(e.message()), text(e.node()));
  if (graph && py::hasattr(made, "_attach")) made.attr("_attach")(py::handle(graph));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
}

}  // namespace thalweg::python
