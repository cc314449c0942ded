// Orthogonal decompositions: QR, eigenvalues of self-adjoint matrices, singular values.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>

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

template <class T>
struct Svd {
  bool vectors, full;
  explicit Svd(const KernelInit& init)
      : vectors(init.attr<bool>("compute_uv")), full(init.attr<bool>("full_matrices")) {}

  void operator()(KernelContext& k) const {
    double m = double(k.in(0).shape()[-2]), n = double(k.in(0).shape()[-1]);
    for_each_matrix(k, batch_of(k.in(0).shape()), 10 * m * n * std::min(m, n), [&](int64_t i) {
      auto x = matrix<T>(k.in(0), i);
      if (x.size() == 0) {
        if (vectors) matrix<T>(k.out(1), i).setIdentity(), matrix<T>(k.out(2), i).setIdentity();
        return;
      }
      constexpr unsigned kFull = Eigen::ComputeFullU | Eigen::ComputeFullV,
                         kThin = Eigen::ComputeThinU | Eigen::ComputeThinV;
      // Column-major: Eigen's code for it is the better trodden one.
      Eigen::BDCSVD<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> svd(x, vectors ? full ? kFull : kThin : 0u);
      if (svd.info() == Eigen::Success) {
        vector<T>(k.out(0), i) = svd.singularValues().template cast<T>();
        if (vectors) matrix<T>(k.out(1), i) = svd.matrixU(), matrix<T>(k.out(2), i) = svd.matrixV();
      } else {  // the input is not finite
        T nan(std::numeric_limits<Real<T>>::quiet_NaN());
        vector<T>(k.out(0), i).setConstant(nan);
        if (vectors) matrix<T>(k.out(1), i).setConstant(nan), matrix<T>(k.out(2), i).setConstant(nan);
      }
    });
  }
};

}  // namespace

void register_decompositions(KernelRegistry& r) {
  r.add_all<Qr, kLinalg>("Qr", kCpu);
  r.add_all<SelfAdjointEig, kLinalg>("SelfAdjointEigV2", kCpu);
  r.add_all<Svd, kLinalg>("Svd", kCpu);
}

}  // namespace thalweg::kernels
