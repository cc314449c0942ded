// Elementwise kernels over the op structs of ops/unary.h, binary.h and compare.h. In and out may be the same memory:
// every thread reads its elements before it writes, and only operands of the output's own shape are ever reused.
#pragma once

#include "cuda/launch.h"
#include "cuda/types.h"
#include "cuda/walk.h"
#include "thalweg/ops/elementwise.h"

namespace thalweg::cuda {

/// A number as a formula sees it: half and bfloat16 as float.
template <class T>
using Number = Lane<Compute<T>>;

/// The element type that a formula's result is stored as: T for numbers like its arguments, else the result's own.
template <class T, class Result>
struct StoredType {
  using type = Result;  // bool
};
template <class T, class V>
struct StoredType<T, Lane<V>> {
  using type = std::conditional_t<std::is_same_v<V, Compute<T>>, T, V>;
};
template <class T, class Result>
using Stored = typename StoredType<T, Result>::type;

template <class U, class Result>
__device__ U to_stored(Result x) {
  if constexpr (std::is_same_v<Result, bool>)
    return x;
  else
    return U(x.v);
}

template <class Op, class T>
using UnaryOut = Stored<T, decltype(std::declval<const Op&>().f(std::declval<Number<T>>()))>;
template <class Op, class T>
using BinaryOut =
    Stored<T, decltype(std::declval<const Op&>().f(std::declval<Number<T>>(), std::declval<Number<T>>()))>;

template <class Op, class T>
__global__ void unary(Op op, const T* x, UnaryOut<Op, T>* y, int64_t n) {
  for (int64_t i : Elements(n)) y[i] = to_stored<UnaryOut<Op, T>>(op.f(Number<T>(Compute<T>(x[i]))));
}

template <class Op, class T>
__global__ void binary(Op op, const T* a, const T* b, BinaryOut<Op, T>* z, Walk<2> walk) {
  for (int64_t i : Elements(walk.size)) {
    int64_t at[2];
    walk.find(i, at);
    z[i] = to_stored<BinaryOut<Op, T>>(op.f(Number<T>(Compute<T>(a[at[0]])), Number<T>(Compute<T>(b[at[1]]))));
  }
}

template <class T>
__global__ void fill(T* out, T value, int64_t n) {
  for (int64_t i : Elements(n)) out[i] = value;
}

template <class Op, class T>
struct UnaryKernel {
  Op op;
  explicit UnaryKernel(const KernelInit& init) : op(make_op<Op>(init.attrs)) {}

  void operator()(KernelContext& k) const {
    int64_t n = k.in(0).size();
    if (n == 0) return;
    launch(k, unary<Op, T>, grid_for(n), op, k.in<T>(0), k.out<UnaryOut<Op, T>>(0), n);
  }
};

template <class Op, class T>
struct BinaryKernel {
  Op op;
  explicit BinaryKernel(const KernelInit& init) : op(make_op<Op>(init.attrs)) {}

  void operator()(KernelContext& k) const {
    const Tensor &a = k.in(0), &b = k.in(1);
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    if constexpr (requires { Op::kOtherwise; }) {
      if (!broadcasts(a.shape(), b.shape())) {  // allowed by an attribute; the result is one element
        launch(k, fill<bool>, grid_for(1), k.out<bool>(0), Op::kOtherwise, int64_t(1));
        return;
      }
    }
    Walk<2> walk = broadcast_walk<2>(out.shape(), {&a.shape(), &b.shape()});
    launch(k, binary<Op, T>, grid_for(walk.size), op, a.ptr<T>(), b.ptr<T>(), k.out<BinaryOut<Op, T>>(0), walk);
  }

 private:
  static bool broadcasts(const Shape& a, const Shape& b) {
    for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
      if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1) return false;
    }
    return true;
  }
};

/// Integer division and powers stay on the CPU, which can refuse a zero divisor or a negative exponent.
template <class Op>
inline constexpr bool kChecksIntegers = requires { Op::kDivides; } || requires { Op::kRaises; };

/// The types of T that `Op` runs with on a GPU.
template <class Op>
constexpr DTypeSet gpu_types() {
  return Op::info.dtypes & (kChecksIntegers<Op> ? kFloating : kTypes | kBool);
}

/// K<Op, T> for every op of a list and every type it has.
template <template <class, class> class K, class Ops>
void add_ops(KernelRegistry& r) {
  for_each_op(Ops{}, [&]<class Op>() {
    std::string_view text = Op::info.signature.text();
    std::string_view name = text.substr(0, text.find('('));
    constexpr DTypeSet set = gpu_types<Op>();
    for_each_dtype<set>([&]<class T>() {
      if constexpr (std::is_same_v<T, bool> && Op::info.dtypes == kBool) {
        r.add<K<Op, T>>(name, kGpu);  // no type attribute: always bool
      } else {
        register_kernel<K<Op, T>, T>(r, name);
      }
    });
  });
}

}  // namespace thalweg::cuda
