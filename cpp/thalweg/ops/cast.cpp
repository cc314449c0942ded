// Conversions between dtypes and choices between tensors: Cast, Bitcast, Select, SelectV2.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

void infer_cast(Infer& s) {
  s.out(0, s.in(0));
  const Values* v = s.known(0);
  DType to = s.attr<DType>("DstT");
  if (!v || !(kIndex | DTypeSet{DType::int16, DType::int8, DType::uint8}).has(to) || !kInteger.has(s.dtype(0))) return;
  Values out = *v;
  for (int64_t& x : out) {
    if (x == kUnknownValue) continue;
    visit<kIndex | DTypeSet{DType::int16, DType::int8, DType::uint8}>(to, [&]<class T>() { x = int64_t(T(x)); });
  }
  s.out_values(0, std::move(out));
}

void infer_bitcast(Infer& s) {
  PartialShape shape = s.in(0);
  size_t from = size_of(s.dtype(0)), to = size_of(s.attr<DType>("type"));
  if (!shape.known_rank() || from == to) return s.out(0, shape);
  if (from > to) {
    shape.push_back(int64_t(from / to));
    return s.out(0, shape);
  }
  int64_t ratio = int64_t(to / from);
  s.require(shape.rank() > 0 && (shape[-1] == ratio || shape[-1] == kUnknown), "Cannot bitcast from ", s.dtype(0),
            " to ", s.attr<DType>("type"), ": the last dimension must be ", ratio, ", got shape ", shape);
  s.out(0, Infer::slice(shape, 0, shape.rank() - 1));
}

/// The condition has the shape of t, or is a scalar, or a vector that picks rows.
void infer_select(Infer& s) {
  PartialShape shape = s.merge(s.in(1), s.in(2)), condition = s.in(0);
  if (condition.known_rank() && shape.known_rank() && condition.rank() != 0) {
    if (condition.rank() == 1) {
      s.require(shape.rank() > 0, "Select: a vector condition needs t and e of rank 1 or more, got ", shape);
      s.merge(condition[0], shape[0]);
    } else {
      shape = s.merge(condition, shape);
    }
  }
  s.out(0, shape);
}

}  // namespace

void register_cast(OpRegistry& r) {
  r.add("Cast(x: SrcT; DstT: type, Truncate: bool = false) -> y: DstT")
      .types("SrcT", kNumeric | kBool)
      .types("DstT", kNumeric | kBool)
      .doc(
          "x as dtype DstT: real numbers to integers go toward zero, complex numbers lose their imaginary part, "
          "integers "
          "wrap around, and anything but 0 is true.")
      .infer(infer_cast)
      .grad([](Grad& g) {
        bool smooth = kInexact.has(g.in(0).dtype()) && kInexact.has(g.out().dtype());
        return smooth ? Outs{cast(g.dy, g.in(0).dtype())} : g.none();
      });
  r.add("Bitcast(input: T; type: type) -> output: type", kPlain - kBool)
      .types("type", kPlain - kBool)
      .api("bitcast")
      .doc("The same bytes read as another dtype; the last dimension grows or shrinks when the sizes differ.")
      .infer(infer_bitcast)
      .no_grad()
      .aliases(0);
  r.add("Select(condition: bool, t: T, e: T) -> output: T", kPlain | kString)
      .doc("t where the condition holds, e elsewhere. A vector condition picks whole rows.")
      .infer(infer_select)
      .grad([](Grad& g) {
        Out zeros = zeros_like(g.in(1));
        return Outs{Out(), node("Select", {g.in(0), g.dy, zeros}), node("Select", {g.in(0), zeros, g.dy})};
      })
      .elementwise();
  r.add("SelectV2(condition: bool, t: T, e: T) -> output: T", kPlain | kString)
      .doc("t where the condition holds, e elsewhere, with NumPy broadcasting.")
      .infer(infer_broadcast)
      .grad([](Grad& g) {
        return Outs{Out(), unbroadcast(where(g.in(0), g.dy, 0), g.in(1)),
                    unbroadcast(where(g.in(0), 0, g.dy), g.in(2))};
      })
      .elementwise();
}

}  // namespace thalweg::ops
