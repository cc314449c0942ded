// CPU kernels of mean pooling. A window at the border is divided by the pixels that it covers.
#include "thalweg/kernels/pool.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct AvgPool {
  PoolAttrs attrs;
  explicit AvgPool(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    const PoolShape s(attrs.window(k), k.in(0).shape(), k.out(0).shape());
    const T* in = k.in<T>(0);
    T* out = k.out<T>(0);
    for_each_output(k, s, [&](int64_t plane, int64_t r, int64_t c) {
      const PoolWindow w(s, r, c);
      const T* from = in + plane * s.in_plane();
      T* to = out + plane * s.out_plane() + (r * s.out_cols + c) * s.lanes;
      const Compute<T> pixels = Compute<T>(w.empty() ? 0 : w.size());
      with_window<T>(w, [&](const auto& window) {
        for_each_lanes<T>(s, [&](int64_t j, auto lanes) {
          typename decltype(lanes)::V total{};
          window.for_each(s, [&](int64_t at) { total += lanes.load(from + j + at); });
          lanes.store(total / pixels, to + j);
        });
      });
    });
  }
};

template <class T>
struct AvgPoolGrad {
  PoolAttrs attrs;
  explicit AvgPoolGrad(const KernelInit& init) : attrs(init) {}

  void operator()(KernelContext& k) const {
    const PoolShape s(attrs.window(k), k.out(0).shape(), k.in(1).shape());
    const T* dy = k.in<T>(1);
    T* dx = k.out<T>(0);
    const bool once = s.tiles_input();  // every element of dx is stored by its one window
    const double cost = double(s.in_plane()) * 0.2 + double(s.out_plane()) * s.cost();
    k.parallel_for(s.planes, cost, [&](int64_t plane, int64_t end) {
      for (; plane < end; ++plane) {
        const T* grad = dy + plane * s.out_plane();
        T* to = dx + plane * s.in_plane();
        if (!once) std::fill_n(to, s.in_plane(), T(0));
        for (int64_t r = 0; r < s.out_rows; ++r) {
          for (int64_t c = 0; c < s.out_cols; ++c, grad += s.lanes) {
            const PoolWindow w(s, r, c);
            if (w.empty()) continue;
            const Compute<T> pixels = Compute<T>(w.size());
            with_window<T>(w, [&](const auto& window) {
              for_each_lanes<T>(s, [&](int64_t j, auto lanes) {
                using V = typename decltype(lanes)::V;
                const V share = lanes.load(grad + j) / pixels;
                window.for_each(s, [&](int64_t at) {
                  T* a = to + j + at;
                  lanes.store(once ? share : V(lanes.load(a) + share), a);
                });
              });
            });
          }
        }
      }
    });
  }
};

}  // namespace

void register_mean_pool(KernelRegistry& r) {
  r.add_all<AvgPool, kFloating>("AvgPool", kCpu);
  r.add_all<AvgPoolGrad, kFloating>("AvgPoolGrad", kCpu);
}

}  // namespace thalweg::kernels
