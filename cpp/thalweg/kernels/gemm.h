// Matrix products C = A B of any strides: packed, tiled, threaded. The bits do not depend on the number of threads:
// each element of C is one sum over k in one order.
#pragma once

#include "thalweg/kernels/packet.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// A matrix in memory; a transposition is an exchange of strides.
template <class T>
struct MatrixView {
  const T* data = nullptr;
  int64_t rows = 0, cols = 0, row_stride = 0, col_stride = 1;

  MatrixView() = default;
  /// Row-major storage of `stored_rows` x `stored_cols`, read transposed if asked.
  MatrixView(const T* p, int64_t stored_rows, int64_t stored_cols, bool transposed)
      : data(p), rows(stored_rows), cols(stored_cols), row_stride(stored_cols) {
    if (transposed) *this = this->transposed();
  }
  MatrixView transposed() const {
    MatrixView t = *this;
    std::swap(t.rows, t.cols);
    std::swap(t.row_stride, t.col_stride);
    return t;
  }
};

/// What a product of one shape needs: decided once, used for every product of that shape.
template <class T>
struct GemmPlan {
  using S = SumType<T>;
  int64_t m = 0, n = 0, k = 0;
  bool pack_a = false, pack_b = false, vector = false;  // vector: one row or one column, no tiles
  int64_t a_size = 0, b_size = 0, c_size = 0;           // scratch, in elements of S
  GemmPlan(const MatrixView<T>& a, const MatrixView<T>& b);
  int64_t scratch() const { return a_size + b_size + c_size; }
  double cost_ns() const { return double(m) * double(n) * double(k) / (sizeof(S) == 4 ? 50 : 25); }
};

/// C (row-major, rows c_stride apart) = A B, with `scratch` of plan.scratch() elements. `pool` null: on this thread.
template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool);

/// The whole product within a kernel.
template <class T>
void gemm(KernelContext& ctx, const MatrixView<T>& a, const MatrixView<T>& b, T* c) {
  GemmPlan<T> plan(a, b);
  SumType<T>* scratch = plan.scratch() > 0 ? ctx.scratch<SumType<T>>(plan.scratch()) : nullptr;
  gemm(plan, a, b, c, b.cols, scratch, &ctx.pool());
}

}  // namespace thalweg::kernels
