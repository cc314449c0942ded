// CPU kernels of max pooling. NaN wins over every number; of equal elements the first takes the gradient. Which one
// that is is found again from the window in cache: cheaper than to keep a position per element.
#include <limits>

#include "thalweg/kernels/pool.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

template <class A>
A lowest() {
  if constexpr (std::numeric_limits<A>::has_infinity)
    return -std::numeric_limits<A>::infinity();
  else
    return std::numeric_limits<A>::lowest();
}

/// Integers wrap round, as everywhere.
template <class A, class V>
V sum_of(V a, V b) {
  if constexpr (!std::is_integral_v<A>) {
    return a + b;
  } else if constexpr (std::is_same_v<V, A>) {
    return math::add(a, b);
  } else {
    using U = typename Packet<std::make_unsigned_t<A>>::V;
    return V(U(a) + U(b));
  }
}

/// The largest of each lane of a window that is not empty.
template <class T, class Window, class Lanes>
__attribute__((always_inline)) inline typename Lanes::V largest(const PoolShape& s, const Window& w, const T* in,
                                                                Lanes lanes) {
  typename Lanes::V best = lanes.load(in + (w.row0 * s.cols + w.col0) * s.lanes);
  w.for_each(s, [&](int64_t at) {
    typename Lanes::V v = lanes.load(in + at);
    best = ((v > best) | (v != v)) ? v : best;
  });
  return best;
}

/// Calls f(offset of a pixel, `value` in the lanes that have their first largest element there, else 0) for the pixels
/// of a window.
template <class T, class Window, class Lanes, class F>
__attribute__((always_inline)) inline void for_each_share(const PoolShape& s, const Window& w, const T* in, Lanes lanes,
                                                          typename Lanes::V value, F&& f) {
  using V = typename Lanes::V;
  const V best = largest(s, w, in, lanes), none{};
  w.for_each(s, [&](int64_t at) {
    V v = lanes.load(in + at);
    auto here = (v == best) | (v != v);
    f(at, here ? value : none);
    value = here ? none : value;  // taken: the next one gets nothing
  });
}

/// Calls f(offset of a pixel, which lanes have their first largest element there) for the pixels of a window.
template <class T, class Window, class Lanes, class F>
__attribute__((always_inline)) inline void for_each_choice(const PoolShape& s, const Window& w, const T* in,
                                                           Lanes lanes, F&& f) {
  const typename Lanes::V best = largest(s, w, in, lanes);
  auto taken = best != best;
  taken = taken & !taken;
  w.for_each(s, [&](int64_t at) {
    typename Lanes::V v = lanes.load(in + at);
    auto here = ((v == best) | (v != v)) & !taken;
    taken = taken | here;
    f(at, here);
  });
}

template <class T>
struct MaxPool {
  PoolAttrs attrs;
  explicit MaxPool(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    const PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    for_each_output(k, s, [&](int64_t plane, int64_t r, int64_t c) {
      const PoolWindow w(s, r, c);
      T* to = out + plane * s.out_plane() + (r * s.out_cols + c) * s.lanes;
      if (w.empty()) return void(std::fill_n(to, s.lanes, T(lowest<Compute<T>>())));
      const T* from = in + plane * s.in_plane();
      with_window<T>(w, [&](const auto& window) {
        for_each_lanes<T>(s, [&](int64_t j, auto lanes) { lanes.store(largest(s, window, from + j, lanes), to + j); });
      });
    });
  }
};

template <class T>
struct MaxPoolGrad {
  PoolAttrs attrs;
  explicit MaxPoolGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    const PoolShape s(attrs.window(k), k.in(0).shape(), k.in(2).shape());
    const T *in = k.in<T>(0), *dy = k.in<T>(2);
    T* dx = k.out<T>(0);
    const bool once = s.tiles_input();  // every element of dx is stored by its one window
    const double cost = double(s.in_plane()) * 0.2 + double(s.out_plane()) * s.cost() * 2;
    k.parallel_for(s.planes, cost, [&](int64_t plane, int64_t end) {
      for (; plane < end; ++plane) {
        const T *image = in + plane * s.in_plane(), *grad = dy + plane * s.out_plane();
        T* to = dx + plane * s.in_plane();
        if (!once) std::fill_n(to, s.in_plane(), T(0));
        for (int64_t r = 0; r < s.out_rows; ++r) {
          for (int64_t c = 0; c < s.out_cols; ++c, grad += s.lanes) {
            const PoolWindow w(s, r, c);
            if (w.empty()) continue;
            with_window<T>(w, [&](const auto& window) {
              for_each_lanes<T>(s, [&](int64_t j, auto lanes) {
                using V = typename decltype(lanes)::V;
                for_each_share(s, window, image + j, lanes, lanes.load(grad + j), [&](int64_t at, V share) {
                  if (!once) share = sum_of<Compute<T>>(share, lanes.load(to + j + at));
                  lanes.store(share, to + j + at);
                });
              });
            });
          }
        }
      }
    });
  }
};

template <class T>
struct MaxPoolGradGrad {
  PoolAttrs attrs;
  explicit MaxPoolGradGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    const PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T *in = k.in<T>(0), *grad = k.in<T>(2);
    T* out = k.out<T>(0);
    for_each_output(k, s, [&](int64_t plane, int64_t r, int64_t c) {
      const PoolWindow w(s, r, c);
      T* to = out + plane * s.out_plane() + (r * s.out_cols + c) * s.lanes;
      if (w.empty()) return void(std::fill_n(to, s.lanes, T(0)));
      const T *image = in + plane * s.in_plane(), *from = grad + plane * s.in_plane();
      for_each_lanes<T>(s, [&](int64_t j, auto lanes) {
        typename decltype(lanes)::V chosen{};
        for_each_choice(s, w, image + j, lanes,
                        [&](int64_t at, auto here) { chosen = here ? lanes.load(from + j + at) : chosen; });
        lanes.store(chosen, to + j);
      });
    });
  }
};

}  // namespace

void register_max_pool(KernelRegistry& r) {
  constexpr DTypeSet kMaxTypes = kReal - DTypeSet{DType::uint32, DType::uint64};
  r.add_all<MaxPool, kMaxTypes>("MaxPool", kCpu);
  r.add_all<MaxPool, kMaxTypes>("MaxPoolV2", kCpu);
  r.add_all<MaxPoolGrad, kReal>("MaxPoolGrad", kCpu);
  r.add_all<MaxPoolGradGrad, kReal>("MaxPoolGradGrad", kCpu);
}

}  // namespace thalweg::kernels
