// Writing slices into tensors at given coordinates: the last dimension of `indices` holds them.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/array.h"

namespace thalweg::ops {
namespace {

/// Updates have one slice of `whole` for every row of coordinates.
void check_updates(const Infer& s, const PartialShape& whole, const PartialShape& indices,
                   const PartialShape& updates) {
  if (!whole.known_rank() || !indices.known_rank() || !updates.known_rank() || indices[-1] < 0) return;
  int64_t depth = indices[-1];
  int lead = indices.rank() - 1;
  s.require(depth <= whole.rank(), s.op().name, ": indices.shape[-1] must be <= the rank of the output, but are ",
            depth, " and ", whole.rank(), ": indices have shape ", indices, ", the output ", whole);
  s.require(updates.rank() >= lead && Infer::slice(indices, 0, lead).compatible(Infer::slice(updates, 0, lead)),
            "Dimensions [0,", lead, ") of indices[shape=", indices, "] must match dimensions [0,", lead,
            ") of updates[shape=", updates, "]");
  s.require(Infer::slice(whole, int(depth)).compatible(Infer::slice(updates, lead)), "Dimensions [", depth, ",",
            whole.rank(), ") of input[shape=", whole, "] must match dimensions [", lead, ",", updates.rank(),
            ") of updates[shape=", updates, "]");
}

void infer_scatter_nd(Infer& s) {
  const PartialShape &indices = s.rank_at_least(0, 1), &updates = s.in(1);
  PartialShape shape = s.shape_from(2);
  s.require(!s.running() || shape.fully_known(), "ScatterNd: dimensions must be >= 0, got ", shape);
  check_updates(s, shape, indices, updates);
  s.out(0, shape);
}

void infer_tensor_scatter(Infer& s) {
  const PartialShape &tensor = s.in(0), &indices = s.rank_at_least(1, 1);
  check_updates(s, tensor, indices, s.in(2));
  s.out(0, tensor);
}

Out gather_nd(const Out& x, const Out& indices) { return node("GatherNd", {x, indices}); }

Outs update_grad(Grad& g) {
  Out dx = node("TensorScatterUpdate", {g.dy, g.in(1), zeros_like(g.in(2))});
  return {dx, {}, gather_nd(g.dy, g.in(1))};
}

Outs add_grad(Grad& g) { return {g.dy, {}, gather_nd(g.dy, g.in(1))}; }
Outs sub_grad(Grad& g) { return {g.dy, {}, -gather_nd(g.dy, g.in(1))}; }

/// All that reached the maximum (minimum) share its gradient equally.
Outs extreme_grad(Grad& g) {
  Out x = g.in(0), at = g.in(1), updates = g.in(2), y = g.out();
  DType t = x.dtype();
  Out x_won = cast(x == y, t), updates_won = cast(updates == gather_nd(y, at), t);
  Out dy = g.dy / node("TensorScatterAdd", {x_won, at, updates_won});
  return {dy * x_won, {}, gather_nd(dy, at) * updates_won};
}

}  // namespace

void register_scatter(OpRegistry& r) {
  r.add(
       "ScatterNd(indices: Tindices, updates: T, shape: Tindices; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> "
       "output: T",
       kNumeric | kBool | kString)
      .types("Tindices", kIndex | DTypeSet{DType::int16})
      .api("scatter_nd, manip.scatter_nd")
      .doc("Zeros of the shape given with updates added at the coordinates.")
      .infer(infer_scatter_nd)
      .grad([](Grad& g) { return Outs{{}, gather_nd(g.dy, g.in(0)), {}}; });
  r.add(
       "TensorScatterUpdate(tensor: T, indices: Tindices, updates: T; bad_indices_policy: string {|DEFAULT|ERROR} = "
       "'') -> output: T")
      .types("Tindices", kIndex | DTypeSet{DType::int16, DType::uint16})
      .api("tensor_scatter_nd_update, tensor_scatter_update")
      .doc("A copy of tensor with the updates at the coordinates; the last of several for one place stays.")
      .infer(infer_tensor_scatter)
      .grad(update_grad);
  auto arithmetic = [&](Signature signature, DTypeSet types, const char* api, const char* doc, GradFn grad) {
    r.add(signature, types).types("Tindices", kIndex).api(api).doc(doc).infer(infer_tensor_scatter).grad(grad);
  };
  arithmetic(
      "TensorScatterAdd(tensor: T, indices: Tindices, updates: T; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> "
      "output: T",
      kNumeric | kString, "tensor_scatter_nd_add, tensor_scatter_add",
      "A copy of tensor with updates added at the coordinates.", add_grad);
  arithmetic(
      "TensorScatterSub(tensor: T, indices: Tindices, updates: T; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> "
      "output: T",
      kNumeric, "tensor_scatter_nd_sub, tensor_scatter_sub",
      "A copy of tensor with updates subtracted at the coordinates.", sub_grad);
  arithmetic(
      "TensorScatterMax(tensor: T, indices: Tindices, updates: T; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> "
      "output: T",
      kReal, "tensor_scatter_nd_max", "A copy of tensor raised to the updates at the coordinates.", extreme_grad);
  arithmetic(
      "TensorScatterMin(tensor: T, indices: Tindices, updates: T; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> "
      "output: T",
      kReal, "tensor_scatter_nd_min", "A copy of tensor lowered to the updates at the coordinates.", extreme_grad);
}

}  // namespace thalweg::ops
