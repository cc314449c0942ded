// Optimizer steps. A rule states its arithmetic for one element; Apply checks, locks and runs it over whole variables in
// one pass.
#include <cmath>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/update.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

bool flag(const KernelInit& init, std::string_view name) { return init.attrs.get_or<bool>(name, false); }

// A rule has kVars variables (x[0] is the one that is trained), the position kGrad of the gradient among the inputs, and
// step(s, x, g): s holds the op's inputs by position as scalars.

struct GradientDescent {
  static constexpr int kVars = 1, kGrad = 2;
  explicit GradientDescent(const KernelInit&) {}
  auto step(auto s) const {
    return [alpha = s[1]](auto& x, auto g) { x[0] -= alpha * g; };
  }
};

struct Momentum {
  static constexpr int kVars = 2, kGrad = 3;
  bool nesterov;
  explicit Momentum(const KernelInit& init) : nesterov(flag(init, "use_nesterov")) {}
  auto step(auto s) const {
    return [lr = s[2], momentum = s[4], nesterov = nesterov](auto& x, auto g) {
      x[1] = x[1] * momentum + g;
      x[0] -= nesterov ? g * lr + x[1] * momentum * lr : x[1] * lr;
    };
  }
};

struct Adam {
  static constexpr int kVars = 3, kGrad = 9;
  bool nesterov;
  explicit Adam(const KernelInit& init) : nesterov(flag(init, "use_nesterov")) {}
  auto step(auto s) const {
    auto alpha = s[5] * std::sqrt(1 - s[4]) / (1 - s[3]);
    return [alpha, b1 = s[6], b2 = s[7], epsilon = s[8], nesterov = nesterov](auto& x, auto g) {
      x[1] += (g - x[1]) * (1 - b1);
      x[2] += (g * g - x[2]) * (1 - b2);
      auto direction = nesterov ? g * (1 - b1) + b1 * x[1] : x[1];
      x[0] -= alpha * direction / (std::sqrt(x[2]) + epsilon);
    };
  }
};

struct AdaMax {
  static constexpr int kVars = 3, kGrad = 8;
  explicit AdaMax(const KernelInit&) {}
  auto step(auto s) const {
    return [rate = s[4] / (1 - s[3]), b1 = s[5], b2 = s[6], epsilon = s[7]](auto& x, auto g) {
      x[1] += (g - x[1]) * (1 - b1);
      x[2] = math::max(b2 * x[2], std::abs(g));
      x[0] -= rate * (x[1] / (x[2] + epsilon));
    };
  }
};

struct Adagrad {
  static constexpr int kVars = 2, kGrad = 3;
  bool update_slots;
  explicit Adagrad(const KernelInit& init) : update_slots(flag(init, "update_slots")) {}
  auto step(auto s) const {
    return [lr = s[2], update = update_slots](auto& x, auto g) {
      if (update) x[1] += g * g;
      x[0] -= g * lr / std::sqrt(x[1]);
    };
  }
};

struct AdagradV2 {
  static constexpr int kVars = 2, kGrad = 4;
  bool update_slots;
  explicit AdagradV2(const KernelInit& init) : update_slots(flag(init, "update_slots")) {}
  auto step(auto s) const {
    return [lr = s[2], epsilon = s[3], update = update_slots](auto& x, auto g) {
      if (update) x[1] += g * g;
      x[0] -= g * lr / (std::sqrt(x[1]) + epsilon);
    };
  }
};

struct RMSProp {
  static constexpr int kVars = 3, kGrad = 7;
  explicit RMSProp(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[3], rho = s[4], momentum = s[5], epsilon = s[6]](auto& x, auto g) {
      x[1] += (g * g - x[1]) * (1 - rho);
      x[2] = x[2] * momentum + g * lr / std::sqrt(x[1] + epsilon);
      x[0] -= x[2];
    };
  }
};

struct CenteredRMSProp {
  static constexpr int kVars = 4, kGrad = 8;
  explicit CenteredRMSProp(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[4], rho = s[5], momentum = s[6], epsilon = s[7]](auto& x, auto g) {
      x[2] += (g * g - x[2]) * (1 - rho);
      x[1] += (g - x[1]) * (1 - rho);
      auto variance = x[2] - x[1] * x[1] + epsilon;
      x[3] = x[3] * momentum + g * lr / std::sqrt(variance);
      x[0] -= x[3];
    };
  }
};

struct Adadelta {
  static constexpr int kVars = 3, kGrad = 6;
  explicit Adadelta(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[3], rho = s[4], epsilon = s[5]](auto& x, auto g) {
      x[1] = x[1] * rho + g * g * (1 - rho);
      auto update = std::sqrt(x[2] + epsilon) / std::sqrt(x[1] + epsilon) * g;
      x[0] -= update * lr;
      x[2] = x[2] * rho + update * update * (1 - rho);
    };
  }
};

/// x to the power of -p; the default p = -0.5 is a root.
auto inverse_power(auto x, auto p) { return p == -0.5f ? std::sqrt(x) : std::pow(x, -p); }

/// Follow the regularized leader; V2 has an L2 term on the gradient's side.
template <bool V2>
struct Ftrl {
  static constexpr int kVars = 3, kGrad = 3;
  bool times_lr;
  explicit Ftrl(const KernelInit& init) : times_lr(flag(init, "multiply_linear_by_lr")) {}
  auto step(auto s) const {
    using C = std::remove_cvref_t<decltype(s[0])>;
    C shrinkage = V2 ? s[7] : C(0), power = V2 ? s[8] : s[7];
    return [lr = s[4], l1 = s[5], l2 = s[6], shrinkage, power, times_lr = times_lr](auto& x, auto g) {
      C shrunk = V2 ? g + 2 * shrinkage * x[0] : g;
      C accum = x[1] + g * g;
      C before = inverse_power(x[1], power), after = inverse_power(accum, power);
      C scale = times_lr ? C(1) : lr, factor = times_lr ? lr : C(1);
      x[2] += shrunk * factor - (after - before) / scale * x[0];
      C bound = l1 * factor, quadratic = after / scale + 2 * l2 * factor;
      C clipped = x[2] > bound ? bound : x[2] < -bound ? -bound : x[2];
      x[0] = std::abs(x[2]) > bound ? (clipped - x[2]) / quadratic : C(0);
      x[1] = accum;
    };
  }
};

/// Shrinks towards zero by l1 * lr, then by the factor 1 + l2 * lr.
auto shrink(auto x, auto lr, auto l1, auto l2) {
  using C = decltype(x);
  C magnitude = l1 > 0 ? math::max(std::abs(x) - lr * l1, C(0)) : std::abs(x);
  return std::copysign(x == 0 ? C(0) : magnitude, x) / (1 + l2 * lr);
}

struct ProximalGradientDescent {
  static constexpr int kVars = 1, kGrad = 4;
  explicit ProximalGradientDescent(const KernelInit&) {}
  auto step(auto s) const {
    return [alpha = s[1], l1 = s[2], l2 = s[3]](auto& x, auto g) { x[0] = shrink(x[0] - g * alpha, alpha, l1, l2); };
  }
};

struct ProximalAdagrad {
  static constexpr int kVars = 2, kGrad = 5;
  explicit ProximalAdagrad(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[2], l1 = s[3], l2 = s[4]](auto& x, auto g) {
      x[1] += g * g;
      auto rate = lr / std::sqrt(x[1]);
      x[0] = shrink(x[0] - g * rate, rate, l1, l2);
    };
  }
};

struct PowerSign {
  static constexpr int kVars = 2, kGrad = 6;
  explicit PowerSign(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[2], logbase = s[3], decay = s[4], beta = s[5]](auto& x, auto g) {
      x[1] = x[1] * beta + g * (1 - beta);
      x[0] -= lr * std::exp(logbase * decay * math::sign(g) * math::sign(x[1])) * g;
    };
  }
};

struct AddSign {
  static constexpr int kVars = 2, kGrad = 6;
  explicit AddSign(const KernelInit&) {}
  auto step(auto s) const {
    return [lr = s[2], alpha = s[3], decay = s[4], beta = s[5]](auto& x, auto g) {
      x[1] = x[1] * beta + g * (1 - beta);
      x[0] -= lr * (alpha + decay * math::sign(g) * math::sign(x[1])) * g;
    };
  }
};

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

template <class Rule>
void add(KernelRegistry& r, std::string_view op) {
  for_each_dtype<kFloating>([&]<class T>() {
    KernelEntry& e = r.add<Apply<Rule, T>>(op, kCpu);
    e.type_attr = std::string("T");
    e.dtype = dtype_of<T>;
  });
}

}  // namespace

void register_training(KernelRegistry& r) {
  add<GradientDescent>(r, "ApplyGradientDescent");
  add<Momentum>(r, "ApplyMomentum");
  add<Adam>(r, "ApplyAdam");
  add<AdaMax>(r, "ApplyAdaMax");
  add<Adagrad>(r, "ApplyAdagrad");
  add<AdagradV2>(r, "ApplyAdagradV2");
  add<RMSProp>(r, "ApplyRMSProp");
  add<CenteredRMSProp>(r, "ApplyCenteredRMSProp");
  add<Adadelta>(r, "ApplyAdadelta");
  add<Ftrl<false>>(r, "ApplyFtrl");
  add<Ftrl<true>>(r, "ApplyFtrlV2");
  add<ProximalGradientDescent>(r, "ApplyProximalGradientDescent");
  add<ProximalAdagrad>(r, "ApplyProximalAdagrad");
  add<PowerSign>(r, "ApplyPowerSign");
  add<AddSign>(r, "ApplyAddSign");
}

}  // namespace thalweg::kernels
