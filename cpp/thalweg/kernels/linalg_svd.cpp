// Singular values.
#include <Eigen/SVD>

#include "thalweg/kernels/linalg.h"

namespace thalweg::kernels {
namespace {

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
      // Column-major: Eigen's code for it is the better trodden one. Its divide and conquer would be faster on large
      // matrices, but takes a compiler minutes and gigabytes.
      Eigen::JacobiSVD<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> svd(x, vectors ? full ? kFull : kThin : 0u);
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

void register_singular_values(KernelRegistry& r) { r.add_all<Svd, kLinalg>("Svd", kCpu); }

}  // namespace thalweg::kernels
