// Cast and Select on the GPU.
#include "cuda/families.h"
#include "cuda/launch.h"
#include "cuda/types.h"
#include "cuda/walk.h"

namespace thalweg::cuda {
namespace {

/// Numbers to integers go toward zero, integers wrap, anything but 0 is true (NaN is).
template <class U, class T>
__device__ U converted(T x) {
  using A = Compute<T>;
  if constexpr (std::is_same_v<U, bool>)
    return A(x) != A(0);
  else if constexpr (is_complex<U>)
    return U(typename U::value_type(A(x)));
  else
    return U(Compute<U>(A(x)));
}

template <class T, class U>
__global__ void cast(const T* x, U* y, int64_t n) {
  for (int64_t i : Elements(n)) y[i] = converted<U>(x[i]);
}

template <class T>
struct Cast {
  DType to;
  explicit Cast(const KernelInit& init) : to(init.attr<DType>("DstT")) {}

  void operator()(KernelContext& k) const {
    int64_t n = k.in(0).size();
    if (n == 0) return;
    visit<kNumeric | kBool>(to, [&]<class U>() {
      if constexpr (std::is_same_v<T, U>)
        k.device().copy(k.out(0).data(), k.in(0).data(), k.in(0).bytes());
      else
        launch(k, cast<T, U>, grid_for(n), k.in<T>(0), k.out<U>(0), n);
    });
  }
};

template <class U>
__global__ void select(const bool* condition, const U* t, const U* e, U* out, Walk<3> walk) {
  for (int64_t i : Elements(walk.size)) {
    int64_t at[3];
    walk.find(i, at);
    out[i] = condition[at[0]] ? t[at[1]] : e[at[2]];
  }
}

/// Elements are moved by size: U is an unsigned integer as wide as they are. The older Select has a condition that is a
/// scalar, a vector over rows, or of the output's shape.
template <class U, bool broadcasts>
struct Select {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    Shape condition = k.in(0).shape();
    if (!broadcasts && condition.rank() == 1) {
      while (condition.rank() < out.rank()) condition.push_back(1);
    }
    Walk<3> walk = broadcast_walk<3>(out.shape(), {&condition, &k.in(1).shape(), &k.in(2).shape()});
    launch(k, select<U>, grid_for(walk.size), k.in<bool>(0), static_cast<const U*>(k.in(1).data()),
           static_cast<const U*>(k.in(2).data()), static_cast<U*>(out.data()), walk);
  }
};

template <class U, class T>
void add_select(KernelRegistry& r) {
  register_kernel<Select<U, false>, T>(r, "Select");
  register_kernel<Select<U, true>, T>(r, "SelectV2");
}

}  // namespace

void register_cast(KernelRegistry& r) {
  constexpr DTypeSet kFrom = kTypes | kBool | DTypeSet{DType::uint8, DType::int8};
  for_each_dtype<kFrom>([&]<class T>() { register_kernel<Cast<T>, T>(r, "Cast", "SrcT"); });
  constexpr DTypeSet kMoved = kReal | kBool;
  for_each_dtype<kMoved>([&]<class T>() { add_select<UnsignedOf<T>, T>(r); });
}

}  // namespace thalweg::cuda
