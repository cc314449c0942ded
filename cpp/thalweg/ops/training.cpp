// Optimizer steps: each updates a variable and its slots from a gradient, in one pass.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

/// The variable, its slots and the gradient have one shape; every other input is a scalar.
void infer_step(Infer& s) {
  if (s.running()) return;  // the kernel checks, under the variables' locks
  const auto& args = s.op().inputs;
  PartialShape shape = s.in(0);
  for (int i = 1; i < s.inputs(); ++i) {
    const ArgDef& a = args[size_t(i)];
    if (a.is_ref || a.name == "grad" || a.name == "delta") {
      shape = s.merge(shape, s.in(i));
    } else {
      s.rank(i, 0);
    }
  }
  s.out(0, shape);
}

/// As infer_step, with a row of the gradient for each index.
void infer_rows(Infer& s) {
  if (s.running()) return;
  const auto& args = s.op().inputs;
  PartialShape shape = s.rank_at_least(0, 1);
  for (int i = 1; i < s.inputs(); ++i) {
    if (args[size_t(i)].is_ref) {
      shape = s.merge(shape, s.in(i));
    } else if (args[size_t(i)].name == "grad") {
      const PartialShape& rows = s.merge(s.rank(i + 1, 1), Infer::slice(s.rank_at_least(i, 1), 0, 1));
      s.merge(s.in(i), Infer::concat(rows, Infer::slice(shape, 1)));
      ++i;
    } else {
      s.rank(i, 0);
    }
  }
  s.out(0, shape);
}

}  // namespace

void register_training(OpRegistry& r) {
  auto add = [&](Signature signature, std::string_view doc) {
    r.add(signature, kFloating).doc(doc).infer(infer_step).no_grad().stateful();
  };
  add("ApplyGradientDescent(var: ref T, alpha: T, delta: T; use_locking: bool = false) -> out: ref T",
      "var -= alpha * delta");
  add("ApplyMomentum(var: ref T, accum: ref T, lr: T, grad: T, momentum: T; use_locking: bool = false,"
      " use_nesterov: bool = false) -> out: ref T",
      "accum = momentum * accum + grad; var -= lr * accum. With Nesterov: var -= lr * (grad + momentum * accum).");
  add("ApplyAdam(var: ref T, m: ref T, v: ref T, beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, epsilon: T,"
      " grad: T; use_locking: bool = false, use_nesterov: bool = false) -> out: ref T",
      "Adam (Kingma & Ba 2014): m and v follow the gradient and its square; epsilon is outside the corrected root.");
  add("ApplyAdagrad(var: ref T, accum: ref T, lr: T, grad: T; use_locking: bool = false, update_slots: bool = true)"
      " -> out: ref T",
      "accum += grad^2; var -= lr * grad / sqrt(accum)");
  add("ApplyAdagradV2(var: ref T, accum: ref T, lr: T, epsilon: T, grad: T; use_locking: bool = false,"
      " update_slots: bool = true) -> out: ref T",
      "accum += grad^2; var -= lr * grad / (sqrt(accum) + epsilon)");
  add("ApplyRMSProp(var: ref T, ms: ref T, mom: ref T, lr: T, rho: T, momentum: T, epsilon: T, grad: T;"
      " use_locking: bool = false) -> out: ref T",
      "RMSProp: ms follows the squared gradient; mom = momentum * mom + lr * grad / sqrt(ms + epsilon); var -= mom.");
  add("ApplyCenteredRMSProp(var: ref T, mg: ref T, ms: ref T, mom: ref T, lr: T, rho: T, momentum: T, epsilon: T, "
      "grad: T;"
      " use_locking: bool = false) -> out: ref T",
      "RMSProp with the variance of the gradient, ms - mg^2, in place of its second moment.");
  add("ApplyAdadelta(var: ref T, accum: ref T, accum_update: ref T, lr: T, rho: T, epsilon: T, grad: T;"
      " use_locking: bool = false) -> out: ref T",
      "Adadelta (Zeiler 2012): steps scaled by the ratio of the running sizes of updates and gradients.");
  add("ApplyFtrl(var: ref T, accum: ref T, linear: ref T, grad: T, lr: T, l1: T, l2: T, lr_power: T;"
      " use_locking: bool = false, multiply_linear_by_lr: bool = false) -> out: ref T",
      "Follow the regularized leader, proximal form (McMahan et al. 2013).");
  add("ApplyFtrlV2(var: ref T, accum: ref T, linear: ref T, grad: T, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T;"
      " use_locking: bool = false, multiply_linear_by_lr: bool = false) -> out: ref T",
      "As ApplyFtrl, with an L2 penalty on the gradient's side as well.");
  add("ApplyProximalGradientDescent(var: ref T, alpha: T, l1: T, l2: T, delta: T; use_locking: bool = false)"
      " -> out: ref T",
      "A gradient step followed by shrinking towards zero (forward-backward splitting).");
  add("ApplyProximalAdagrad(var: ref T, accum: ref T, lr: T, l1: T, l2: T, grad: T; use_locking: bool = false)"
      " -> out: ref T",
      "An Adagrad step followed by shrinking towards zero.");
  add("ApplyAdaMax(var: ref T, m: ref T, v: ref T, beta1_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T;"
      " use_locking: bool = false) -> out: ref T",
      "Adam with the infinity norm of past gradients in v.");
  add("ApplyPowerSign(var: ref T, m: ref T, lr: T, logbase: T, sign_decay: T, beta: T, grad: T;"
      " use_locking: bool = false) -> out: ref T",
      "m follows the gradient; var -= lr * grad * exp(logbase * sign_decay * sign(grad) * sign(m))");
  add("ApplyAddSign(var: ref T, m: ref T, lr: T, alpha: T, sign_decay: T, beta: T, grad: T; use_locking: bool = false)"
      " -> out: ref T",
      "m follows the gradient; var -= lr * grad * (alpha + sign_decay * sign(grad) * sign(m))");

  auto add_rows = [&](Signature signature, std::string_view whole) {
    r.add(signature, kFloating)
        .types("Tindices", kIndex)
        .doc(str(whole, " on the rows that indices name; the others, and their slots, stay as they are."))
        .infer(infer_rows)
        .no_grad()
        .stateful();
  };
  add_rows(
      "SparseApplyMomentum(var: ref T, accum: ref T, lr: T, grad: T, indices: Tindices, momentum: T;"
      " use_locking: bool = false, use_nesterov: bool = false) -> out: ref T",
      "ApplyMomentum");
  add_rows(
      "SparseApplyAdagrad(var: ref T, accum: ref T, lr: T, grad: T, indices: Tindices; use_locking: bool = false,"
      " update_slots: bool = true) -> out: ref T",
      "ApplyAdagrad");
  add_rows(
      "SparseApplyAdagradV2(var: ref T, accum: ref T, lr: T, epsilon: T, grad: T, indices: Tindices;"
      " use_locking: bool = false, update_slots: bool = true) -> out: ref T",
      "ApplyAdagradV2");
  add_rows(
      "SparseApplyRMSProp(var: ref T, ms: ref T, mom: ref T, lr: T, rho: T, momentum: T, epsilon: T, grad: T,"
      " indices: Tindices; use_locking: bool = false) -> out: ref T",
      "ApplyRMSProp");
  add_rows(
      "SparseApplyCenteredRMSProp(var: ref T, mg: ref T, ms: ref T, mom: ref T, lr: T, rho: T, momentum: T,"
      " epsilon: T, grad: T, indices: Tindices; use_locking: bool = false) -> out: ref T",
      "ApplyCenteredRMSProp");
  add_rows(
      "SparseApplyAdadelta(var: ref T, accum: ref T, accum_update: ref T, lr: T, rho: T, epsilon: T, grad: T,"
      " indices: Tindices; use_locking: bool = false) -> out: ref T",
      "ApplyAdadelta");
  add_rows(
      "SparseApplyFtrl(var: ref T, accum: ref T, linear: ref T, grad: T, indices: Tindices, lr: T, l1: T, l2: T,"
      " lr_power: T; use_locking: bool = false, multiply_linear_by_lr: bool = false) -> out: ref T",
      "ApplyFtrl");
  add_rows(
      "SparseApplyFtrlV2(var: ref T, accum: ref T, linear: ref T, grad: T, indices: Tindices, lr: T, l1: T, l2: T,"
      " l2_shrinkage: T, lr_power: T; use_locking: bool = false, multiply_linear_by_lr: bool = false)"
      " -> out: ref T",
      "ApplyFtrlV2");
  add_rows(
      "SparseApplyProximalGradientDescent(var: ref T, alpha: T, l1: T, l2: T, grad: T, indices: Tindices;"
      " use_locking: bool = false) -> out: ref T",
      "ApplyProximalGradientDescent");
  add_rows(
      "SparseApplyProximalAdagrad(var: ref T, accum: ref T, lr: T, l1: T, l2: T, grad: T, indices: Tindices;"
      " use_locking: bool = false) -> out: ref T",
      "ApplyProximalAdagrad");
}

}  // namespace thalweg::ops
