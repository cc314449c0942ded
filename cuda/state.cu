// Variables on the GPU: assignment, and optimizer steps from the rules that the CPU uses. Streams order device work, so
// a variable's lock is held while work is given to the stream, not while it runs.
#include "cuda/families.h"
#include "cuda/launch.h"
#include "cuda/types.h"
#include "thalweg/kernels/rules.h"
#include "thalweg/kernels/update.h"

namespace thalweg::cuda {
namespace {

using kernels::initialized;
using kernels::Updated;
using kernels::VariableLocks;

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
    if (!v.value || !v.value.unique() || v.value.shape() != value.shape()) {
      v.value = Tensor(value.dtype(), value.shape(), k.device());
    }
    k.device().copy(v.value.data(), value.data(), value.bytes());
  }
};

struct IsVariableInitialized {
  void operator()(KernelContext& k) const {
    bool value = k.variable(0).initialized();
    k.device().copy_from_host(k.out(0).data(), &value, sizeof value);
  }
};

template <class T, bool subtract>
__global__ void update(const T* from, const T* d, T* to, int64_t n) {
  using A = Compute<T>;
  for (int64_t i : Elements(n)) to[i] = T(subtract ? math::sub(A(from[i]), A(d[i])) : math::add(A(from[i]), A(d[i])));
}

template <class T, bool subtract>
struct AssignUpdate {
  void operator()(KernelContext& k) const {
    Variable& v = k.variable(0);
    std::lock_guard lock(v.mutex);
    Tensor& value = initialized(v);
    TW_CHECK(value.shape() == k.in(1).shape(), "Parameters and update must be the same size");
    if (value.size() == 0) return;
    Updated<T> u(v);
    launch(k, update<T, subtract>, grid_for(value.size()), u.from, k.in<T>(1), u.to, value.size());
    u.commit();
  }
};

constexpr int kMaxInputs = 10, kMaxVars = 4;

/// The memory of an optimizer step. Scalars stay on the device: every thread reads them there.
template <class T>
struct Step {
  const T* scalars[kMaxInputs];  // by input; null where the input is none
  const T* from[kMaxVars];
  T* to[kMaxVars];
  const T* gradient;
};

template <class Rule, class T>
__global__ void apply(Rule rule, Step<T> s, int64_t n) {
  using A = Compute<T>;
  A scalars[kMaxInputs];
  for (int i = 0; i < kMaxInputs; ++i) scalars[i] = s.scalars[i] ? A(*s.scalars[i]) : A(0);
  auto step = rule.step(scalars);
  for (int64_t i : Elements(n)) {
    A x[Rule::kVars];
    for (int v = 0; v < Rule::kVars; ++v) x[v] = A(s.from[v][i]);
    step(x, A(s.gradient[i]));
    for (int v = 0; v < Rule::kVars; ++v) s.to[v][i] = T(x[v]);
  }
}

template <class Rule, class T>
struct Apply {
  static constexpr int kVars = Rule::kVars, kGrad = Rule::kGrad;
  static_assert(kVars <= kMaxVars);
  Rule rule;
  std::vector<std::string> names;

  explicit Apply(const KernelInit& init) : rule(init) {
    for (const ArgDef& a : init.op.inputs) names.push_back(a.name);
    TW_ASSERT(names.size() <= size_t(kMaxInputs));
  }

  void operator()(KernelContext& k) const {
    VariableLocks locks(k, kVars);
    for (int i = 0; i < kVars; ++i) initialized(k.variable(i));
    const Shape shape = k.variable(0).value.shape();
    for (int i = 1; i < kVars; ++i) check_shape(shape, i, k.variable(i).value.shape());
    check_shape(shape, kGrad, k.in(kGrad).shape());
    Step<T> s{};
    for (int i = kVars; i < k.inputs(); ++i) {
      if (i == kGrad) continue;
      TW_CHECK(k.in(i).rank() == 0, names[size_t(i)], " is not a scalar: ", k.in(i).shape());
      s.scalars[i] = k.in<T>(i);
    }
    if (shape.size() == 0) return;
    s.gradient = k.in<T>(kGrad);
    std::vector<Updated<T>> updates;
    updates.reserve(size_t(kVars));
    for (int i = 0; i < kVars; ++i) {
      const Updated<T>& u = updates.emplace_back(k.variable(i));
      s.from[i] = u.from;
      s.to[i] = u.to;
    }
    launch(k, apply<Rule, T>, grid_for(shape.size()), rule, s, shape.size());
    for (Updated<T>& u : updates) u.commit();
  }

 private:
  void check_shape(const Shape& var, int i, const Shape& other) const {
    TW_CHECK(var == other, names[0], " and ", names[size_t(i)], " do not have the same shape", var, " ", other);
  }
};

}  // namespace

void register_state(KernelRegistry& r) {
  constexpr DTypeSet kMoved = kNumeric | kBool;
  for_each_dtype<kMoved>([&]<class T>() { register_kernel<Assign, T>(r, "Assign"); });
  r.add<IsVariableInitialized>("IsVariableInitialized", kGpu);
  for_each_dtype<kTypes>([&]<class T>() {
    register_kernel<AssignUpdate<T, false>, T>(r, "AssignAdd");
    register_kernel<AssignUpdate<T, true>, T>(r, "AssignSub");
  });
  kernels::rules::for_each_rule([&]<class Rule>(std::string_view op) {
    for_each_dtype<kFloating>([&]<class T>() { register_kernel<Apply<Rule, T>, T>(r, op); });
  });
}

}  // namespace thalweg::cuda
