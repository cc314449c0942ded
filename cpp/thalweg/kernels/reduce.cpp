// CPU kernels of the reductions to extremes and of the positions of extremes.
#include "thalweg/kernels/reduce.h"

#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct Max {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    reduce<Largest, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(x); });
  }
};

template <class T>
struct Min {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    reduce<Smallest, A>(k, reduce_shape(k), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(x); });
  }
};

// Booleans are bytes 0 and 1: all is the smallest, any the largest. Over nothing the identities are 255 (true) and 0.
struct All {
  void operator()(KernelContext& k) const {
    reduce<Smallest, uint8_t>(k, reduce_shape(k), reinterpret_cast<const uint8_t*>(k.in<bool>(0)), k.out<bool>(0),
                              [](uint8_t x, int64_t) { return x != 0; });
  }
};
struct Any {
  void operator()(KernelContext& k) const {
    reduce<Largest, uint8_t>(k, reduce_shape(k), reinterpret_cast<const uint8_t*>(k.in<bool>(0)), k.out<bool>(0),
                             [](uint8_t x, int64_t) { return x != 0; });
  }
};

/// Position of the extreme element along one axis: the first of equals. A comparison with NaN is false, so NaN is never
/// chosen.
template <class T, bool largest>
struct ArgExtreme {
  DType index;
  explicit ArgExtreme(const KernelInit& init) : index(init.attr<DType>("output_type")) {}

  void operator()(KernelContext& k) const {
    visit<DTypeSet{DType::int16, DType::uint16, DType::int32, DType::int64}>(index, [&]<class I>() { run<I>(k); });
  }

 private:
  template <class I>
  void run(KernelContext& k) const {
    const Shape& shape = k.in(0).shape();
    int64_t axis = k.in(1).dtype() == DType::int64   ? k.in(1).item<int64_t>()
                   : k.in(1).dtype() == DType::int32 ? k.in(1).item<int32_t>()
                                                     : k.in(1).item<int16_t>();
    int d = int(axis < 0 ? axis + shape.rank() : axis);
    int64_t outer = shape.size(0, d), n = shape[d], inner = shape.size(d + 1, shape.rank());
    const T* in = k.in<T>(0);
    I* out = k.out<I>(0);
    double cost = double(n) * (inner == 1 ? 1.0 : 1.5);
    k.parallel_for(outer * inner, cost, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const T* p = in + o / inner * n * inner + o % inner;
        Compute<T> best = worst();
        int64_t at = 0;
        for (int64_t i = 0; i < n; ++i) {
          Compute<T> x = p[i * inner];
          bool better = largest ? x > best : x < best;
          if (better) best = x, at = i;
        }
        out[o] = I(at);
      }
    });
  }
  static Compute<T> worst() {
    using A = Compute<T>;
    if constexpr (std::is_same_v<A, bool>)
      return !largest;
    else
      return largest ? Largest::identity<A>() : Smallest::identity<A>();
  }
};
template <class T>
using ArgMax = ArgExtreme<T, true>;
template <class T>
using ArgMin = ArgExtreme<T, false>;

}  // namespace

void register_reduce(KernelRegistry& r) {
  register_sums(r);
  r.add_all<Max, kReal>("Max", kCpu);
  r.add_all<Min, kReal>("Min", kCpu);
  r.add<All>("All", kCpu);
  r.add<Any>("Any", kCpu);
  r.add_all<ArgMax, kReal | kBool>("ArgMax", kCpu);
  r.add_all<ArgMin, kReal | kBool>("ArgMin", kCpu);
}

}  // namespace thalweg::kernels
