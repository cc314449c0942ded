// Matrix products C = A B of any strides: packed, tiled, threaded. The bits do not depend on the number of threads:
// each element of C is one sum over k in one order.
#pragma once

#include "thalweg/core/tensor.h"
#include "thalweg/kernels/finish.h"
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

/// B copied once into the order in which products read it, for a weight that does not change.
template <class T>
struct PackedMatrix {
  int64_t rows = 0, cols = 0;
  Tensor data;  // of SumType<T>: panels, or where there are few columns, one after the other
  bool few = false;

  PackedMatrix() = default;
  explicit PackedMatrix(const MatrixView<T>& b);
  const SumType<T>* panels() const { return few ? nullptr : data.ptr<SumType<T>>(); }
  MatrixView<T> columns() const;  // B as it lies here if `few`
};

/// The order of a product's loops.
enum class GemmPath : uint8_t {
  kEmpty,    // nothing to add: C is empty or zero
  kCombine,  // a row vector times B: rows of B pass by
  kDot,      // few columns, operands contiguous along the sum: lanes run along the sum
  kAcross,   // few columns, A contiguous along C's rows: lanes run along the rows
  kRows,     // B stays in the second-level cache, tiles of rows pass over it
  kColumns,  // A stays there, panels of B pass over it
  kBlocks,   // neither fits: strips of B stay there, packed, while A passes
};

/// What a product of one shape needs: decided once, used for every product of that shape.
template <class T>
struct GemmPlan {
  using S = SumType<T>;
  int64_t m = 0, n = 0, k = 0;
  GemmPath path = GemmPath::kEmpty;
  bool mirrored = false;                       // kCombine, kDot: of C^T = B^T A^T
  bool pack_a = false;                         // else A is read where it lies
  int64_t in_place = 0;                        // kRows, kColumns: so many panels of B are read where they lie
  int64_t a_size = 0, b_size = 0, c_size = 0;  // scratch, in elements of S
  GemmPlan(const MatrixView<T>& a, const MatrixView<T>& b) : GemmPlan(a, b, false) {}
  GemmPlan(const MatrixView<T>& a, const PackedMatrix<T>& b)
      : GemmPlan(a, b.few ? b.columns() : MatrixView<T>(nullptr, b.rows, b.cols, false), !b.few) {}
  int64_t scratch() const { return a_size + b_size + c_size; }
  /// Elements of S that gemm_blocks needs.
  int64_t block_scratch() const;
  /// As a small product runs; large ones are a third faster.
  double cost_ns() const { return double(m) * double(n) * double(k) / (sizeof(S) == 4 ? 40 : 20); }

  /// kRows, if C's blocks are complete after one run of the sum: how many are in the making at a time, and elements of
  /// one; 0: C has to be somewhere as a whole.
  int64_t blocks() const;
  int64_t block_size() const;

 private:
  GemmPlan(const MatrixView<T>& a, const MatrixView<T>& b, bool packed);
};

/// What a product does beside C while its operands and its result are in cache.
template <class T>
struct GemmExtras {
  Finish finish;        // called for each finished block of C, whole rows where the shape allows it
  T* b_sums = nullptr;  // b_sums[j] = sum of B[p][j] over p: the gradient of a bias where B is the output's gradient
};

/// C (row-major, rows c_stride apart) = A B, with `scratch` of plan.scratch() elements. `pool` null: on this thread.
template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const GemmExtras<T>& extras = {});
/// The same for a packed B, which offers no sums of its columns.
template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const PackedMatrix<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const Finish& finish = {});

/// The product in blocks that `finish` gets to see and nobody else; its argument `block` is never null. `scratch` of
/// plan.block_scratch() elements.
template <class T>
void gemm_blocks(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, SumType<T>* scratch,
                 ThreadPool* pool, const Finish& finish);

/// The whole product within a kernel. B is a MatrixView<T> or a PackedMatrix<T>.
template <class T, class B>
void gemm(KernelContext& ctx, const MatrixView<T>& a, const B& b, T* c, const GemmExtras<T>& extras = {}) {
  GemmPlan<T> plan(a, b);
  SumType<T>* scratch = plan.scratch() > 0 ? ctx.scratch<SumType<T>>(plan.scratch()) : nullptr;
  if constexpr (std::is_same_v<B, PackedMatrix<T>>) {
    gemm(plan, a, b, c, b.cols, scratch, &ctx.pool(), extras.finish);
  } else {
    gemm(plan, a, b, c, b.cols, scratch, &ctx.pool(), extras);
  }
}

}  // namespace thalweg::kernels
