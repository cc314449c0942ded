// Kernels that reduce groups of rows. Rows are taken in order, so a result does not depend on the number of threads:
// threads share out the columns.
#include <algorithm>
#include <limits>

#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

// Each reduction has the value of an empty unsorted segment, of an empty sorted one, and a step.
template <class T>
struct Sum {
  static T start() { return T(0); }
  static T gap() { return T(0); }
  static T step(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return T(uint64_t(a) + uint64_t(b));
    else
      return T(Compute<T>(a) + Compute<T>(b));
  }
};
template <class T>
struct Mean : Sum<T> {};
template <class T>
struct Prod {
  static T start() { return T(1); }
  static T gap() { return T(1); }
  static T step(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return T(uint64_t(a) * uint64_t(b));
    else
      return T(Compute<T>(a) * Compute<T>(b));
  }
};
template <class T>
T highest() {
  if constexpr (std::same_as<T, half>)
    return T(65504.0f);
  else if constexpr (std::same_as<T, bfloat16>)
    return std::bit_cast<bfloat16>(uint16_t(0x7f7f));
  else
    return std::numeric_limits<T>::max();
}
template <class T>
T lowest() {
  if constexpr (std::is_integral_v<T>)
    return std::numeric_limits<T>::min();
  else
    return T(-Compute<T>(highest<T>()));
}
template <class T>
struct Max {
  static T start() { return lowest<T>(); }
  static T gap() { return T(0); }
  static T step(T a, T b) { return a != a || a > b ? a : b; }  // NaN wins
};
template <class T>
struct Min {
  static T start() { return highest<T>(); }
  static T gap() { return T(0); }
  static T step(T a, T b) { return a != a || a < b ? a : b; }
};

/// y[id[i], :] = step(y[id[i], :], x[i, :]) for ids >= 0.
template <class R, class T>
void reduce_rows(KernelContext& k, const T* x, const Ints& ids, int64_t run, T* y) {
  k.parallel_for(run, double(ids.size()), [&](int64_t begin, int64_t end) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0) continue;
      const T* from = x + int64_t(i) * run;
      T* to = y + ids[i] * run;
      for (int64_t j = begin; j < end; ++j) to[j] = R::step(to[j], from[j]);
    }
  });
}

template <template <class> class R, class T>
struct Unsorted {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    Ints ids = to_ints(k.in(1));
    int64_t segments = out.dim(0);
    for (size_t i = 0; i < ids.size(); ++i) {
      TW_CHECK(ids[i] < segments, "segment_ids", position(k.in(1).shape(), int64_t(i)), " = ", ids[i],
               " is out of range [0, ", segments, ")");
    }
    std::fill_n(k.out<T>(0), out.size(), R<T>::start());
    if (out.size() == 0) return;
    reduce_rows<R<T>>(k, k.in<T>(0), ids, out.size() / segments, k.out<T>(0));
  }
};

template <template <class> class R, class T>
struct Sorted {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints ids = to_ints(k.in(1));
    TW_CHECK(ids.empty() || ids.back() < INT64_MAX, "Segment id ", ids.back(), " is too large");
    int64_t segments = ids.empty() ? 0 : ids.back() + 1;
    for (size_t i = 0; i < ids.size(); ++i) {
      TW_CHECK(ids[i] >= 0, "Segment id ", ids[i], " out of range [0, ", segments,
               "), possibly because 'segment_ids' input is not sorted.");
      TW_CHECK(i == 0 || ids[i] >= ids[i - 1], "segment ids are not increasing");
    }
    Shape shape = in.shape();
    shape.set(0, segments);
    T* y = k.out(0, shape).template ptr<T>();
    int64_t run = shape.size(1, shape.rank());
    if (shape.size() == 0) return;
    std::fill_n(y, shape.size(), R<T>::gap());
    for (int64_t id : ids) std::fill_n(y + id * run, run, R<T>::start());
    reduce_rows<R<T>>(k, k.in<T>(0), ids, run, y);
    if constexpr (std::same_as<R<T>, Mean<T>>) {
      for (auto first = ids.begin(); first != ids.end();) {
        auto last = std::upper_bound(first, ids.end(), *first);
        for (int64_t j = *first * run; j < (*first + 1) * run; ++j)
          y[j] = T(Compute<T>(y[j]) / Compute<T>(last - first));
        first = last;
      }
    }
  }
};

template <class T>
using UnsortedSum = Unsorted<Sum, T>;
template <class T>
using UnsortedProd = Unsorted<Prod, T>;
template <class T>
using UnsortedMax = Unsorted<Max, T>;
template <class T>
using UnsortedMin = Unsorted<Min, T>;
template <class T>
using SegmentSum = Sorted<Sum, T>;
template <class T>
using SegmentMean = Sorted<Mean, T>;
template <class T>
using SegmentProd = Sorted<Prod, T>;
template <class T>
using SegmentMax = Sorted<Max, T>;
template <class T>
using SegmentMin = Sorted<Min, T>;

}  // namespace

void register_segment(KernelRegistry& r) {
  r.add_all<UnsortedSum, kNumeric>("UnsortedSegmentSum", kCpu);
  r.add_all<UnsortedProd, kNumeric>("UnsortedSegmentProd", kCpu);
  r.add_all<UnsortedMax, kReal>("UnsortedSegmentMax", kCpu);
  r.add_all<UnsortedMin, kReal>("UnsortedSegmentMin", kCpu);
  r.add_all<SegmentSum, kNumeric>("SegmentSum", kCpu);
  r.add_all<SegmentMean, kNumeric>("SegmentMean", kCpu);
  r.add_all<SegmentProd, kNumeric>("SegmentProd", kCpu);
  r.add_all<SegmentMax, kReal>("SegmentMax", kCpu);
  r.add_all<SegmentMin, kReal>("SegmentMin", kCpu);
}

}  // namespace thalweg::kernels
