// Variables and assignment. A variable travels as a `ref`; its value belongs to the session.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

// While running, kernels check shapes themselves, under the variable's lock; ref outputs are the executor's.

void infer_variable(Infer& s) { s.out(0, s.attr<PartialShape>("shape")); }

/// In graphs of that age no dimensions meant an unknown shape.
void infer_old_variable(Infer& s) {
  if (s.attr<PartialShape>("shape").rank() > 0) infer_variable(s);
}

void infer_assign(Infer& s) {
  if (s.running()) return;
  s.out(0, s.attr<bool>("validate_shape") ? s.merge(s.in(0), s.in(1)) : s.in(1));
}

void infer_update(Infer& s) {
  if (!s.running()) s.out(0, s.merge(s.in(0), s.in(1)));
}

void infer_scatter(Infer& s) {
  if (s.running()) return;
  PartialShape ref = s.rank_at_least(0, 1), updates = s.in(2);
  bool one_value = updates.known_rank() && updates.rank() == 0;
  if (!one_value) s.merge(updates, Infer::concat(s.in(1), Infer::slice(ref, 1)));
  s.out(0, ref);
}

void infer_scatter_nd(Infer& s) {
  if (s.running()) return;
  PartialShape ref = s.rank_at_least(0, 1), indices = s.rank_at_least(1, 1), updates = s.in(2);
  s.out(0, ref);
  if (!ref.known_rank() || !indices.known_rank() || indices[-1] < 0) return;
  int depth = int(std::min<int64_t>(indices[-1], kMaxRank));
  s.require(indices[-1] <= ref.rank(), "indices have ", indices[-1], " components, the variable has rank ", ref.rank());
  PartialShape want = Infer::concat(Infer::slice(indices, 0, indices.rank() - 1), Infer::slice(ref, depth));
  s.merge(updates, want);
}

}  // namespace

void register_state(OpRegistry& r) {
  r.add("VariableV2(; shape: shape, dtype: type, container: string = '', shared_name: string = '') -> ref: ref dtype")
      .doc("A value that outlives runs; it starts uninitialized.")
      .infer(infer_variable)
      .no_grad()
      .stateful();
  r.add("Variable(; shape: shape, dtype: type, container: string = '', shared_name: string = '') -> ref: ref dtype")
      .doc("As VariableV2, under the name that the oldest graphs use.")
      .infer(infer_old_variable)
      .no_grad()
      .stateful();
  r.add("IsVariableInitialized(ref: ref dtype) -> is_initialized: bool")
      .doc("Whether the variable has a value.")
      .infer(infer_scalar)
      .no_grad()
      .stateful();
  r.add("Assign(ref: ref T, value: T; validate_shape: bool = true, use_locking: bool = true) -> output_ref: ref T")
      .doc("Gives a variable a value.")
      .infer(infer_assign)
      .no_grad()
      .stateful();
  constexpr DTypeSet kUpdated = kNumeric;
  r.add("AssignAdd(ref: ref T, value: T; use_locking: bool = false) -> output_ref: ref T", kUpdated)
      .doc("Adds a value to a variable.")
      .infer(infer_update)
      .no_grad()
      .stateful();
  r.add("AssignSub(ref: ref T, value: T; use_locking: bool = false) -> output_ref: ref T", kUpdated)
      .doc("Subtracts a value from a variable.")
      .infer(infer_update)
      .no_grad()
      .stateful();

  auto scatter = [&](OpDef& def, std::string_view doc) {
    def.types("Tindices", kIndex).doc(doc).infer(infer_scatter).no_grad().stateful();
  };
  scatter(
      r.add("ScatterUpdate(ref: ref T, indices: Tindices, updates: T; use_locking: bool = true) -> output_ref: ref T"),
      "Replaces rows of a variable.");
  scatter(r.add("ScatterAdd(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kUpdated),
          "Adds to rows of a variable; an index that occurs twice adds twice.");
  scatter(r.add("ScatterSub(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kUpdated),
          "Subtracts from rows of a variable.");
  scatter(r.add("ScatterMul(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kUpdated),
          "Multiplies rows of a variable.");
  scatter(r.add("ScatterDiv(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kUpdated),
          "Divides rows of a variable.");
  constexpr DTypeSet kOrdered = kFloating | kIndex;
  scatter(r.add("ScatterMin(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kOrdered),
          "The smaller of each row of a variable and its update.");
  scatter(r.add("ScatterMax(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false) -> output_ref: ref T",
                kOrdered),
          "The larger of each row of a variable and its update.");

  auto scatter_nd = [&](OpDef& def, std::string_view doc) {
    def.types("Tindices", kIndex).doc(doc).infer(infer_scatter_nd).no_grad().stateful();
  };
  scatter_nd(r.add("ScatterNdUpdate(ref: ref T, indices: Tindices, updates: T; use_locking: bool = true,"
                   " bad_indices_policy: string {|DEFAULT|ERROR} = '') -> output_ref: ref T"),
             "Replaces the slices of a variable that index tuples name.");
  scatter_nd(r.add("ScatterNdAdd(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false,"
                   " bad_indices_policy: string {|DEFAULT|ERROR} = '') -> output_ref: ref T",
                   kUpdated),
             "Adds to the slices of a variable that index tuples name.");
  scatter_nd(r.add("ScatterNdSub(ref: ref T, indices: Tindices, updates: T; use_locking: bool = false,"
                   " bad_indices_policy: string {|DEFAULT|ERROR} = '') -> output_ref: ref T",
                   kUpdated),
             "Subtracts from the slices of a variable that index tuples name.");

  r.add("CountUpTo(ref: ref T; limit: int) -> output: T", kIndex)
      .doc("The variable's value before it is increased by one; OutOfRange once it has reached the limit.")
      .infer([](Infer& s) {
        if (!s.running()) s.rank(0, 0);
        s.out(0, Shape());
      })
      .no_grad()
      .stateful();
}

}  // namespace thalweg::ops
