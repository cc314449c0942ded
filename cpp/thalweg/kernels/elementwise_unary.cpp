// CPU kernels of the ops in unary.h.
#include "thalweg/ops/unary.h"

#include "thalweg/kernels/elementwise.h"

namespace thalweg::kernels {
namespace {

// Rough nanoseconds per element, for splitting work among threads.
using OnePacketFormula = List<ops::Exp, ops::Expm1, ops::Log, ops::Log1p, ops::Tanh, ops::Sigmoid, ops::Softplus,
                              ops::Elu, ops::Selu, ops::Sin, ops::Cos>;
using LaneByLane = List<ops::Tan, ops::Asin, ops::Acos, ops::Atan, ops::Sinh, ops::Cosh, ops::Asinh, ops::Acosh,
                        ops::Atanh, ops::Erf, ops::Erfc>;
using Slow = List<ops::Erfinv, ops::Ndtri, ops::Lgamma, ops::Digamma, ops::BesselI0e, ops::BesselI1e>;

template <class Op>
constexpr double cost_of() {
  if (contains<Op>(Slow{})) return 60;
  if (contains<Op>(LaneByLane{})) return 10;
  return contains<Op>(OnePacketFormula{}) ? 1 : 0.3;
}

}  // namespace

void register_unary(KernelRegistry& r) {
  for_each_op(ops::Unary{}, [&]<class Op>() {
    for_each_dtype<Op::info.dtypes>(
        [&]<class T>() { add_rows(r, row_kernel<Op, T>(unary_row<Op, T>, cost_of<Op>())); });
  });
}

}  // namespace thalweg::kernels
