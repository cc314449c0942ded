// The right factor of a product within a kernel: read from an input, or packed once where it is a constant (the weights
// of a network that is only run).
#pragma once

#include <optional>

#include "thalweg/kernels/gemm.h"

namespace thalweg::kernels {

template <class T>
class RightFactor {
 public:
  RightFactor(const KernelInit& init, int input, bool transposed) : input_(input), transposed_(transposed) {
    if (size_t(input) >= init.constants.size() || !init.constants[size_t(input)]) return;
    const Tensor& value = init.constants[size_t(input)];
    if (!value.device().host_memory() || value.size() == 0) return;
    MatrixView<T> b = view(value);
    // Only what a product over a batch of rows would pack every time.
    if (GemmPlan<T>(MatrixView<T>(nullptr, kBatch, b.rows, false), b).b_size > 0) packed_.emplace(b);
  }

  /// c = a B.
  void multiply(KernelContext& k, const MatrixView<T>& a, T* c, const GemmExtras<T>& extras = {}) const {
    if (packed_ && a.rows > 1) {
      gemm(k, a, *packed_, c, extras);
    } else {
      gemm(k, a, view(k.in(input_)), c, extras);
    }
  }

 private:
  static constexpr int64_t kBatch = 64;

  MatrixView<T> view(const Tensor& t) const { return {t.ptr<T>(), t.dim(0), t.dim(1), transposed_}; }

  int input_;
  bool transposed_;
  std::optional<PackedMatrix<T>> packed_;
};

}  // namespace thalweg::kernels
