// Softmax and the cross-entropies over it.
#include "cuda/softmax.cuh"

#include "cuda/families.h"
#include "cuda/types.h"

namespace thalweg::cuda {
namespace {

Grid row_grid(int64_t rows, int64_t cols) { return grid_of_rows(rows, cols <= 1024 ? kWarp : kThreads); }

template <class T, bool log>
struct Softmax {
  void operator()(KernelContext& k) const {
    const Shape& s = k.in(0).shape();
    if (s.size() == 0) return;
    int64_t cols = s[-1], rows = s.size() / cols;
    launch(k, softmax<T, log>, row_grid(rows, cols), k.in<T>(0), k.out<T>(0), rows, cols);
  }
};

template <class T>
struct Xent {
  void operator()(KernelContext& k) const {
    int64_t rows = k.out(1).dim(0), cols = k.out(1).dim(1);
    if (rows == 0) return;
    launch(k, xent<T>, row_grid(rows, cols), matrix(k.in(0)), matrix(k.in(1)), k.out<T>(0), k.out<T>(1), rows, cols);
  }

 private:
  static Matrix<T> matrix(const Tensor& t) { return {t.ptr<T>(), t.dim(0) == 1 ? 0 : t.dim(1), t.dim(1) == 1 ? 0 : 1}; }
};

template <class T>
struct SparseXent {
  DType labels;
  explicit SparseXent(const KernelInit& init) : labels(init.attr<DType>("Tlabels")) {}

  void operator()(KernelContext& k) const {
    int64_t rows = k.in(0).dim(0), cols = k.in(0).dim(1);
    if (rows == 0) return;
    TW_CHECK(cols > 0, "Must have at least one class, but got logits shape ", k.in(0).shape());
    visit<kIndex>(labels, [&]<class I>() {
      launch(k, sparse_xent<T, I>, row_grid(rows, cols), k.in<T>(0), k.in<I>(1), k.out<T>(0), k.out<T>(1), rows, cols);
    });
  }
};

}  // namespace

void register_softmax(KernelRegistry& r) {
  for_each_dtype<kFloating>([&]<class T>() {
    register_kernel<Softmax<T, false>, T>(r, "Softmax");
    register_kernel<Softmax<T, true>, T>(r, "LogSoftmax");
    register_kernel<Xent<T>, T>(r, "SoftmaxCrossEntropyWithLogits");
    register_kernel<SparseXent<T>, T>(r, "SparseSoftmaxCrossEntropyWithLogits");
  });
}

}  // namespace thalweg::cuda
