// CPU kernels of softmax, its cross-entropies and top-k selection. Rows are shared among threads, never split.
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/reduce.h"

namespace thalweg::kernels {
namespace {

/// out[i] = exp(in[i] - shift); returns the sum of the results. The last packet is padded, so that a value does not
/// depend on its position. in and out may be the same.
template <class A>
A exp_sum(const A* in, A* out, int64_t n, A shift) {
  using P = typename Eigen::internal::packet_traits<A>::type;
  constexpr int size = Eigen::internal::packet_traits<A>::size;
  P offset = Eigen::internal::pset1<P>(shift), total = Eigen::internal::pset1<P>(A(0));
  int64_t i = 0;
  for (; i + size <= n; i += size) {
    P x = Eigen::internal::pexp(Eigen::internal::psub(Eigen::internal::ploadu<P>(in + i), offset));
    Eigen::internal::pstoreu(out + i, x);
    total = Eigen::internal::padd(total, x);
  }
  A sum = Eigen::internal::predux(total);
  if (i < n) {
    A tail[size];
    for (int64_t j = 0; j < size; ++j) tail[j] = i + j < n ? in[i + j] : shift;
    P x = Eigen::internal::pexp(Eigen::internal::psub(Eigen::internal::ploadu<P>(tail), offset));
    Eigen::internal::pstoreu(tail, x);
    for (int64_t j = 0; i + j < n; ++j) sum += out[i + j] = tail[j];
  }
  return sum;
}

/// The largest element of a row, NaN if there is one.
template <class A>
A row_max(const A* x, int64_t n) {
  return detail::reduce_run<Largest, A>(x, n);
}

/// exp(x - max) into e; the sum of it. A row's softmax is e / sum.
template <class A>
struct RowExp {
  A max, sum;
  RowExp(const A* x, A* e, int64_t n) : max(row_max(x, n)), sum(exp_sum(x, e, n, max)) {}
};

/// Rows of T as rows of the compute type: in place when they are the same, else through a local buffer. A row's buffer
/// comes from `scratch`, one per piece of work.
constexpr int64_t kPieces = 64;

/// Shares `rows` out in at most kPieces contiguous pieces and calls f(piece, row) for each row.
template <class F>
void for_each_row(KernelContext& k, int64_t rows, double row_ns, F&& f) {
  int64_t pieces = std::min(rows, kPieces);
  if (pieces == 0) return;
  k.parallel_for(pieces, row_ns * double(rows) / double(pieces), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t r = p * rows / pieces; r < (p + 1) * rows / pieces; ++r) f(p, r);
    }
  });
}

template <class T, bool log>
struct SoftmaxOf {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    const Shape& s = k.in(0).shape();
    int64_t n = s[-1], rows = s.size(0, s.rank() - 1);
    if (s.size() == 0) return;
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    A* buffer = k.scratch<A>(std::min(rows, kPieces) * 2 * n);
    for_each_row(k, rows, double(n) * 1.0, [&](int64_t piece, int64_t r) {
      A *x = buffer + piece * 2 * n, *e = x + n;
      convert(in + r * n, x, n);
      RowExp<A> row(x, e, n);
      if constexpr (log) {
        A shift = std::log(row.sum);
        for (int64_t i = 0; i < n; ++i) e[i] = (x[i] - row.max) - shift;
      } else {
        A scale = A(1) / row.sum;
        for (int64_t i = 0; i < n; ++i) e[i] *= scale;
      }
      convert(e, out + r * n, n);
    });
  }
};
template <class T>
using Softmax = SoftmaxOf<T, false>;
template <class T>
using LogSoftmax = SoftmaxOf<T, true>;

template <class T>
struct Xent {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    const Shape &s = k.out(1).shape(), &xs = k.in(0).shape(), &ls = k.in(1).shape();
    int64_t rows = s[0], n = s[1];
    const T *features = k.in<T>(0), *labels = k.in<T>(1);
    T *loss = k.out<T>(0), *backprop = k.out<T>(1);
    if (n == 0) std::fill_n(loss, rows, T(0));
    if (s.size() == 0) return;
    A* buffer = k.scratch<A>(std::min(rows, kPieces) * 3 * n);
    auto load = [n](const T* p, const Shape& shape, int64_t r, A* to) {
      p += (shape[0] == 1 ? 0 : r) * shape[1];
      if (shape[1] == n)
        convert(p, to, n);
      else
        std::fill_n(to, n, A(p[0]));
    };
    for_each_row(k, rows, double(n) * 1.5, [&](int64_t piece, int64_t r) {
      A *x = buffer + piece * 3 * n, *e = x + n, *p = e + n;
      load(features, xs, r, x);
      load(labels, ls, r, p);
      RowExp<A> row(x, e, n);
      A shift = std::log(row.sum), scale = A(1) / row.sum;
      // Class by class, as TensorFlow sums: log(sum) - (x - max), weighted by the label.
      for (int64_t i = 0; i < n; ++i) x[i] = p[i] * (shift - (x[i] - row.max));
      for (int64_t i = 0; i < n; ++i) e[i] = e[i] * scale - p[i];
      loss[r] = T(detail::reduce_run<Add, A>(x, n));
      convert(e, backprop + r * n, n);
    });
  }
};

template <class T>
struct SparseXent {
  bool wide;
  explicit SparseXent(const KernelInit& init) : wide(init.attr<DType>("Tlabels") == DType::int64) {}

  void operator()(KernelContext& k) const { wide ? run<int64_t>(k) : run<int32_t>(k); }

 private:
  template <class L>
  void run(KernelContext& k) const {
    using A = Compute<T>;
    const Shape& s = k.in(0).shape();
    int64_t rows = s[0], n = s[1];
    if (rows == 0) return;
    TW_CHECK(n > 0, "Must have at least one class, but got logits shape ", s);
    const L* labels = k.in<L>(1);
    for (int64_t r = 0; r < rows; ++r) {
      if (labels[r] < 0 || labels[r] >= n) bad_label(labels, rows, labels[r], n);
    }
    const T* features = k.in<T>(0);
    T *loss = k.out<T>(0), *backprop = k.out<T>(1);
    A* buffer = k.scratch<A>(std::min(rows, kPieces) * 2 * n);
    for_each_row(k, rows, double(n) * 1.2, [&](int64_t piece, int64_t r) {
      A *x = buffer + piece * 2 * n, *e = x + n;
      convert(features + r * n, x, n);
      RowExp<A> row(x, e, n);
      A scale = A(1) / row.sum;
      loss[r] = T(std::log(row.sum) - (x[labels[r]] - row.max));
      for (int64_t i = 0; i < n; ++i) e[i] *= scale;
      e[labels[r]] -= A(1);
      convert(e, backprop + r * n, n);
    });
  }

  template <class L>
  [[noreturn]] static void bad_label(const L* labels, int64_t rows, L label, int64_t n) {
    std::string all;
    for (int64_t r = 0; r < std::min<int64_t>(rows, 1000); ++r) all += (r ? " " : "") + std::to_string(labels[r]);
    TW_FAIL(InvalidArgument, "Received a label value of ", label, " which is outside the valid range of [0, ", n,
            ").  Label values: ", all);
  }
};

/// Whether the target is among the k largest: fewer than k classes are strictly larger. A target out of range, or a row
/// whose target or rivals are not finite, is not.
template <class I>
struct InTopK {
  int64_t k_attr = 0;
  explicit InTopK(const KernelInit& init) : k_attr(init.attrs.get_or<int64_t>("k", 0)) {}

  void operator()(KernelContext& k) const {
    int64_t rows = k.in(0).dim(0), n = k.in(0).dim(1), limit = k.inputs() > 2 ? k.in(2).item<I>() : k_attr;
    const float* in = k.in<float>(0);
    const I* targets = k.in<I>(1);
    bool* out = k.out<bool>(0);
    k.parallel_for(rows, double(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float* row = in + r * n;
        bool valid = targets[r] >= 0 && targets[r] < n && std::isfinite(row[targets[r]]);
        int64_t larger = 0;
        for (int64_t i = 0; valid && i < n; ++i) {
          if (!std::isfinite(row[i]))
            valid = false;
          else
            larger += row[i] > row[targets[r]];
        }
        out[r] = valid && larger < limit;
      }
    });
  }
};

/// The k largest of each row, larger first, the lower index first among equals. NaN comes after every number.
template <class T>
struct TopK {
  int64_t k_attr;
  DType index;
  explicit TopK(const KernelInit& init)
      : k_attr(init.attrs.get_or<int64_t>("k", 0)), index(init.attrs.get_or<DType>("index_type", DType::int32)) {}

  void operator()(KernelContext& k) const {
    const Shape& s = k.in(0).shape();
    int64_t n = s[-1], rows = s.size(0, s.rank() - 1), count = k_attr;
    if (k.inputs() > 1) {
      const Tensor& t = k.in(1);
      count = t.dtype() == DType::int64   ? t.item<int64_t>()
              : t.dtype() == DType::int32 ? t.item<int32_t>()
                                          : t.item<int16_t>();
    }
    if (rows == 0 || count == 0) return;
    const T* in = k.in<T>(0);
    T* values = k.out<T>(0);
    int64_t pieces = std::min(rows, kPieces);
    int32_t* order = k.scratch<int32_t>(pieces * n);
    for_each_row(k, rows, double(n) * 10, [&](int64_t piece, int64_t r) {
      const T* row = in + r * n;
      int32_t* at = order + piece * n;
      std::iota(at, at + n, 0);
      auto before = [row](int32_t a, int32_t b) {
        Compute<T> x = row[a], y = row[b];
        if (x == y || (x != x && y != y)) return a < b;
        return y != y || x > y;
      };
      if (count < n) std::nth_element(at, at + count, at + n, before);
      std::sort(at, at + count, before);
      for (int64_t i = 0; i < count; ++i) values[r * count + i] = row[at[i]];
      visit<kIndex | DTypeSet{DType::int16}>(index, [&]<class I>() {
        I* to = k.out<I>(1) + r * count;
        for (int64_t i = 0; i < count; ++i) to[i] = I(at[i]);
      });
    });
  }
};

}  // namespace

void register_softmax(KernelRegistry& r) {
  r.add_all<Softmax, kFloating>("Softmax", kCpu);
  r.add_all<LogSoftmax, kFloating>("LogSoftmax", kCpu);
  r.add_all<Xent, kFloating>("SoftmaxCrossEntropyWithLogits", kCpu);
  r.add_all<SparseXent, kFloating>("SparseSoftmaxCrossEntropyWithLogits", kCpu);
  r.add_all<InTopK, kIndex>("InTopK", kCpu);
  r.add_all<InTopK, kIndex>("InTopKV2", kCpu);
  r.add_all<TopK, kReal>("TopK", kCpu);
  r.add_all<TopK, kReal>("TopKV2", kCpu);
}

}  // namespace thalweg::kernels
