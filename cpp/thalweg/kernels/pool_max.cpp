// CPU kernels of max pooling. NaN wins over every number; of equal elements the first takes the gradient. Which one
// that is is found again from the window in cache: cheaper than to keep a position per element.
#include <limits>

#include "thalweg/kernels/buffers.h"
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
    max_pool_gradient(k, s, k.in<T>(0), k.in<T>(2), k.out<T>(0));
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

template <class T>
void max_pool_gradient(KernelContext& k, const PoolShape& s, const T* x, const T* dy, T* dx, Finish finish) {
  if (s.planes * s.in_plane() == 0) return;
  const bool once = s.tiles_input();  // every element of dx is stored by its one window
  // Where there is a finish, bands of rows that stay in the second-level cache until it has been there.
  constexpr int64_t kBand = int64_t(1) << 15;
  const int64_t line = s.cols * s.lanes;
  const int64_t rows = finish && once ? std::clamp<int64_t>(kBand / (s.row.stride * line), 1, s.out_rows) : s.out_rows;
  const int64_t bands = once ? ceil_div(s.out_rows, rows) : 1, pieces = std::min(s.planes * bands, int64_t(16));
  const int64_t block_size = once ? std::min(rows * s.row.stride, s.rows) * line : s.in_plane();
  T* blocks = finish ? k.scratch<T>(pieces * block_size) : nullptr;
  Buffers buffers(pieces);

  auto band = [&](int64_t unit, T* block) {
    const int64_t plane = unit / bands, r0 = unit % bands * rows, r1 = std::min(r0 + rows, s.out_rows);
    const T *image = x + plane * s.in_plane(), *grad = dy + plane * s.out_plane() + r0 * s.out_cols * s.lanes;
    const int64_t first = once ? PoolWindow(s, r0, 0).row0 : 0, last = once ? PoolWindow(s, r1 - 1, 0).row1 : s.rows;
    T* to = block ? block : dx + plane * s.in_plane() + first * line;
    if (!once) std::fill_n(to, s.in_plane(), T(0));
    for (int64_t r = r0; r < r1; ++r) {
      for (int64_t c = 0; c < s.out_cols; ++c, grad += s.lanes) {
        const PoolWindow w(s, r, c);
        if (w.empty()) continue;
        with_window<T>(w, [&](const auto& window) {
          for_each_lanes<T>(s, [&](int64_t j, auto lanes) {
            using V = typename decltype(lanes)::V;
            for_each_share(s, window, image + j, lanes, lanes.load(grad + j), [&](int64_t at, V share) {
              T* p = to + (at - first * line) + j;
              if (!once) share = sum_of<Compute<T>>(share, lanes.load(p));
              lanes.store(share, p);
            });
          });
        });
      }
    }
    if (block) finish((plane * s.rows + first) * s.cols, (last - first) * s.cols, 0, s.lanes, block);
  };

  const double cost = double(s.in_plane()) * 0.2 + double(s.out_plane()) * s.cost() * 2;
  k.parallel_for(pieces, cost * double(s.planes) / double(pieces), [&](int64_t piece, int64_t end) {
    const Buffers::Lease buffer(buffers);
    for (int64_t unit = piece * s.planes * bands / pieces; unit < end * s.planes * bands / pieces; ++unit) {
      band(unit, blocks ? blocks + buffer.index() * block_size : nullptr);
    }
  });
}

// The fused kernel, in a file of its own, calls these too.
template void max_pool_gradient(KernelContext&, const PoolShape&, const float*, const float*, float*, Finish);
template void max_pool_gradient(KernelContext&, const PoolShape&, const double*, const double*, double*, Finish);
template void max_pool_gradient(KernelContext&, const PoolShape&, const half*, const half*, half*, Finish);
template void max_pool_gradient(KernelContext&, const PoolShape&, const bfloat16*, const bfloat16*, bfloat16*, Finish);

void register_max_pool(KernelRegistry& r) {
  constexpr DTypeSet kMaxTypes = kReal - DTypeSet{DType::uint32, DType::uint64};
  r.add_all<MaxPool, kMaxTypes>("MaxPool", kCpu);
  r.add_all<MaxPool, kMaxTypes>("MaxPoolV2", kCpu);
  r.add_all<MaxPoolGrad, kReal>("MaxPoolGrad", kCpu);
  r.add_all<MaxPoolGradGrad, kReal>("MaxPoolGradGrad", kCpu);
}

}  // namespace thalweg::kernels
