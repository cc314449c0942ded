// The reductions and their kin as kernels.
#include "cuda/reduce.cuh"

#include "cuda/families.h"
#include "cuda/types.h"

namespace thalweg::cuda {
namespace {

/// Axes as a bit mask; the values were checked by inference.
uint32_t axes_mask(const Tensor& axes, int rank) {
  uint32_t mask = 0;
  visit<kIndex>(axes.dtype(), [&]<class I>() {
    for (I a : axes.flat<I>()) mask |= 1u << (a < 0 ? a + rank : a);
  });
  return mask;
}

template <class R>
struct Reduce {
  void operator()(KernelContext& k) const {
    const Tensor& x = k.in(0);
    reduce<R>(k, make_reduction(x.shape(), axes_mask(k.in(1), x.rank())), x.ptr<typename R::In>(),
              k.out<typename R::Out>(0));
  }
};

template <template <class> class R, DTypeSet types>
void add(KernelRegistry& r, std::string_view op) {
  for_each_dtype<types>([&]<class T>() { register_kernel<Reduce<R<T>>, T>(r, op).host_inputs = {1}; });
}

constexpr DTypeSet kIndices = kIndex | DTypeSet{DType::int16, DType::uint16};

template <class I>
__global__ void narrow(const int64_t* from, I* to, int64_t n) {
  for (int64_t i : Elements(n)) to[i] = I(from[i]);
}

template <class T, bool largest>
struct ArgReduce {
  DType index;
  explicit ArgReduce(const KernelInit& init) : index(init.attr<DType>("output_type")) {}

  void operator()(KernelContext& k) const {
    const Tensor& x = k.in(0);
    int64_t axis = 0;
    visit<kSigned>(k.in(1).dtype(), [&]<class I>() { axis = k.in(1).item<I>(); });
    Reduction r = make_reduction(x.shape(), 1u << (axis < 0 ? axis + x.rank() : axis));
    using R = ArgExtreme<T, largest>;
    if (index == DType::int64) return reduce<R>(k, r, x.ptr<T>(), k.out<int64_t>(0));
    auto* wide = k.scratch<int64_t>(r.outputs);
    reduce<R>(k, r, x.ptr<T>(), wide);
    visit<kIndices - DTypeSet{DType::int64}>(
        index, [&]<class I>() { launch(k, narrow<I>, grid_for(r.outputs), wide, k.out<I>(0), r.outputs); });
  }
};

template <class T>
struct L2Loss {
  void operator()(KernelContext& k) const {
    reduce<HalfSumSquares<T>>(k, make_reduction(Shape{k.in(0).size()}, 1), k.in<T>(0), k.out<T>(0));
  }
};

/// Sums over all but the channels.
template <class T>
struct BiasAddGrad {
  bool channels_first;
  explicit BiasAddGrad(const KernelInit& init) : channels_first(init.attr<std::string>("data_format") == "NCHW") {}

  void operator()(KernelContext& k) const {
    const Shape& shape = k.in(0).shape();
    uint32_t all = (1u << shape.rank()) - 1, channel = 1u << (channels_first ? 1 : shape.rank() - 1);
    reduce<Sum<T>>(k, make_reduction(shape, all & ~channel), k.in<T>(0), k.out<T>(0));
  }
};

}  // namespace

void register_reduce(KernelRegistry& r) {
  add<Sum, kTypes>(r, "Sum");
  add<Mean, kTypes>(r, "Mean");
  add<Prod, kTypes>(r, "Prod");
  add<Max, kTypes>(r, "Max");
  add<Min, kTypes>(r, "Min");
  add<EuclideanNorm, kFloating>(r, "EuclideanNorm");
  r.add<Reduce<All>>("All", kGpu).host_inputs = {1};
  r.add<Reduce<Any>>("Any", kGpu).host_inputs = {1};
  for_each_dtype<kTypes>([&]<class T>() {
    register_kernel<ArgReduce<T, true>, T>(r, "ArgMax").host_inputs = {1};
    register_kernel<ArgReduce<T, false>, T>(r, "ArgMin").host_inputs = {1};
  });
  r.add_all<L2Loss, kFloating>("L2Loss", kGpu);
  r.add_all<BiasAddGrad, kTypes>("BiasAddGrad", kGpu);
}

}  // namespace thalweg::cuda
