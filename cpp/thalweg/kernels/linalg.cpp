// Triangular factors and what they solve: Cholesky, inverses, determinants, linear systems.
#include "thalweg/kernels/linalg.h"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct Cholesky {
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), n * n * n / 6, [&](int64_t i) {
      auto x = matrix<T>(k.in(0), i);
      auto y = matrix<T>(k.out(0), i);
      if (x.rows() == 0) return;
      Eigen::LLT<Matrix<T>> llt(x);
      TW_CHECK(llt.info() == Eigen::Success,
               "Cholesky decomposition was not successful. The input might not be valid.");
      y = llt.matrixL();
    });
  }
};

/// Pivots that are all different from zero; InvalidArgument otherwise.
template <class T>
Eigen::PartialPivLU<Matrix<T>> factor(const Matrix<T>& x, const char* otherwise) {
  Eigen::PartialPivLU<Matrix<T>> lu(x);
  TW_CHECK(lu.matrixLU().diagonal().cwiseAbs().minCoeff() > Real<T>(0), otherwise);
  return lu;
}

template <class T>
struct MatrixInverse {
  bool adjoint;
  explicit MatrixInverse(const KernelInit& init) : adjoint(init.attr<bool>("adjoint")) {}
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), n * n * n, [&](int64_t i) {
      Matrix<T> x = matrix<T>(k.in(0), i);
      if (x.rows() == 0) return;
      if (adjoint) x.adjointInPlace();
      matrix<T>(k.out(0), i) = factor<T>(x, "Input is not invertible.").inverse();
    });
  }
};

template <class T>
struct MatrixSolve {
  bool adjoint;
  explicit MatrixSolve(const KernelInit& init) : adjoint(init.attr<bool>("adjoint")) {}
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]), cols = double(k.in(1).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), n * n * (n / 3 + cols), [&](int64_t i) {
      Matrix<T> a = matrix<T>(k.in(0), i);
      if (a.rows() == 0 || k.in(1).shape()[-1] == 0) return;
      if (adjoint) a.adjointInPlace();
      matrix<T>(k.out(0), i) = factor<T>(a, "Input matrix is not invertible.").solve(matrix<T>(k.in(1), i));
    });
  }
};

template <class T>
struct MatrixTriangularSolve {
  bool lower, adjoint;
  explicit MatrixTriangularSolve(const KernelInit& init)
      : lower(init.attr<bool>("lower")), adjoint(init.attr<bool>("adjoint")) {}

  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]), cols = double(k.in(1).shape()[-1]);
    if (k.out(0).size() == 0) return;
    for_each_matrix(k, batch_of(k.out(0).shape()), n * n * cols / 2, [&](int64_t i) {
      auto a = matrix<T>(k.in(0), source(k.out(0).shape(), k.in(0).shape(), i));
      auto b = matrix<T>(k.in(1), source(k.out(0).shape(), k.in(1).shape(), i));
      auto y = matrix<T>(k.out(0), i);
      TW_CHECK(a.diagonal().cwiseAbs().minCoeff() > Real<T>(0), "Input matrix is not invertible.");
      if (lower && adjoint) y = a.template triangularView<Eigen::Lower>().adjoint().solve(b);
      if (lower && !adjoint) y = a.template triangularView<Eigen::Lower>().solve(b);
      if (!lower && adjoint) y = a.template triangularView<Eigen::Upper>().adjoint().solve(b);
      if (!lower && !adjoint) y = a.template triangularView<Eigen::Upper>().solve(b);
    });
  }

  /// The matrix of a broadcast batch `in` that serves matrix `i` of the batch `out`.
  static int64_t source(const Shape& out, const Shape& in, int64_t i) {
    int64_t at = 0, stride = 1;
    for (int d = 1; d <= in.rank() - 2; ++d) {
      int64_t size = out[-2 - d], own = in[-2 - d];
      if (own != 1) at += i % size * stride;
      stride *= own;
      i /= size;
    }
    return at;
  }
};

/// A determinant as a factor of magnitude 1 and the logarithm of the magnitude, which does not overflow.
template <class T>
std::pair<T, Real<T>> log_determinant(const Matrix<T>& x) {
  T sign(1);
  Real<T> log(0);
  if (x.rows() == 0) return {sign, log};
  Eigen::PartialPivLU<Matrix<T>> lu(x);
  sign = T(Real<T>(lu.permutationP().determinant()));
  for (int64_t i = 0; i < x.rows(); ++i) {
    T pivot = lu.matrixLU()(i, i);
    Real<T> magnitude = std::abs(pivot);
    if (magnitude == Real<T>(0)) return {T(0), -std::numeric_limits<Real<T>>::infinity()};
    sign *= pivot / magnitude;
    log += std::log(magnitude);
  }
  return {sign, log};
}

template <class T>
struct MatrixDeterminant {
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), n * n * n / 3, [&](int64_t i) {
      Matrix<T> x = matrix<T>(k.in(0), i);
      k.out<T>(0)[i] = x.rows() == 0 ? T(1) : Eigen::PartialPivLU<Matrix<T>>(x).determinant();
    });
  }
};

template <class T>
struct LogMatrixDeterminant {
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), n * n * n / 3, [&](int64_t i) {
      auto [sign, log] = log_determinant<T>(matrix<T>(k.in(0), i));
      k.out<T>(0)[i] = sign;
      k.out<T>(1)[i] = T(log);
    });
  }
};

}  // namespace

void register_linalg(KernelRegistry& r) {
  r.add_all<Cholesky, kLinalg>("Cholesky", kCpu);
  r.add_all<MatrixInverse, kLinalg>("MatrixInverse", kCpu);
  r.add_all<MatrixDeterminant, kLinalg>("MatrixDeterminant", kCpu);
  r.add_all<LogMatrixDeterminant, kLinalg>("LogMatrixDeterminant", kCpu);
  r.add_all<MatrixSolve, kLinalg>("MatrixSolve", kCpu);
  r.add_all<MatrixTriangularSolve, kLinalg>("MatrixTriangularSolve", kCpu);
  register_decompositions(r);
  register_singular_values(r);
}

}  // namespace thalweg::kernels
