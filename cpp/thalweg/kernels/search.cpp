// Kernels of places in sorted rows, and of counts.
#include <algorithm>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/strides.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

template <class T, bool lower>
struct Bound {
  void operator()(KernelContext& k) const {
    int64_t n = k.in(0).dim(1), m = k.in(1).dim(1);
    const T *rows = k.in<T>(0), *values = k.in<T>(1);
    visit<kIndex>(k.out(0).dtype(), [&]<class Index>() {
      Index* out = k.out<Index>(0);
      k.parallel_for(k.out(0).size(), 30, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T *first = rows + i / m * n, *last = first + n;
          auto less = [](T a, T b) { return Compute<T>(a) < Compute<T>(b); };
          const T* found =
              lower ? std::lower_bound(first, last, values[i], less) : std::upper_bound(first, last, values[i], less);
          out[i] = Index(found - first);
        }
      });
    });
  }
};
template <class T>
using LowerBound = Bound<T, true>;
template <class T>
using UpperBound = Bound<T, false>;

template <class T>
struct HistogramFixedWidth {
  void operator()(KernelContext& k) const {
    T low = k.in<T>(1)[0], high = k.in<T>(1)[1];
    TW_CHECK(low < high, "value_range should satisfy value_range[0] < value_range[1], but got '[", low, ", ", high,
             "]'");
    int64_t bins = k.out(0).size();
    double step = (double(high) - double(low)) / double(bins);
    visit<kIndex>(k.out(0).dtype(), [&]<class Count>() {
      Count* out = k.out<Count>(0);
      std::fill_n(out, bins, Count(0));
      for (T x : k.in(0).flat<T>()) {
        TW_CHECK(x == x, "HistogramFixedWidth: values must not be NaN");
        double at = (double(std::clamp(x, low, high)) - double(low)) / step;
        ++out[at > 0 ? int64_t(std::min(at, double(bins - 1))) : 0];  // NaN: the range has no end
      }
    });
  }
};

/// Adds the numbers of one row to its bins.
template <class T, class Index>
void count(std::span<const Index> numbers, const T* weights, bool binary, T* bins, int64_t size) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    TW_CHECK(numbers[i] >= 0, "Input arr must be non-negative!");
    if (numbers[i] >= size) continue;
    T& bin = bins[numbers[i]];
    bin = binary ? T(1) : math::add(bin, weights ? weights[i] : T(1));
  }
}

/// Weights for every number, or none: null.
template <class T>
const T* weights_of(const KernelContext& k) {
  TW_CHECK(k.in(2).size() == 0 || k.in(2).shape() == k.in(0).shape(),
           "`weights` must be the same shape as `arr` or a length-0 `Tensor`, in which case it acts as all weights "
           "equal to 1. Received ",
           k.in(2).shape(), " for ", k.in(0).shape());
  return k.in(2).size() == 0 ? nullptr : k.in<T>(2);
}

template <class T>
struct Bincount {
  void operator()(KernelContext& k) const {
    std::fill_n(k.out<T>(0), k.out(0).size(), T(0));
    count<T, int32_t>(k.in(0).flat<int32_t>(), weights_of<T>(k), false, k.out<T>(0), k.out(0).size());
  }
};

template <class T>
struct DenseBincount {
  bool binary;
  explicit DenseBincount(const KernelInit& init) : binary(init.attr<bool>("binary_output")) {}
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    const T* weights = weights_of<T>(k);
    int64_t rows = in.rank() == 2 ? in.dim(0) : 1, n = in.dim(in.rank() - 1);
    int64_t size = k.out(0).dim(k.out(0).rank() - 1);
    std::fill_n(k.out<T>(0), k.out(0).size(), T(0));
    visit<kIndex>(in.dtype(), [&]<class Index>() {
      for (int64_t i = 0; i < rows; ++i) {
        count<T, Index>({in.ptr<Index>() + i * n, size_t(n)}, weights ? weights + i * n : nullptr, binary,
                        k.out<T>(0) + i * size, size);
      }
    });
  }
};

}  // namespace

void register_search(KernelRegistry& r) {
  r.add_all<LowerBound, kReal>("LowerBound", kCpu);
  r.add_all<UpperBound, kReal>("UpperBound", kCpu);
  r.add<HistogramFixedWidth, int32_t, int64_t, float, double>("HistogramFixedWidth", kCpu);
  r.add<Bincount, int32_t, int64_t, float, double>("Bincount", kCpu);
  r.add<DenseBincount, int32_t, int64_t, float, double>("DenseBincount", kCpu);
}

}  // namespace thalweg::kernels
