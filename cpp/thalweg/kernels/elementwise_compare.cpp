// CPU kernels of the ops in compare.h.
#include "thalweg/ops/compare.h"

#include "thalweg/kernels/elementwise.h"

namespace thalweg::kernels {
namespace {

template <class Op>
void string_row(const void* op, const void* const* in, void* out, int64_t n, unsigned repeated) {
  auto *a = static_cast<const std::string*>(in[0]), *b = static_cast<const std::string*>(in[1]);
  for (int64_t i = 0; i < n; ++i) {
    static_cast<bool*>(out)[i] = static_cast<const Op*>(op)->f(a[repeated & 1 ? 0 : i], b[repeated & 2 ? 0 : i]);
  }
}

}  // namespace

void register_compare(KernelRegistry& r) {
  for_each_op(ops::Compare{}, [&]<class Op>() {
    auto add = [&](RowKernel k) {
      if constexpr (requires { Op::kOtherwise; }) {
        k.check = Check::kEqualShapes;
        k.otherwise = Op::kOtherwise;
      }
      add_rows(r, std::move(k));
    };
    for_each_dtype<Op::info.dtypes - kString>([&]<class T>() { add(row_kernel<Op, T>(binary_row<Op, T>, 0.4)); });
    if constexpr (Op::info.dtypes.has(DType::string)) add(row_kernel<Op, std::string>(string_row<Op>, 10));
  });
}

}  // namespace thalweg::kernels
