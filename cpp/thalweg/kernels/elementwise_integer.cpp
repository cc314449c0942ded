// CPU kernels of the ops in binary.h for integers, with the checks that keep division and powers defined.
#include "thalweg/kernels/elementwise.h"
#include "thalweg/ops/binary.h"

namespace thalweg::kernels {

void register_binary_integer(KernelRegistry& r) {
  for_each_op(ops::Binary{}, [&]<class Op>() {
    constexpr DTypeSet types = Op::info.dtypes & kInteger;
    for_each_dtype<types>([&]<class T>() {
      RowKernel k = row_kernel<Op, T>(binary_row<Op, T>, 0.4);
      if constexpr (requires { Op::kDivides; }) {
        k.check = Check::kNonzero;
        k.cost = 3;
      }
      if constexpr (requires { Op::kRaises; }) {
        k.check = Check::kNonnegative;
        k.cost = 5;
      }
      add_rows(r, std::move(k));
    });
  });
}

}  // namespace thalweg::kernels
