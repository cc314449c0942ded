// Assignment to variables. Everything is checked before anything is changed.
#include "thalweg/kernels/copy.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/indices.h"
#include "thalweg/kernels/update.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

struct Assign {
  bool validate;
  explicit Assign(const KernelInit& init) : validate(init.attr<bool>("validate_shape")) {}

  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    const Tensor& value = k.in(1);
    std::lock_guard lock(v.mutex);
    if (validate) {
      PartialShape now = v.value ? PartialShape(v.value.shape()) : v.shape;
      TW_CHECK(now.compatible(value.shape()), "Assign requires shapes of both tensors to match. lhs shape= ", now,
               " rhs shape= ", value.shape());
    }
    if (v.value && v.value.unique() && v.value.shape() == value.shape()) {
      copy_elements(k, value, v.value);
      return;
    }
    // The value's own memory may be reused once this step is over: it is copied, not shared.
    Tensor fresh(value.dtype(), value.shape(), k.device());
    copy_elements(k, value, fresh);
    v.value = std::move(fresh);
  }
};

struct Add {
  static auto f(auto a, auto b) { return math::add(a, b); }
};
struct Sub {
  static auto f(auto a, auto b) { return math::sub(a, b); }
};
struct Mul {
  static auto f(auto a, auto b) { return math::mul(a, b); }
};
struct Div {
  static auto f(auto a, auto b) { return math::div(a, b); }
};
struct Min {
  static auto f(auto a, auto b) { return math::min(a, b); }
};
struct Max {
  static auto f(auto a, auto b) { return math::max(a, b); }
};
struct Set {
  static auto f(auto, auto b) { return b; }
};

/// 16-bit floats are combined in float.
template <class Op, class T>
T combine(const T& a, const T& b) {
  if constexpr (std::same_as<T, half> || std::same_as<T, bfloat16>) {
    return T(Op::f(float(a), float(b)));
  } else {
    return Op::f(a, b);
  }
}

template <class Op, class T>
struct AssignUpdate {
  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    std::lock_guard lock(v.mutex);
    Tensor& value = initialized(v);
    TW_CHECK(value.shape() == k.in(1).shape(), "Parameters and update must be the same size");
    Updated<T> u(v);
    const T* d = k.in<T>(1);
    k.parallel_for(value.size(), 0.3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) u.to[i] = combine<Op, T>(u.from[i], d[i]);
    });
    u.commit();
  }
};

struct IsVariableInitialized {
  void operator()(KernelContext& k) const { k.out<bool>(0)[0] = k.variable(0).initialized(); }
};

template <class T>
struct CountUpTo {
  int64_t limit;
  explicit CountUpTo(const KernelInit& init) : limit(init.attr<int64_t>("limit")) {}

  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    std::lock_guard lock(v.mutex);
    Tensor& value = initialized(v);
    TW_CHECK(value.rank() == 0, "input is not a scalar: ", value.shape());
    T now = value.ptr<T>()[0];
    if (now >= limit) TW_FAIL(OutOfRange, "Reached limit of ", limit);
    Updated<T> u(v);
    u.to[0] = T(now + 1);
    u.commit();
    k.out<T>(0)[0] = now;
  }
};

template <class Op, class T>
void combine_row(T* to, const T* d, int64_t n, bool one_value) {
  for (int64_t i = 0; i < n; ++i) to[i] = combine<Op, T>(to[i], d[one_value ? 0 : i]);
}

/// Rows named by indices, in order: repeated indices act one after the other.
template <class Op, class T>
struct Scatter {
  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    Indices at(k.in(1));
    const Tensor& updates = k.in(2);
    std::lock_guard lock(v.mutex);
    Tensor& value = initialized(v);
    TW_CHECK(value.rank() >= 1, "params must be at least 1-D, got shape ", value.shape());
    bool one_value = updates.rank() == 0;
    auto tail = value.shape().dims().subspan(1);
    auto got = updates.shape().dims();
    bool fits = one_value || (got.size() == size_t(at.shape.rank()) + tail.size() &&
                              std::equal(at.shape.dims().begin(), at.shape.dims().end(), got.begin()) &&
                              std::equal(tail.begin(), tail.end(), got.begin() + at.shape.rank()));
    TW_CHECK(fits,
             "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape ",
             updates.shape(), ", indices.shape ", at.shape, ", params.shape ", value.shape());
    int64_t rows = value.dim(0), inner = value.shape().size(1, value.rank());
    const T* d = updates.ptr<T>();
    for (int64_t i = 0; i < at.size; ++i) {
      TW_CHECK(at[i] >= 0 && at[i] < rows, "indices", position(at.shape, i), " = ", at[i], " is not in [0, ", rows,
               ")");
      if constexpr (std::same_as<Op, Div> && std::is_integral_v<T>) {
        const T* row = d + (one_value ? 0 : i * inner);
        TW_CHECK(std::find(row, row + (one_value ? 1 : inner), T(0)) == row + (one_value ? 1 : inner),
                 "Integer division by zero");
      }
    }
    Updated<T> u(v);
    u.copy_rest();
    for (int64_t i = 0; i < at.size; ++i) {
      combine_row<Op>(u.to + at[i] * inner, d + (one_value ? 0 : i * inner), inner, one_value);
    }
    u.commit();
  }

  /// "[1,2]": the place of flat index i.
  static std::string position(const Shape& shape, int64_t i) {
    if (shape.rank() == 0) return "";
    Shape place = shape;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      place.set(axis, i % shape[axis]);
      i /= shape[axis];
    }
    return place.to_string();
  }
};

/// Slices named by index tuples (the last axis of `indices`).
template <class Op, class T>
struct ScatterNd {
  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    Indices at(k.in(1));
    const Tensor& updates = k.in(2);
    std::lock_guard lock(v.mutex);
    const Shape shape = initialized(v).shape();
    TW_CHECK(shape.rank() >= 1 && at.shape.rank() >= 1,
             "ScatterNd: output and indices must be at least 1-D, got shapes ", shape, " and ", at.shape);
    int64_t depth = at.shape[-1];
    TW_CHECK(depth <= shape.rank(), "ScatterNd: indices have ", depth, " components, the variable has shape ", shape);
    Shape want;
    for (int i = 0; i < at.shape.rank() - 1; ++i) want.push_back(at.shape[i]);
    int64_t count = want.size(), inner = shape.size(int(depth), shape.rank());
    for (int i = int(depth); i < shape.rank(); ++i) want.push_back(shape[i]);
    TW_CHECK(updates.shape() == want, "ScatterNd: updates must have shape ", want, ", got ", updates.shape());
    auto offset = [&](int64_t n) {
      int64_t o = 0;
      for (int i = 0; i < depth; ++i) {
        int64_t x = at[n * depth + i];
        TW_CHECK(x >= 0 && x < shape[i], "indices[", n, "] = ", tuple(at, n, depth), " does not index into shape ",
                 shape);
        o = o * shape[i] + x;
      }
      return o * inner;
    };
    for (int64_t n = 0; n < count; ++n) offset(n);
    Updated<T> u(v);
    u.copy_rest();
    for (int64_t n = 0; n < count; ++n) combine_row<Op>(u.to + offset(n), updates.ptr<T>() + n * inner, inner, false);
    u.commit();
  }

  static std::string tuple(const Indices& at, int64_t n, int64_t depth) {
    std::string out;
    for (int64_t i = 0; i < depth; ++i) out += str(i ? ", " : "", at[n * depth + i]);
    return str("[", out, "]");
  }
};

/// K<Op, T> for every T of a set.
template <template <class, class> class K, class Op, DTypeSet set>
void add(KernelRegistry& r, std::string_view name) {
  for_each_dtype<set>([&]<class T>() {
    KernelEntry& e = r.add<K<Op, T>>(name, kCpu);
    e.type_attr = std::string("T");
    e.dtype = dtype_of<T>;
  });
}

}  // namespace

void register_state(KernelRegistry& r) {
  r.add<Assign>("Assign", kCpu);
  r.add<IsVariableInitialized>("IsVariableInitialized", kCpu);
  r.add_all<CountUpTo, kIndex>("CountUpTo", kCpu);
  add<AssignUpdate, Add, kNumeric>(r, "AssignAdd");
  add<AssignUpdate, Sub, kNumeric>(r, "AssignSub");
  constexpr DTypeSet kRows = kNumeric | kBool | kString, kOrdered = kFloating | kIndex;
  add<Scatter, Set, kRows>(r, "ScatterUpdate");
  add<Scatter, Add, kNumeric>(r, "ScatterAdd");
  add<Scatter, Sub, kNumeric>(r, "ScatterSub");
  add<Scatter, Mul, kNumeric>(r, "ScatterMul");
  add<Scatter, Div, kNumeric>(r, "ScatterDiv");
  add<Scatter, Min, kOrdered>(r, "ScatterMin");
  add<Scatter, Max, kOrdered>(r, "ScatterMax");
  add<ScatterNd, Set, kRows>(r, "ScatterNdUpdate");
  add<ScatterNd, Add, kNumeric>(r, "ScatterNdAdd");
  add<ScatterNd, Sub, kNumeric>(r, "ScatterNdSub");
}

}  // namespace thalweg::kernels
