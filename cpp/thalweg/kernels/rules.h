// The arithmetic of optimizer steps for one element, on CPU and GPU. training.cpp (and its twin in cuda/) check, lock
// and run a rule over whole variables in one pass.
#pragma once

#include <cmath>

#include "thalweg/num/math.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels::rules {

inline bool flag(const KernelInit& init, std::string_view name) { return init.attrs.get_or<bool>(name, false); }

// A rule has kVars variables (x[0] is the one that is trained), the position kGrad of the gradient among the inputs,
// and step(s, x, g): s holds the op's inputs by position as scalars. kSparse: there is an op of the same name for some
// of the rows.

struct GradientDescent {
  static constexpr bool kSparse = false;
  static constexpr int kVars = 1, kGrad = 2;
  explicit GradientDescent(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [alpha = s[1]](auto& x, auto g) { x[0] -= alpha * g; };
  }
};

struct Momentum {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 2, kGrad = 3;
  bool nesterov;
  explicit Momentum(const KernelInit& init) : nesterov(flag(init, "use_nesterov")) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], momentum = s[4], nesterov = nesterov](auto& x, auto g) {
      x[1] = x[1] * momentum + g;
      x[0] -= nesterov ? g * lr + x[1] * momentum * lr : x[1] * lr;
    };
  }
};

struct Adam {
  static constexpr bool kSparse = false;
  static constexpr int kVars = 3, kGrad = 9;
  bool nesterov;
  explicit Adam(const KernelInit& init) : nesterov(flag(init, "use_nesterov")) {}
  TW_HD auto step(auto s) const {
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
  static constexpr bool kSparse = false;
  static constexpr int kVars = 3, kGrad = 8;
  explicit AdaMax(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [rate = s[4] / (1 - s[3]), b1 = s[5], b2 = s[6], epsilon = s[7]](auto& x, auto g) {
      x[1] += (g - x[1]) * (1 - b1);
      x[2] = math::max(b2 * x[2], std::abs(g));
      x[0] -= rate * (x[1] / (x[2] + epsilon));
    };
  }
};

struct Adagrad {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 2, kGrad = 3;
  bool update_slots;
  explicit Adagrad(const KernelInit& init) : update_slots(flag(init, "update_slots")) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], update = update_slots](auto& x, auto g) {
      if (update) x[1] += g * g;
      x[0] -= g * lr / std::sqrt(x[1]);
    };
  }
};

struct AdagradV2 {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 2, kGrad = 4;
  bool update_slots;
  explicit AdagradV2(const KernelInit& init) : update_slots(flag(init, "update_slots")) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], epsilon = s[3], update = update_slots](auto& x, auto g) {
      if (update) x[1] += g * g;
      x[0] -= g * lr / (std::sqrt(x[1]) + epsilon);
    };
  }
};

struct RMSProp {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 3, kGrad = 7;
  explicit RMSProp(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [lr = s[3], rho = s[4], momentum = s[5], epsilon = s[6]](auto& x, auto g) {
      x[1] += (g * g - x[1]) * (1 - rho);
      x[2] = x[2] * momentum + g * lr / std::sqrt(x[1] + epsilon);
      x[0] -= x[2];
    };
  }
};

struct CenteredRMSProp {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 4, kGrad = 8;
  explicit CenteredRMSProp(const KernelInit&) {}
  TW_HD auto step(auto s) const {
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
  static constexpr bool kSparse = true;
  static constexpr int kVars = 3, kGrad = 6;
  explicit Adadelta(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [lr = s[3], rho = s[4], epsilon = s[5]](auto& x, auto g) {
      x[1] = x[1] * rho + g * g * (1 - rho);
      auto update = std::sqrt(x[2] + epsilon) / std::sqrt(x[1] + epsilon) * g;
      x[0] -= update * lr;
      x[2] = x[2] * rho + update * update * (1 - rho);
    };
  }
};

/// x to the power of -p; the default p = -0.5 is a root.
TW_HD auto inverse_power(auto x, auto p) { return p == -0.5f ? std::sqrt(x) : std::pow(x, -p); }

/// Follow the regularized leader; V2 has an L2 term on the gradient's side.
template <bool V2>
struct Ftrl {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 3, kGrad = 3;
  bool times_lr;
  explicit Ftrl(const KernelInit& init) : times_lr(flag(init, "multiply_linear_by_lr")) {}
  TW_HD auto step(auto s) const {
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
TW_HD auto shrink(auto x, auto lr, auto l1, auto l2) {
  using C = decltype(x);
  C magnitude = l1 > 0 ? math::max(std::abs(x) - lr * l1, C(0)) : std::abs(x);
  return std::copysign(x == 0 ? C(0) : magnitude, x) / (1 + l2 * lr);
}

struct ProximalGradientDescent {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 1, kGrad = 4;
  explicit ProximalGradientDescent(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [alpha = s[1], l1 = s[2], l2 = s[3]](auto& x, auto g) { x[0] = shrink(x[0] - g * alpha, alpha, l1, l2); };
  }
};

struct ProximalAdagrad {
  static constexpr bool kSparse = true;
  static constexpr int kVars = 2, kGrad = 5;
  explicit ProximalAdagrad(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], l1 = s[3], l2 = s[4]](auto& x, auto g) {
      x[1] += g * g;
      auto rate = lr / std::sqrt(x[1]);
      x[0] = shrink(x[0] - g * rate, rate, l1, l2);
    };
  }
};

struct PowerSign {
  static constexpr bool kSparse = false;
  static constexpr int kVars = 2, kGrad = 6;
  explicit PowerSign(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], logbase = s[3], decay = s[4], beta = s[5]](auto& x, auto g) {
      x[1] = x[1] * beta + g * (1 - beta);
      x[0] -= lr * std::exp(logbase * decay * math::sign(g) * math::sign(x[1])) * g;
    };
  }
};

struct AddSign {
  static constexpr bool kSparse = false;
  static constexpr int kVars = 2, kGrad = 6;
  explicit AddSign(const KernelInit&) {}
  TW_HD auto step(auto s) const {
    return [lr = s[2], alpha = s[3], decay = s[4], beta = s[5]](auto& x, auto g) {
      x[1] = x[1] * beta + g * (1 - beta);
      x[0] -= lr * (alpha + decay * math::sign(g) * math::sign(x[1])) * g;
    };
  }
};

/// Calls f.template operator()<Rule>(op name) for every rule.
template <class F>
void for_each_rule(F&& f) {
  f.template operator()<GradientDescent>("ApplyGradientDescent");
  f.template operator()<Momentum>("ApplyMomentum");
  f.template operator()<Adam>("ApplyAdam");
  f.template operator()<AdaMax>("ApplyAdaMax");
  f.template operator()<Adagrad>("ApplyAdagrad");
  f.template operator()<AdagradV2>("ApplyAdagradV2");
  f.template operator()<RMSProp>("ApplyRMSProp");
  f.template operator()<CenteredRMSProp>("ApplyCenteredRMSProp");
  f.template operator()<Adadelta>("ApplyAdadelta");
  f.template operator()<Ftrl<false>>("ApplyFtrl");
  f.template operator()<Ftrl<true>>("ApplyFtrlV2");
  f.template operator()<ProximalGradientDescent>("ApplyProximalGradientDescent");
  f.template operator()<ProximalAdagrad>("ApplyProximalAdagrad");
  f.template operator()<PowerSign>("ApplyPowerSign");
  f.template operator()<AddSign>("ApplyAddSign");
}

}  // namespace thalweg::kernels::rules
