// What the kernels of linear algebra share: matrices of a batch as Eigen's maps, and the loop over a batch.
#pragma once

#include <Eigen/Core>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
template <class T>
using Real = typename Eigen::NumTraits<T>::Real;

/// Matrix `i` of a batch.
template <class T>
Eigen::Map<const Matrix<T>> matrix(const Tensor& t, int64_t i) {
  int64_t rows = t.shape()[-2], cols = t.shape()[-1];
  return {t.ptr<T>() + i * rows * cols, rows, cols};
}
template <class T>
Eigen::Map<Matrix<T>> matrix(Tensor& t, int64_t i) {
  int64_t rows = t.shape()[-2], cols = t.shape()[-1];
  return {t.ptr<T>() + i * rows * cols, rows, cols};
}
template <class T>
Eigen::Map<Vector<T>> vector(Tensor& t, int64_t i) {
  int64_t n = t.shape()[-1];
  return {t.ptr<T>() + i * n, n};
}

inline int64_t batch_of(const Shape& s) { return s.size(0, s.rank() - 2); }

/// f(i) for each matrix of a batch of `count`; `work` multiplications each.
template <class F>
void for_each_matrix(KernelContext& k, int64_t count, double work, F&& f) {
  k.parallel_for(count, 50 + work, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

/// The types of TensorFlow's kernels.
inline constexpr DTypeSet kLinalg = DTypeSet{DType::float32, DType::float64} | kComplex;

void register_decompositions(KernelRegistry& r);
void register_singular_values(KernelRegistry& r);

}  // namespace thalweg::kernels
