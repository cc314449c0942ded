// Kernels of any diagonals of matrices, packed as rows.
#include "thalweg/ops/diagonals.h"

#include <algorithm>

#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

/// The diagonals of matrices of shape `s` that tensor `k` names.
ops::Diagonals diagonals(const Shape& s, const Tensor& k, std::string_view align) {
  const int32_t* range = k.ptr<int32_t>();
  TW_CHECK(k.size() == 1 || k.size() == 2, "diag_index must have one or two elements, received shape: ", k.shape());
  return {s[-2], s[-1], range[0], range[k.size() - 1], align};
}

/// f(packed, matrix, length, step) for every diagonal of `count` matrices: where it begins on either side, and how far
/// apart its elements lie in the matrix.
template <class F>
void each_diagonal(KernelContext& k, const ops::Diagonals& d, int64_t count, F&& f) {
  int64_t longest = d.longest();
  k.parallel_for(count * d.count(), 5 + 2 * double(longest), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t diagonal = d.upper - i % d.count();
      f(i * longest + d.offset(diagonal), i / d.count() * d.rows * d.cols + d.start(diagonal), d.length(diagonal),
        d.cols + 1);
    }
  });
}

template <class U>
void write(KernelContext& k, const ops::Diagonals& d, int64_t count, const Tensor& packed, U* matrices) {
  const U* x = static_cast<const U*>(packed.data());
  each_diagonal(k, d, count, [&](int64_t from, int64_t to, int64_t length, int64_t step) {
    for (int64_t j = 0; j < length; ++j) matrices[to + j * step] = x[from + j];
  });
}

struct Aligned {
  std::string align;
  explicit Aligned(const KernelInit& init) : align(init.attr<std::string>("align")) {}
};

struct MatrixDiagV3 : Aligned {
  using Aligned::Aligned;
  void operator()(KernelContext& k) const {
    const Shape& shape = k.out(0).shape();
    ops::Diagonals d = diagonals(shape, k.in(1), align);
    visit_size(k.in(0).dtype(), [&]<class U>() {
      U* out = static_cast<U*>(k.out(0).data());
      std::fill_n(out, k.out(0).size(), *static_cast<const U*>(k.in(4).data()));
      write(k, d, shape.size(0, shape.rank() - 2), k.in(0), out);
    });
  }
};

struct MatrixDiagPartV3 : Aligned {
  using Aligned::Aligned;
  void operator()(KernelContext& k) const {
    const Shape& shape = k.in(0).shape();
    ops::Diagonals d = diagonals(shape, k.in(1), align);
    visit_size(k.in(0).dtype(), [&]<class U>() {
      const U* x = static_cast<const U*>(k.in(0).data());
      U* out = static_cast<U*>(k.out(0).data());
      std::fill_n(out, k.out(0).size(), *static_cast<const U*>(k.in(2).data()));
      each_diagonal(k, d, shape.size(0, shape.rank() - 2), [&](int64_t to, int64_t from, int64_t length, int64_t step) {
        for (int64_t j = 0; j < length; ++j) out[to + j] = x[from + j * step];
      });
    });
  }
};

struct MatrixSetDiagV3 : Aligned {
  using Aligned::Aligned;
  void operator()(KernelContext& k) const {
    const Shape& shape = k.in(0).shape();
    ops::Diagonals d = diagonals(shape, k.in(2), align);
    visit_size(k.in(0).dtype(), [&]<class U>() {
      U* out = static_cast<U*>(k.out(0).data());
      std::copy_n(static_cast<const U*>(k.in(0).data()), k.in(0).size(), out);
      write(k, d, shape.size(0, shape.rank() - 2), k.in(1), out);
    });
  }
};

}  // namespace

void register_diagonals(KernelRegistry& r) {
  r.add<MatrixDiagV3>("MatrixDiagV3", kCpu);
  r.add<MatrixDiagPartV3>("MatrixDiagPartV3", kCpu);
  r.add<MatrixSetDiagV3>("MatrixSetDiagV3", kCpu);
}

}  // namespace thalweg::kernels
