// Gamma, Poisson and binomial numbers: contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/random.h"

namespace thalweg::ops {
namespace {

constexpr DTypeSet kGamma{DType::float16, DType::float32, DType::float64};
constexpr DTypeSet kCounts = kGamma | kIndex;

/// The shape asked for and, behind it, that of the parameters at input 1.
void infer_each(Infer& s) {
  PartialShape shape = wanted_shape(s);
  s.require(!shape.known_rank() || !s.in(1).known_rank() || shape.rank() + s.in(1).rank() <= kMaxRank, s.op().name,
            ": the result would have ", shape.rank() + s.in(1).rank(), " dimensions; shapes have at most ", kMaxRank);
  s.out(0, Infer::concat(shape, s.in(1)));
}

/// The shape asked for, which ends with that of the parameters.
void infer_ending(Infer& s, const PartialShape& parameters) {
  PartialShape shape = wanted_shape(s);
  s.out(0, shape);
  if (!shape.known_rank() || !parameters.known_rank()) return;
  int ahead = shape.rank() - parameters.rank();
  bool ends = ahead >= 0;
  for (int i = 0; ends && i < parameters.rank(); ++i) {
    int64_t a = shape[ahead + i], b = parameters[i];
    ends = a < 0 || b < 0 || a == b;
  }
  s.require(ends, "Shape passed in must end with broadcasted shape. ", s.op().name, ": shape is ", shape,
            ", that of the parameters is ", parameters);
}

/// The number moves with its parameter along its quantile (implicit reparametrisation).
Out gamma_gradient(Grad& g, const Out& alpha) {
  bool wide = alpha.dtype() == DType::float32 || alpha.dtype() == DType::float64;
  Out slope =
      wide ? node("RandomGammaGrad", {alpha, g.out()})
           : cast(node("RandomGammaGrad", {cast(alpha, DType::float32), cast(g.out(), DType::float32)}), alpha.dtype());
  return unbroadcast(g.dy * slope, alpha);
}

}  // namespace

void register_rejection(OpRegistry& r) {
  r.add("RandomGamma(shape: S, alpha: T; seed: int = 0, seed2: int = 0) -> output: T", kGamma)
      .types("S", kIndex)
      .doc("Gamma distributed with rate 1; `shape` of them for each element of alpha.")
      .infer(infer_each)
      .grad([](Grad& g) { return Outs{{}, gamma_gradient(g, g.in(1))}; })
      .stateful();
  r.add("RandomPoissonV2(shape: S, rate: R; seed: int = 0, seed2: int = 0, dtype: type = int64) -> output: dtype")
      .types("S", kIndex)
      .types("R", kCounts, DType::float64)
      .types("dtype", kCounts)
      .doc("Poisson distributed; `shape` of them for each element of rate.")
      .infer(infer_each)
      .no_grad()
      .stateful();

  r.add("StatelessRandomGammaV2(shape: T, seed: Tseed, alpha: dtype) -> output: dtype")
      .types("T", kIndex)
      .types("Tseed", kIndex, DType::int64)
      .types("dtype", kGamma)
      .doc("Gamma distributed with rate 1, a function of the seed alone.")
      .infer([](Infer& s) {
        require_seed(s);
        infer_ending(s, s.in(2));
      })
      .grad([](Grad& g) { return Outs{{}, {}, gamma_gradient(g, g.in(2))}; });
  r.add(
       "StatelessRandomGammaV3(shape: shape_dtype, key: uint64, counter: uint64, alg: int32, alpha: dtype)"
       " -> output: dtype")
      .types("shape_dtype", kIndex, DType::int32)
      .types("dtype", kGamma)
      .doc("Gamma distributed with rate 1, a function of key and counter alone.")
      .infer([](Infer& s) {
        require_key(s);
        infer_ending(s, s.in(4));
      })
      .grad([](Grad& g) { return Outs{{}, {}, {}, {}, gamma_gradient(g, g.in(4))}; });
  r.add("StatelessRandomPoisson(shape: T, seed: Tseed, lam: Rtype; dtype: type) -> output: dtype")
      .types("T", kIndex)
      .types("Tseed", kIndex, DType::int64)
      .types("Rtype", kCounts)
      .types("dtype", kCounts)
      .doc("Poisson distributed, a function of the seed alone.")
      .infer([](Infer& s) {
        require_seed(s);
        infer_ending(s, s.in(2));
      })
      .no_grad();
  r.add(
       "StatelessRandomBinomial(shape: S, seed: Tseed, counts: T, probs: T; dtype: type = int64)"
       " -> output: dtype")
      .types("S", kIndex)
      .types("Tseed", kIndex, DType::int64)
      .types("T", kCounts, DType::float64)
      .types("dtype", kCounts)
      .doc("Binomially distributed, a function of the seed alone.")
      .infer([](Infer& s) {
        require_seed(s);
        infer_ending(s, s.broadcast(s.in(2), s.in(3)));
      })
      .no_grad();

  r.add(
       "_KeyedPoisson(shape: S, key: uint64, counter: uint64, alg: int32, rate: R; dtype: type = int64)"
       " -> output: dtype")
      .types("S", kIndex)
      .types("R", kCounts, DType::float64)
      .types("dtype", kCounts)
      .doc("Poisson distributed, a function of key and counter alone.")
      .infer([](Infer& s) {
        require_key(s);
        infer_ending(s, s.in(4));
      })
      .no_grad();
  r.add(
       "_KeyedBinomial(shape: S, key: uint64, counter: uint64, alg: int32, counts: T, probs: T; dtype: type = int64)"
       " -> output: dtype")
      .types("S", kIndex)
      .types("T", kCounts, DType::float64)
      .types("dtype", kCounts)
      .doc("Binomially distributed, a function of key and counter alone.")
      .infer([](Infer& s) {
        require_key(s);
        infer_ending(s, s.broadcast(s.in(4), s.in(5)));
      })
      .no_grad();
}

}  // namespace thalweg::ops
