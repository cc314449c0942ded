// Kernels of ops on shapes. Ops that only rename a shape (Reshape, Squeeze ...) have none: their output is their input.
#include "thalweg/ops/array.h"

#include "thalweg/kernels/array.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/list.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

/// Writes integers into an output of any integer dtype.
void put(Tensor& out, std::span<const int64_t> values) {
  TW_ASSERT(out.size() == std::ssize(values));
  visit<kIndex>(out.dtype(), [&]<class T>() { std::ranges::copy(values, out.ptr<T>()); });
}

void transpose(KernelContext& k) {
  const Tensor& in = k.in(0);
  Ints perm = to_ints(k.in(1));
  auto from = strides_of(in.shape()), to = strides_of(k.out(0).shape());
  StridedCopy copy;
  for (size_t i = 0; i < perm.size(); ++i) {
    int64_t p = perm[i] < 0 ? perm[i] + in.rank() : perm[i];
    copy.axis(in.dim(int(p)), from[size_t(p)], to[i]);
  }
  copy.run(k, in, k.out(0));
}

struct Transpose {
  void operator()(KernelContext& k) const { transpose(k); }
};

struct ConjugateTranspose {
  void operator()(KernelContext& k) const {
    transpose(k);
    Tensor& out = k.out(0);
    if (!kComplex.has(out.dtype())) return;
    visit<kComplex>(out.dtype(), [&]<class T>() {
      T* y = out.ptr<T>();
      k.parallel_for(out.size(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = std::conj(y[i]);
      });
    });
  }
};

struct InvertPermutation {
  void operator()(KernelContext& k) const {
    Ints p = to_ints(k.in(0)), inverse(p.size(), -1);
    int64_t n = std::ssize(p);
    for (int64_t i = 0; i < n; ++i) {
      int64_t x = p[size_t(i)];
      TW_CHECK(x >= 0 && x < n, x, " is not between 0 and ", n);
      TW_CHECK(inverse[size_t(x)] < 0, x, " is duplicated in the input.");
      inverse[size_t(x)] = i;
    }
    put(k.out(0), inverse);
  }
};

struct ShapeN {  // and Shape: one input
  void operator()(KernelContext& k) const {
    for (int i = 0; i < k.inputs(); ++i) put(k.out(i), k.in(i).shape().dims());
  }
};

struct Size {
  void operator()(KernelContext& k) const {
    int64_t n = k.in(0).size();
    TW_CHECK(k.out(0).dtype() == DType::int64 || n <= INT32_MAX, "Size: ", n, " elements do not fit int32");
    put(k.out(0), std::span(&n, 1));
  }
};

struct Rank {
  void operator()(KernelContext& k) const { *k.out<int32_t>(0) = k.in(0).rank(); }
};

struct Fill {
  void operator()(KernelContext& k) const {
    const Tensor& value = k.in(1);
    Tensor& out = k.out(0);
    visit_size(out.dtype(), [&]<class U>() {
      const U& v = *static_cast<const U*>(value.data());
      U* y = static_cast<U*>(out.data());
      k.parallel_for(out.size(), 0.1 * sizeof(U),
                     [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, v); });
    });
  }
};

template <class T>
struct Range {
  void operator()(KernelContext& k) const {
    using C = Compute<T>;
    C start = C(k.in(0).item<T>()), delta = C(k.in(2).item<T>());
    T* y = k.out<T>(0);
    k.parallel_for(k.out(0).size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if constexpr (std::is_integral_v<T>) {
          y[i] = T(uint64_t(start) + uint64_t(i) * uint64_t(delta));  // may pass the limit by one step: no overflow
        } else {
          y[i] = T(C(T(C(T(C(i)) * delta))) + start);
        }
      }
    });
  }
};

template <class T>
struct LinSpace {
  void operator()(KernelContext& k) const {
    using C = Compute<T>;
    C start = C(k.in(0).item<T>()), stop = C(k.in(1).item<T>());
    int64_t n = k.out(0).size();
    T* y = k.out<T>(0);
    C step = n > 1 ? C(T(C(T(stop - start)) / C(n - 1))) : C(0);
    k.parallel_for(n - 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = T(start + step * C(i));
    });
    y[n - 1] = T(n > 1 ? stop : start);
  }
};

struct ZerosLike {
  void operator()(KernelContext& k) const {
    if (k.in(0).dtype() != DType::variant) return zero(k, k.out(0));
    for (int64_t i = 0; i < k.in(0).size(); ++i) {
      const TensorList* list = k.in<Variant>(0)[i].list();
      TW_CHECK(list, "ZerosLike: the input is not a list");
      k.out<Variant>(0)[i] = Variant(zeros_of_list(*list));
    }
  }
};

template <class T>
struct OnesLike {
  void operator()(KernelContext& k) const {
    T* y = k.out<T>(0);
    k.parallel_for(k.out(0).size(), 0.1 * sizeof(T),
                   [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, T(1)); });
  }
};

struct BroadcastTo {
  void operator()(KernelContext& k) const {
    const Shape &from = k.in(0).shape(), &to = k.out(0).shape();
    auto in = strides_of(from), out = strides_of(to);
    StridedCopy copy;
    for (int i = 0; i < to.rank(); ++i) {
      int d = i - (to.rank() - from.rank());
      copy.axis(to[i], d < 0 || from[d] == 1 ? 0 : in[size_t(d)], out[size_t(i)]);
    }
    copy.run(k, k.in(0), k.out(0));
  }
};

struct BroadcastArgs {
  void operator()(KernelContext& k) const { put(k.out(0), ops::broadcast_dims(to_ints(k.in(0)), to_ints(k.in(1)))); }
};

struct BroadcastGradientArgs {
  void operator()(KernelContext& k) const {
    auto axes = ops::broadcast_axes(to_ints(k.in(0)), to_ints(k.in(1)));
    for (int i = 0; i < 2; ++i) put(k.out(i), axes[size_t(i)]);
  }
};

}  // namespace

void register_array(KernelRegistry& r) {
  r.add<Transpose>("Transpose", kCpu);
  r.add<ConjugateTranspose>("ConjugateTranspose", kCpu);
  r.add<InvertPermutation>("InvertPermutation", kCpu);
  r.add<ShapeN>("Shape", kCpu);
  r.add<ShapeN>("ShapeN", kCpu);
  r.add<Size>("Size", kCpu);
  r.add<Rank>("Rank", kCpu);
  r.add<Fill>("Fill", kCpu);
  for_each_dtype<kReal - DTypeSet{DType::uint8}>([&]<class T>() { r.add<Range, T>("Range", kCpu, "Tidx"); });
  r.add_all<LinSpace, kFloating>("LinSpace", kCpu);
  r.add<ZerosLike>("ZerosLike", kCpu);
  r.add_all<OnesLike, kNumeric | kBool>("OnesLike", kCpu);
  r.add<BroadcastTo>("BroadcastTo", kCpu);
  r.add<BroadcastArgs>("BroadcastArgs", kCpu);
  r.add<BroadcastGradientArgs>("BroadcastGradientArgs", kCpu);
  register_diagonal(r);
  register_diagonals(r);
  register_rearrange(r);
  register_scan(r);
  register_unique(r);
}

}  // namespace thalweg::kernels
