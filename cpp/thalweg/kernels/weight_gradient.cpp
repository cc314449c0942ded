#include "thalweg/kernels/weight_gradient.h"

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/gemm.h"

namespace thalweg::kernels {
namespace {

template <class T>
class Product final : public WeightGradient {
 public:
  explicit Product(const KernelInit&) {}

  /// Alone, where the update runs elsewhere or apart.
  void compute(KernelContext& k) override {
    const Operands o(k.in(0), k.in(1));
    gemm(k, o.x, o.dy, k.out<T>(0));
  }

  Shape shape(const Tensor& x, const Tensor& dy) const override {
    TW_CHECK(x.rank() == 2 && dy.rank() == 2 && x.dim(0) == dy.dim(0), "Incompatible shapes: ", x.shape(), " vs. ",
             dy.shape(), ", whose product is the gradient of the weights");
    return Shape{x.dim(1), dy.dim(1)};
  }

  void* reserve(KernelContext& k, const Tensor& x, const Tensor& dy) const override {
    const Operands o(x, dy);
    return k.scratch<SumType<T>>(GemmPlan<T>(o.x, o.dy).block_scratch());
  }

  void make(KernelContext& k, const Tensor& x, const Tensor& dy, void* reserved, Finish finish) const override {
    const Operands o(x, dy);
    gemm_blocks(GemmPlan<T>(o.x, o.dy), o.x, o.dy, static_cast<SumType<T>*>(reserved), &k.pool(), finish);
  }

 private:
  struct Operands {
    MatrixView<T> x, dy;
    Operands(const Tensor& x, const Tensor& dy)
        : x(x.ptr<T>(), x.dim(0), x.dim(1), true), dy(dy.ptr<T>(), dy.dim(0), dy.dim(1), false) {}
  };
};

}  // namespace

void register_weight_gradient(KernelRegistry& r) {
  for_each_dtype<kFloating>([&]<class T>() {
    KernelEntry e{"_WeightGradient", std::string(kCpu), "T", dtype_of<T>, {}, {}, {}};
    e.make = [](const KernelInit& init) -> std::unique_ptr<Kernel> { return std::make_unique<Product<T>>(init); };
    r.add(std::move(e));
  });
}

}  // namespace thalweg::kernels
