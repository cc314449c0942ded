// CPU kernels of the ops in binary.h for floating and complex numbers and bool; and of the gradient ops.
#include "thalweg/ops/binary.h"

#include "thalweg/kernels/elementwise.h"

namespace thalweg::kernels {
namespace {

using Middling =
    List<ops::Pow, ops::Xlogy, ops::Xlog1py, ops::FloorMod, ops::Mod, ops::TruncateMod, ops::Atan2, ops::NextAfter>;
using Slow = List<ops::Zeta, ops::Polygamma, ops::Igamma, ops::Igammac, ops::IgammaGradA, ops::RandomGammaGrad>;

template <class Op>
constexpr double cost_of() {
  return contains<Op>(Slow{}) ? 100 : contains<Op>(Middling{}) ? 5 : 0.4;
}

}  // namespace

void register_binary(KernelRegistry& r) {
  for_each_op(ops::Binary{}, [&]<class Op>() {
    constexpr DTypeSet types = Op::info.dtypes & (kInexact | kBool);
    for_each_dtype<types>([&]<class T>() { add_rows(r, row_kernel<Op, T>(binary_row<Op, T>, cost_of<Op>())); });
  });
  for_each_op(ops::Gradients{}, [&]<class Op>() {
    for_each_dtype<Op::info.dtypes>([&]<class T>() {
      RowKernel k = row_kernel<Op, T>(binary_row<Op, T>, 0.5);
      k.check = Check::kSameSize;
      add_rows(r, std::move(k));
    });
  });
}

}  // namespace thalweg::kernels
