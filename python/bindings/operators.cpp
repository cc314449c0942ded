// Python's operators on tensors that have a value, and subscripts: the op is found without looking at names.
#include <Python.h>

#include <array>
#include <map>

#include "eager_ops.h"
#include "library.h"
#include "mode.h"
#include "number.h"
#include "runner.h"

namespace thalweg::python {
namespace {

template <class T>
bool scalar_number(PyObject* v, Tensor* out) {
  T value;
  if (!number(v, &value)) return false;
  *out = Tensor::scalar(value);
  return true;
}

/// A Python number as a scalar of a known type; false where Python has to look.
bool scalar_of(PyObject* v, DType t, Tensor* out) {
  switch (t) {
    case DType::float32:
      return scalar_number<float>(v, out);
    case DType::float64:
      return scalar_number<double>(v, out);
    case DType::int32:
      return scalar_number<int32_t>(v, out);
    case DType::int64:
      return scalar_number<int64_t>(v, out);
    default:
      return false;
  }
}

constexpr const char* kOperators[] = {"AddV2", "Sub",      "Mul",  "RealDiv",   "FloorDiv", "FloorMod",
                                      "Pow",   "MatMul",   "Less", "LessEqual", "Greater",  "GreaterEqual",
                                      "Equal", "NotEqual", "Neg",  "Abs"};
static_assert(std::size(kOperators) == size_t(Operator::Count));

struct OperatorTable {
  std::array<std::array<std::shared_ptr<EagerOp>, kDTypeCount>, size_t(Operator::Count)> ops;
};

const std::shared_ptr<EagerOp>* operator_op(Operator op, DType t, size_t inputs) {
  static auto* table = new OperatorTable();
  std::shared_ptr<EagerOp>& found = table->ops[size_t(op)][size_t(t)];
  if (!found) {
    std::array<DType, 2> dtypes{t, t};
    try {
      found = std::make_shared<EagerOp>(library(), library().ops.get(kOperators[size_t(op)]), Attrs(),
                                        std::span(dtypes).first(inputs), cpu_device());
    } catch (const Error&) {
      return nullptr;  // Python says why
    }
  }
  return &found;
}

/// Runs an op of one result and records it. The operands may be let go of by others meanwhile.
template <size_t n>
PyObject* run(const std::shared_ptr<EagerOp>& op, const std::array<const Tensor*, n>& in,
              const std::array<int64_t, n>& ids) {
  Tensor out;
  size_t bytes = 0;
  for (const Tensor* t : in) bytes += t->bytes();
  if (bytes >= kLongBytes) {
    std::array<Tensor, n> kept;
    std::array<const Tensor*, n> at;
    for (size_t i = 0; i < n; ++i) at[i] = &(kept[i] = *in[i]);
    run_op(*op, at.data(), nullptr, &out, true);
  } else {
    run_op(*op, in.data(), nullptr, &out, false);
  }
  if (active_tapes().empty()) return new_eager_tensor(std::move(out));
  std::array<Value, n> values;
  for (size_t i = 0; i < n; ++i) values[i] = {*in[i], ids[i]};
  Value result{std::move(out), 0};
  record_op(op, values, {&result, 1});
  return new_eager_tensor(std::move(result));
}

bool broadcasts(const Shape& a, const Shape& b) {
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    int64_t m = a[a.rank() - i], n = b[b.rank() - i];
    if (m != n && m != 1 && n != 1) return false;
  }
  return true;
}

// --- subscripts

constexpr size_t kMostParts = 16;

struct Slices {
  std::array<int32_t, kMostParts> begin{}, end{}, strides{};
  size_t parts = 0;
  struct Masks {
    uint32_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink = 0;
    auto operator<=>(const Masks&) const = default;
  } masks;

  /// False where Python has to look.
  bool add(PyObject* p) {
    if (parts == kMostParts) return false;
    uint32_t bit = 1u << parts;
    int32_t &b = begin[parts], &e = end[parts], &s = strides[parts];
    b = e = 0;
    s = 1;
    ++parts;
    if (PySlice_Check(p)) {
      auto* slice = reinterpret_cast<PySliceObject*>(p);
      if (slice->start == Py_None) masks.begin |= bit;
      if (slice->stop == Py_None) masks.end |= bit;
      return bound(slice->start, &b) && bound(slice->stop, &e) && bound(slice->step, &s);
    }
    if (p == Py_Ellipsis) {
      masks.ellipsis |= bit;
      return true;
    }
    if (p == Py_None) {
      masks.new_axis |= bit;
      return true;
    }
    if (!PyLong_CheckExact(p) || !bound(p, &b) || b == std::numeric_limits<int32_t>::max()) return false;
    e = b + 1;
    masks.shrink |= bit;
    return true;
  }

  Tensor vector(const std::array<int32_t, kMostParts>& values) const {
    Tensor t(DType::int32, Shape{int64_t(parts)});
    std::copy_n(values.begin(), parts, t.ptr<int32_t>());
    return t;
  }

 private:
  static bool bound(PyObject* p, int32_t* to) {
    if (p == Py_None) return true;
    if (!PyLong_CheckExact(p)) return false;
    int overflow = 0;
    long v = PyLong_AsLongAndOverflow(p, &overflow);
    *to = int32_t(v);
    return !overflow && *to == v;
  }
};

std::shared_ptr<EagerOp> slice_op(DType t, const Slices::Masks& m) {
  static auto* made = new std::map<std::pair<DType, Slices::Masks>, std::shared_ptr<EagerOp>>();
  auto it = made->find({t, m});
  if (it != made->end()) return it->second;
  if (made->size() >= 512) made->clear();
  Attrs attrs{{"begin_mask", int64_t(m.begin)},
              {"end_mask", int64_t(m.end)},
              {"ellipsis_mask", int64_t(m.ellipsis)},
              {"new_axis_mask", int64_t(m.new_axis)},
              {"shrink_axis_mask", int64_t(m.shrink)}};
  std::array<DType, 4> dtypes{t, DType::int32, DType::int32, DType::int32};
  auto op =
      std::make_shared<EagerOp>(library(), library().ops.get("StridedSlice"), std::move(attrs), dtypes, cpu_device());
  made->emplace(std::pair(t, m), op);
  return op;
}

}  // namespace

PyObject* binary(Operator op, PyObject* a, PyObject* b) {
  if (!executing_eagerly() || has_eager_device()) return nullptr;
  bool ta = is_eager_tensor(a), tb = is_eager_tensor(b);
  Tensor scalar;
  DType t = ta ? eager(a).tensor.dtype() : tb ? eager(b).tensor.dtype() : DType::invalid;
  if (ta && tb) {
    if (eager(b).tensor.dtype() != t) return nullptr;
  } else if (!(ta ? scalar_of(b, t, &scalar) : tb && scalar_of(a, t, &scalar))) {
    return nullptr;
  }
  if (op == Operator::Div && !kInexact.has(t)) return nullptr;
  const Tensor& l = ta ? eager(a).tensor : scalar;
  const Tensor& r = tb ? eager(b).tensor : scalar;
  if (op == Operator::MatMul && (l.rank() != 2 || r.rank() != 2)) return nullptr;
  bool equality = op == Operator::Equal || op == Operator::NotEqual;
  if (equality ? !broadcasts(l.shape(), r.shape()) : !kNumeric.has(t)) return nullptr;
  return guarded([&]() -> PyObject* {
    const std::shared_ptr<EagerOp>* found = operator_op(op, t, 2);
    if (!found) return nullptr;
    return run<2>(*found, {&l, &r}, {ta ? eager(a).id : 0, tb ? eager(b).id : 0});
  });
}

PyObject* unary(Operator op, PyObject* a) {
  if (!executing_eagerly() || has_eager_device() || !is_eager_tensor(a)) return nullptr;
  const Tensor& x = eager(a).tensor;
  if (op == Operator::Abs && kComplex.has(x.dtype())) return nullptr;
  return guarded([&]() -> PyObject* {
    const std::shared_ptr<EagerOp>* found = operator_op(op, x.dtype(), 1);
    if (!found) return nullptr;
    return run<1>(*found, {&x}, {eager(a).id});
  });
}

PyObject* subscript(PyObject* tensor, PyObject* key) {
  if (!executing_eagerly() || has_eager_device() || !is_eager_tensor(tensor)) return nullptr;
  Slices s;
  if (PyTuple_CheckExact(key)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) {
      if (!s.add(PyTuple_GET_ITEM(key, i))) return nullptr;
    }
  } else if (!s.add(key)) {
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    const Tensor& x = eager(tensor).tensor;
    Tensor begin = s.vector(s.begin), end = s.vector(s.end), strides = s.vector(s.strides);
    return run<4>(slice_op(x.dtype(), s.masks), {&x, &begin, &end, &strides}, {eager(tensor).id, 0, 0, 0});
  });
}

}  // namespace thalweg::python
