// Kernels of diagonals and bands.
#include <algorithm>

#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

struct Diag {
  void operator()(KernelContext& k) const {
    int64_t n = k.in(0).size();
    zero(k, k.out(0));
    StridedCopy copy;
    copy.axis(n, 1, n + 1);
    copy.run(k, k.in(0), k.out(0));
  }
};

struct DiagPart {
  void operator()(KernelContext& k) const {
    int64_t n = k.out(0).size();
    StridedCopy copy;
    copy.axis(n, n + 1, 1);
    copy.run(k, k.in(0), k.out(0));
  }
};

/// Matrices are rows x cols; `n` elements of their diagonals stand cols + 1 apart.
struct Matrices {
  int64_t count, rows, cols, n;
  explicit Matrices(const Shape& s)
      : count(s.size(0, s.rank() - 2)), rows(s[-2]), cols(s[-1]), n(std::min(rows, cols)) {}
};

void write_diagonals(KernelContext& k, const Tensor& diagonal, Tensor& out) {
  Matrices m(out.shape());
  StridedCopy copy;
  copy.axis(m.count, m.n, m.rows * m.cols);
  copy.axis(m.n, 1, m.cols + 1);
  copy.run(k, diagonal, out);
}

struct MatrixDiag {
  void operator()(KernelContext& k) const {
    zero(k, k.out(0));
    write_diagonals(k, k.in(0), k.out(0));
  }
};

struct MatrixDiagPart {
  void operator()(KernelContext& k) const {
    Matrices m(k.in(0).shape());
    StridedCopy copy;
    copy.axis(m.count, m.rows * m.cols, m.n);
    copy.axis(m.n, m.cols + 1, 1);
    copy.run(k, k.in(0), k.out(0));
  }
};

struct MatrixSetDiag {
  void operator()(KernelContext& k) const {
    StridedCopy whole;
    whole.axis(k.in(0).size(), 1, 1);
    whole.run(k, k.in(0), k.out(0));
    write_diagonals(k, k.in(1), k.out(0));
  }
};

struct MatrixBandPart {
  void operator()(KernelContext& k) const {
    Matrices m(k.in(0).shape());
    int64_t lower = to_ints(k.in(1))[0], upper = to_ints(k.in(2))[0];
    TW_CHECK(lower <= m.rows, "num_lower must be negative or less or equal to number of rows (", m.rows,
             ") got: ", lower);
    TW_CHECK(upper <= m.cols, "num_upper must be negative or less or equal to number of columns (", m.cols,
             ") got: ", upper);
    visit_size(k.in(0).dtype(), [&]<class U>() {
      const U* x = static_cast<const U*>(k.in(0).data());
      U* y = static_cast<U*>(k.out(0).data());
      k.parallel_for(m.count * m.rows, 3 + 0.1 * double(m.cols) * sizeof(U), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          int64_t row = n % m.rows;
          int64_t from = lower < 0 ? 0 : std::clamp<int64_t>(row - lower, 0, m.cols);
          int64_t to = upper < 0 ? m.cols : std::clamp<int64_t>(row + upper + 1, from, m.cols);
          std::fill(y + n * m.cols, y + n * m.cols + from, U());
          copy_run(x + n * m.cols + from, to - from, y + n * m.cols + from);
          std::fill(y + n * m.cols + to, y + (n + 1) * m.cols, U());
        }
      });
    });
  }
};

}  // namespace

void register_diagonal(KernelRegistry& r) {
  r.add<Diag>("Diag", kCpu);
  r.add<DiagPart>("DiagPart", kCpu);
  r.add<MatrixDiag>("MatrixDiag", kCpu);
  r.add<MatrixDiagPart>("MatrixDiagPart", kCpu);
  r.add<MatrixSetDiag>("MatrixSetDiag", kCpu);
  r.add<MatrixBandPart>("MatrixBandPart", kCpu);
}

}  // namespace thalweg::kernels
