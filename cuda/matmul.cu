// Matrix products, single and in batches, and the bias that goes with them.
#include "cuda/matmul.cuh"

#include "cuda/families.h"
#include "cuda/types.h"
#include "cuda/walk.h"

namespace thalweg::cuda {
namespace {

template <class T>
void multiply(KernelContext& k, LtMatMul& lt, const Product& p, const T* a, const T* b, T* c) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.k > 0 && lt.run(k, dtype_of<T>, p, a, b, c)) return;
  launch(k, matmul<T>, matmul_grid(p), a, b, c, p);  // zeros if k is 0
}

template <class T>
struct MatMul {
  bool transpose_a, transpose_b;
  LtMatMul lt;
  explicit MatMul(const KernelInit& init)
      : transpose_a(init.attr<bool>("transpose_a")), transpose_b(init.attr<bool>("transpose_b")) {}

  void operator()(KernelContext& k) {
    const Shape &a = k.in(0).shape(), &c = k.out(0).shape();
    Product p{
        .m = c[0], .n = c[1], .k = a[transpose_a ? 0 : 1], .transpose_a = transpose_a, .transpose_b = transpose_b};
    multiply(k, lt, p, k.in<T>(0), k.in<T>(1), k.out<T>(0));
  }
};

/// The dimensions before the last two broadcast.
template <class T>
struct BatchMatMul {
  bool transpose_a, transpose_b;
  LtMatMul lt;
  explicit BatchMatMul(const KernelInit& init)
      : transpose_a(init.attr<bool>("adj_x")), transpose_b(init.attr<bool>("adj_y")) {}

  void operator()(KernelContext& k) {
    const Shape &a = k.in(0).shape(), &b = k.in(1).shape(), &c = k.out(0).shape();
    Product p{
        .m = c[-2], .n = c[-1], .k = a[transpose_a ? -2 : -1], .transpose_a = transpose_a, .transpose_b = transpose_b};
    Shape batch_a = lead(a), batch_b = lead(b), batch_c = lead(c);
    Walk<2> walk = broadcast_walk<2>(batch_c, {&batch_a, &batch_b});
    if (walk.size == 0) return;
    // Batches that go evenly are one call; others one per matrix of the outer dimensions.
    p.batch = walk.rank == 0 ? 1 : walk.dims[walk.rank - 1];
    if (walk.rank > 0) {
      p.stride_a = walk.strides[0][walk.rank - 1] * p.m * p.k;
      p.stride_b = walk.strides[1][walk.rank - 1] * p.k * p.n;
    }
    for (int64_t i = 0; i < walk.size; i += p.batch) {
      int64_t at[2];
      walk.find(i, at);
      multiply(k, lt, p, k.in<T>(0) + at[0] * p.m * p.k, k.in<T>(1) + at[1] * p.k * p.n, k.out<T>(0) + i * p.m * p.n);
    }
  }

 private:
  static Shape lead(const Shape& s) { return Shape(s.dims().first(size_t(s.rank() - 2))); }
};

/// y = x + bias along the channels: the last axis, or axis 1 for NCHW.
template <class T>
struct BiasAdd {
  bool channels_first;
  explicit BiasAdd(const KernelInit& init)
      : channels_first(init.attrs.get_or<std::string>("data_format", "NHWC") == "NCHW") {}

  void operator()(KernelContext& k) const {
    const Shape& s = k.in(0).shape();
    if (s.size() == 0) return;
    int64_t inner = channels_first ? s.size(2, s.rank()) : 1;
    launch(k, bias_add<T>, grid_for(s.size()), k.in<T>(0), k.in<T>(1), k.out<T>(0), s.size(), k.in(1).size(), inner);
  }
};

}  // namespace

void register_matmul(KernelRegistry& r) {
  for_each_dtype<kTypes>([&]<class T>() {
    register_kernel<MatMul<T>, T>(r, "MatMul");
    register_kernel<BatchMatMul<T>, T>(r, "BatchMatMul");
    register_kernel<BatchMatMul<T>, T>(r, "BatchMatMulV2");
    register_kernel<BiasAdd<T>, T>(r, "BiasAdd");
    register_kernel<BiasAdd<T>, T>(r, "BiasAddV1");
  });
}

}  // namespace thalweg::cuda
