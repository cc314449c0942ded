// Rows of logits: one block per row, narrow rows one warp.
#pragma once

#include "cuda/reduce.cuh"

namespace thalweg::cuda {

/// What the exponentials of a row are measured against: its maximum, and the sum of exp(x - maximum).
template <class A>
struct RowScale {
  A largest, sum;
};

template <class Row>
__device__ auto row_scale(Row x, int64_t cols) {
  using A = decltype(x(0));
  A largest = Max<A>::identity();
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) largest = math::max(largest, x(j));
  largest = reduce_block_for_all<Max<A>>(largest);
  A sum = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) sum += std::exp(x(j) - largest);
  return RowScale<A>{largest, reduce_block_for_all<Sum<A>>(sum)};
}

/// A row of a matrix, as numbers.
template <class T>
struct RowOf {
  const T* p;
  int64_t step;  // 0: one element for the whole row
  __device__ Compute<T> operator()(int64_t j) const { return Compute<T>(p[j * step]); }
};

template <class T, bool log>
__global__ void softmax(const T* x, T* y, int64_t rows, int64_t cols) {
  using A = Compute<T>;
  for (int64_t i : Rows(rows)) {
    RowOf<T> row{x + i * cols, 1};
    RowScale<A> s = row_scale(row, cols);
    A log_sum = std::log(s.sum);
    for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      A d = row(j) - s.largest;
      y[i * cols + j] = T(log ? d - log_sum : std::exp(d) / s.sum);
    }
  }
}

/// A matrix that may be repeated along either dimension.
template <class T>
struct Matrix {
  const T* p;
  int64_t row_step, col_step;
  __device__ RowOf<T> row(int64_t i) const { return {p + i * row_step, col_step}; }
};

template <class T>
__global__ void xent(Matrix<T> features, Matrix<T> labels, T* loss, T* backprop, int64_t rows, int64_t cols) {
  using A = Compute<T>;
  for (int64_t i : Rows(rows)) {
    RowOf<T> x = features.row(i), l = labels.row(i);
    RowScale<A> s = row_scale(x, cols);
    A log_sum = std::log(s.sum), sum = 0;
    for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      A d = x(j) - s.largest, p = l(j);
      sum += p * (log_sum - d);
      backprop[i * cols + j] = T(std::exp(d) / s.sum - p);
    }
    sum = reduce_block<Sum<A>>(sum);
    if (threadIdx.x == 0) loss[i] = T(sum);
  }
}

/// A label outside [0, cols) makes its row NaN: a GPU cannot raise an error at this point.
template <class T, class I>
__global__ void sparse_xent(const T* features, const I* labels, T* loss, T* backprop, int64_t rows, int64_t cols) {
  using A = Compute<T>;
  for (int64_t i : Rows(rows)) {
    RowOf<T> x{features + i * cols, 1};
    RowScale<A> s = row_scale(x, cols);
    int64_t label = int64_t(labels[i]);
    bool valid = label >= 0 && label < cols;
    A nan = std::numeric_limits<A>::quiet_NaN();
    for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
      A p = std::exp(x(j) - s.largest) / s.sum;
      backprop[i * cols + j] = T(valid ? p - (j == label ? A(1) : A(0)) : nan);
    }
    if (threadIdx.x == 0) loss[i] = T(valid ? std::log(s.sum) - (x(label) - s.largest) : nan);
  }
}

}  // namespace thalweg::cuda
