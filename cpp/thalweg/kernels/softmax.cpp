// CPU kernels of softmax, its cross-entropies and top-k selection. Rows are shared among threads, never split.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/reduce.h"
#include "thalweg/num/vec_math.h"

namespace thalweg::kernels {
namespace {

/// Calls f(i, count) for each packet of a row of n elements: `count` from i on. The last may be short; then its other
/// lanes repeat an element when they are loaded, and are not stored.
template <class N, class F>
void for_packets(int64_t n, F&& f) {
  constexpr std::integral_constant<int, N::size> kWhole;
  int64_t i = 0;
  for (; i + N::size <= n; i += N::size) f(i, kWhole);
  if (i < n) f(i, int(n - i));
}
template <class N, class T, class Count>
N load_some(const T* p, Count count) {
  if constexpr (std::same_as<Count, int>)
    return load<N>(p, count);
  else
    return load<N>(p);
}
template <class N, class T, class Count>
void store_some(T* p, N x, Count count) {
  if constexpr (std::same_as<Count, int>)
    store(p, x, count);
  else
    store(p, x);
}

/// 0, 1, 2 ...
template <class N>
N lane_numbers() {
  N x;
  for (int i = 0; i < N::size; ++i) x.v[i] = typename N::value_type(i);
  return x;
}
/// x, and 0 in the lanes from `count` on.
template <class N, class Count>
N first_lanes(N x, Count count) {
  if constexpr (std::same_as<Count, int>) x = where(lane_numbers<N>() < count, x, 0);
  return x;
}

template <class N>
auto sum_of_lanes(N x) {
  return fold_lanes(x.v, [](auto a, auto b) { return a + b; });
}

/// A row of stored numbers, or one that is repeated.
template <class T>
struct Row {
  using N = Vec<Compute<T>>;
  const T* data;
  bool repeated = false;
  template <class Count>
  N load(int64_t i, Count count) const {
    return repeated ? splat<N>(*data) : load_some<N>(data + i, count);
  }
};

/// exp(x - largest) in whole packets at e; the sum of it. A row's softmax is e / sum. NaN has NaN for both.
template <class T>
struct RowExp {
  using A = Compute<T>;
  using N = Vec<A>;
  A largest, sum;
  RowExp(const Row<T>& x, A* e, int64_t n) {
    N top = -std::numeric_limits<A>::infinity(), total = 0;
    for_packets<N>(n, [&](int64_t i, auto count) { top = max(top, x.load(i, count)); });
    largest = fold_lanes(top.v, [](const auto& a, const auto& b) { return Largest::combine(a, b); });
    for_packets<N>(n, [&](int64_t i, auto count) {
      N y = exp(x.load(i, count) - largest);
      store(e + i, y);
      total = total + first_lanes(y, count);
    });
    sum = sum_of_lanes(total);
  }
};

/// Calls f(buffer, row) for each row; the buffer has room for n elements of A and the rest of their last packet.
template <class A, class F>
void for_each_row(KernelContext& k, int64_t rows, int64_t n, double row_ns, F&& f) {
  constexpr int64_t kLocal = 512, kPieces = 64;
  if (n <= kLocal) {
    k.parallel_for(rows, row_ns, [&](int64_t begin, int64_t end) {
      alignas(64) A buffer[kLocal];
      for (int64_t r = begin; r < end; ++r) f(buffer, r);
    });
    return;
  }
  // A buffer for each of a limited number of contiguous pieces.
  int64_t pieces = std::min(rows, kPieces), room = ceil_div(n, Vec<A>::size) * Vec<A>::size;
  A* buffers = k.scratch<A>(pieces * room);
  k.parallel_for(pieces, row_ns * double(rows) / double(pieces), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t r = p * rows / pieces; r < (p + 1) * rows / pieces; ++r) f(buffers + p * room, r);
    }
  });
}

/// Nanoseconds of a row's softmax.
double row_cost(int64_t n) { return 10 + 0.4 * double(n); }

template <class T, bool log>
struct SoftmaxOf {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    using N = Vec<A>;
    const Shape& s = k.in(0).shape();
    int64_t n = s[-1], rows = s.size(0, s.rank() - 1);
    if (s.size() == 0) return;
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    for_each_row<A>(k, rows, n, row_cost(n), [=](A* e, int64_t r) {
      Row<T> x{in + r * n};
      RowExp<T> row(x, e, n);
      A shift = log ? std::log(row.sum) : A(0), scale = A(1) / row.sum;
      for_packets<N>(n, [&](int64_t i, auto count) {
        N y = log ? (x.load(i, count) - row.largest) - shift : load<N>(e + i) * scale;
        store_some(out + r * n + i, y, count);
      });
    });
  }
};
template <class T>
using Softmax = SoftmaxOf<T, false>;
template <class T>
using LogSoftmax = SoftmaxOf<T, true>;

/// A matrix broadcast to n columns: rows or columns of size 1 are repeated.
template <class T>
struct BroadcastRows {
  const T* data;
  int64_t stride;
  bool repeated;
  BroadcastRows(const Tensor& t, int64_t n)
      : data(t.ptr<T>()), stride(t.dim(0) == 1 ? 0 : t.dim(1)), repeated(t.dim(1) != n) {}
  Row<T> operator[](int64_t r) const { return {data + r * stride, repeated}; }
};

template <class T>
struct Xent {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    using N = Vec<A>;
    const Shape& s = k.out(1).shape();
    int64_t rows = s[0], n = s[1];
    T *loss = k.out<T>(0), *backprop = k.out<T>(1);
    if (n == 0) std::fill_n(loss, rows, T(0));
    if (s.size() == 0) return;
    BroadcastRows<T> features(k.in(0), n), labels(k.in(1), n);
    for_each_row<A>(k, rows, n, row_cost(n), [=](A* e, int64_t r) {
      Row<T> x = features[r], p = labels[r];
      RowExp<T> row(x, e, n);
      A shift = std::log(row.sum), scale = A(1) / row.sum;
      N total = 0;
      for_packets<N>(n, [&](int64_t i, auto count) {
        N label = p.load(i, count);
        // Class by class, as TensorFlow sums: log(sum) - (x - max), weighted by the label.
        total = total + first_lanes(label * (shift - (x.load(i, count) - row.largest)), count);
        store_some(backprop + r * n + i, load<N>(e + i) * scale - label, count);
      });
      loss[r] = T(sum_of_lanes(total));
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
    using N = Vec<A>;
    const T* features = k.in<T>(0);
    T *loss = k.out<T>(0), *backprop = k.out<T>(1);
    const N lane = lane_numbers<N>();
    for_each_row<A>(k, rows, n, row_cost(n), [=](A* e, int64_t r) {
      Row<T> x{features + r * n};
      RowExp<T> row(x, e, n);
      A scale = A(1) / row.sum;
      loss[r] = T(std::log(row.sum) - (A(x.data[labels[r]]) - row.largest));
      for_packets<N>(n, [&](int64_t i, auto count) {
        N y = load<N>(e + i) * scale;
        store_some(backprop + r * n + i, where(lane == A(labels[r] - i), y - 1, y), count);
      });
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
    for_each_row<int32_t>(k, rows, n, double(n) * 10, [&](int32_t* at, int64_t r) {
      const T* row = in + r * n;
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
