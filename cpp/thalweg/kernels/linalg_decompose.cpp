// Orthogonal decompositions: QR, eigenvalues of self-adjoint matrices.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>

#include "thalweg/kernels/linalg.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct Qr {
  bool full;
  explicit Qr(const KernelInit& init) : full(init.attr<bool>("full_matrices")) {}
  void operator()(KernelContext& k) const {
    double m = double(k.in(0).shape()[-2]), n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), 2 * m * n * std::min(m, n), [&](int64_t i) {
      auto x = matrix<T>(k.in(0), i);
      auto q = matrix<T>(k.out(0), i), r = matrix<T>(k.out(1), i);
      q.setIdentity();
      r.setZero();
      if (x.size() == 0) return;
      Eigen::HouseholderQR<Matrix<T>> qr(x);
      q = qr.householderQ() * Matrix<T>::Identity(q.rows(), q.cols());
      r = qr.matrixQR().topRows(r.rows()).template triangularView<Eigen::Upper>();
    });
  }
};

template <class T>
struct SelfAdjointEig {
  bool vectors;
  explicit SelfAdjointEig(const KernelInit& init) : vectors(init.attr<bool>("compute_v")) {}
  void operator()(KernelContext& k) const {
    double n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), 10 * n * n * n, [&](int64_t i) {
      auto x = matrix<T>(k.in(0), i);
      if (x.rows() == 0) return;
      Eigen::SelfAdjointEigenSolver<Matrix<T>> eig(x, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
      TW_CHECK(eig.info() == Eigen::Success,
               "Self-adjoint eigen decomposition was not successful. The input might "
               "not be valid.");
      vector<T>(k.out(0), i) = eig.eigenvalues().template cast<T>();
      if (vectors) matrix<T>(k.out(1), i) = eig.eigenvectors();
    });
  }
};

}  // namespace

void register_decompositions(KernelRegistry& r) {
  r.add_all<Qr, kLinalg>("Qr", kCpu);
  r.add_all<SelfAdjointEig, kLinalg>("SelfAdjointEigV2", kCpu);
}

}  // namespace thalweg::kernels
