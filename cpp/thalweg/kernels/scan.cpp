// Running sums and products. Each line along the axis is one chain, so threads share out the lines only.
#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

/// Integers wrap round, as everywhere; unsigned arithmetic says so without undefined behaviour.
template <class T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(uint64_t(a) + uint64_t(b));
  else
    return T(Compute<T>(a) + Compute<T>(b));
}
template <class T>
T multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(uint64_t(a) * uint64_t(b));
  else
    return T(Compute<T>(a) * Compute<T>(b));
}

template <class T, bool product>
struct Scan {
  bool exclusive, reverse;
  explicit Scan(const KernelInit& init)
      : exclusive(init.attr<bool>("exclusive")), reverse(init.attr<bool>("reverse")) {}

  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    int64_t axis = to_ints(k.in(1))[0], rank = in.rank();
    TW_CHECK(axis >= -rank && axis < rank, "ScanOp: Expected scan axis in the range [", -rank, ", ", rank,
             "), but got ", axis);
    if (in.size() == 0) return;
    int at = int(axis < 0 ? axis + rank : axis);
    int64_t n = in.dim(at), inner = in.shape().size(at + 1, in.rank());
    const T* x = k.in<T>(0);
    T* y = k.out<T>(0);
    k.parallel_for(in.size() / n, 2.0 * double(n), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        int64_t step = reverse ? -inner : inner;
        int64_t i = line / inner * n * inner + line % inner + (reverse ? (n - 1) * inner : 0);
        T sum = product ? T(1) : T(0);
        for (int64_t j = 0; j < n; ++j, i += step) {
          T next = product ? multiply(sum, x[i]) : add(sum, x[i]);
          y[i] = exclusive ? sum : next;
          sum = next;
        }
      }
    });
  }
};

template <class T>
using Cumsum = Scan<T, false>;
template <class T>
using Cumprod = Scan<T, true>;

}  // namespace

void register_scan(KernelRegistry& r) {
  r.add_all<Cumsum, kNumeric>("Cumsum", kCpu);
  r.add_all<Cumprod, kNumeric>("Cumprod", kCpu);
}

}  // namespace thalweg::kernels
