// CPU kernels of the reductions that add or multiply.
#include "thalweg/kernels/reduce.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct Sum {
  void operator()(KernelContext& k) const {
    using A = std::conditional_t<std::is_integral_v<T>, SumType<T>, Compute<T>>;
    reduce<Add, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(x); });
  }
};

template <class T>
struct Prod {
  void operator()(KernelContext& k) const {
    using A = std::conditional_t<std::is_integral_v<T>, SumType<T>, Compute<T>>;
    reduce<Multiply, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(x); });
  }
};

template <class T>
struct Mean {
  void operator()(KernelContext& k) const {
    if constexpr (std::is_integral_v<T>) {
      // A wide sum: the mean of 8-bit values does not overflow on the way. One of 64-bit values may, and wraps.
      using A = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
      reduce<Add, uint64_t>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0),
                            [](uint64_t x, int64_t n) { return n == 0 ? T(0) : T(A(x) / A(n)); });
    } else {
      using A = Compute<T>;
      reduce<Add, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t n) {
        if constexpr (is_complex<A>)
          return x / A(typename A::value_type(n));
        else
          return T(x / A(n));
      });
    }
  }
};

template <class T>
struct EuclideanNorm {
  void operator()(KernelContext& k) const {
    if constexpr (is_complex<T>) {
      // |re|^2 + |im|^2: one more, innermost, reduced dimension of two real numbers.
      using R = typename T::value_type;
      ReduceShape real(k.in(0).shape(), axes_mask(k.in(1), k.in(0).rank()), 2);
      reduce<AddSquares, R>(k, real, reinterpret_cast<const R*>(k.in<T>(0)), k.out<T>(0),
                            [](R x, int64_t) { return T(std::sqrt(x)); });
    } else {
      using A = std::conditional_t<std::is_integral_v<T>, double, Compute<T>>;
      reduce<AddSquares, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(std::sqrt(x)); });
    }
  }
};

}  // namespace

void register_sums(KernelRegistry& r) {
  r.add_all<Sum, kNumeric>("Sum", kCpu);
  r.add_all<Mean, kNumeric>("Mean", kCpu);
  r.add_all<Prod, kNumeric>("Prod", kCpu);
  r.add_all<EuclideanNorm, kNumeric>("EuclideanNorm", kCpu);
}

}  // namespace thalweg::kernels
