// Optimizer steps: Apply checks, locks and runs a rule of rules.h over whole variables in one pass.
#include "thalweg/kernels/rules.h"

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/update.h"

namespace thalweg::kernels {
namespace {

template <class Rule, class T>
struct Apply {
  using C = Compute<T>;
  static constexpr int kVars = Rule::kVars, kGrad = Rule::kGrad, kMaxInputs = 10;
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
    std::array<C, kMaxInputs> s{};
    for (int i = kVars; i < k.inputs(); ++i) {
      if (i == kGrad) continue;
      TW_CHECK(k.in(i).rank() == 0, names[size_t(i)], " is not a scalar: ", k.in(i).shape());
      s[size_t(i)] = C(k.in<T>(i)[0]);
    }
    auto step = rule.step(s);
    const T* g = k.in<T>(kGrad);
    [&]<size_t... I>(std::index_sequence<I...>) {
      std::array<Updated<T>, sizeof...(I)> u{Updated<T>(k.variable(int(I)))...};
      k.parallel_for(shape.size(), kVars * 0.5, [&](int64_t begin, int64_t end) { run(u, g, step, begin, end); });
      (u[I].commit(), ...);
    }(std::make_index_sequence<size_t(kVars)>());
  }

 private:
  void check_shape(const Shape& var, int i, const Shape& other) const {
    TW_CHECK(var == other, names[0], " and ", names[size_t(i)], " do not have the same shape", var, " ", other);
  }

  static void run(std::array<Updated<T>, size_t(kVars)>& u, const T* g, const auto& step, int64_t begin, int64_t end) {
    std::array<const T*, size_t(kVars)> from;
    std::array<T*, size_t(kVars)> to;
    for (size_t v = 0; v < size_t(kVars); ++v) {
      from[v] = u[v].from;
      to[v] = u[v].to;
    }
    // Elements do not depend on one another even where `from` and `to` are one memory.
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      C x[size_t(kVars)];
      for (size_t v = 0; v < size_t(kVars); ++v) x[v] = C(from[v][i]);
      step(x, C(g[i]));
      for (size_t v = 0; v < size_t(kVars); ++v) to[v][i] = T(x[v]);
    }
  }
};

}  // namespace

void register_training(KernelRegistry& r) {
  rules::for_each_rule([&]<class Rule>(std::string_view op) {
    for_each_dtype<kFloating>([&]<class T>() {
      KernelEntry& e = r.add<Apply<Rule, T>>(op, kCpu);
      e.type_attr = std::string("T");
      e.dtype = dtype_of<T>;
    });
  });
}

}  // namespace thalweg::kernels
