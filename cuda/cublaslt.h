// Matrix products by cuBLASLt, which is opened when first needed: from PyPI's nvidia-cublas beside this package, or the
// system's. Machines without it use the plain kernel in matmul.cu.
#pragma once

#include <mutex>

#include "thalweg/registry/kernel.h"

namespace thalweg::cuda {

/// c[m,n] = a b for each matrix of a batch; row-major. a is [m,k], or [k,m] if transposed; b is [k,n], or [n,k].
struct Product {
  int64_t m = 0, n = 0, k = 0, batch = 1;
  bool transpose_a = false, transpose_b = false;
  int64_t stride_a = 0, stride_b = 0;  // elements from one matrix of the batch to the next; 0: the same one
  bool operator==(const Product&) const = default;
};

/// A node's products; keeps the algorithm chosen last, since most nodes always see the same shapes.
class LtMatMul {
 public:
  /// False if cuBLASLt is not there or has no algorithm for this product; nothing has happened then.
  bool run(KernelContext& k, DType dtype, const Product& p, const void* a, const void* b, void* c);

 private:
  struct Choice {
    Product product;
    int alignment = 0;
    bool usable = false;
    uint64_t algorithm[8]{};  // cublasLtMatmulAlgo_t
    size_t workspace = 0;
  };
  std::mutex mutex_;
  Choice last_;
};

}  // namespace thalweg::cuda
