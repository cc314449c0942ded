// Kernels that write slices at coordinates, in the order of the updates, after checking every coordinate.
#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

/// Where in a tensor of shape `whole` each row of coordinates points, in elements.
Ints offsets(const Tensor& indices, const Shape& whole) {
  int depth = int(indices.dim(-1));
  int64_t count = indices.shape().size(0, indices.rank() - 1);
  auto strides = strides_of(whole);
  Ints at(size_t(count), 0);
  visit<kIndex | DTypeSet{DType::int16, DType::uint16}>(indices.dtype(), [&]<class I>() {
    const I* index = indices.ptr<I>();
    for (int64_t i = 0; i < count; ++i) {
      for (int d = 0; d < depth; ++d) {
        int64_t x = index[i * depth + d];
        if (x < 0 || x >= whole[d]) {
          std::string row;
          for (int e = 0; e < depth; ++e) row += str(e ? ", " : "", index[i * depth + e]);
          TW_FAIL(InvalidArgument, "indices[", i, "] = [", row, "] does not index into shape ", whole);
        }
        at[size_t(i)] += x * strides[size_t(d)];
      }
    }
  });
  return at;
}

struct Add {
  template <class T>
  T operator()(const T& a, const T& b) const {
    if constexpr (std::same_as<T, bool>)
      return a || b;
    else if constexpr (std::is_integral_v<T>)
      return T(uint64_t(a) + uint64_t(b));
    else if constexpr (std::same_as<T, std::string>)
      return a + b;
    else
      return T(Compute<T>(a) + Compute<T>(b));
  }
};
struct Subtract {
  template <class T>
  T operator()(const T& a, const T& b) const {
    if constexpr (std::is_integral_v<T>)
      return T(uint64_t(a) - uint64_t(b));
    else
      return T(Compute<T>(a) - Compute<T>(b));
  }
};
// NaN in either wins.
struct Max {
  template <class T>
  T operator()(const T& a, const T& b) const {
    return a != a || a > b ? a : b;
  }
};
struct Min {
  template <class T>
  T operator()(const T& a, const T& b) const {
    return a != a || a < b ? a : b;
  }
};

/// out[coordinates] = op(out[coordinates], update), row by row.
template <class T, class Op>
void combine(const Ints& at, const Tensor& updates, Tensor& out, Op op) {
  if (at.empty() || updates.size() == 0) return;
  int64_t run = updates.size() / std::ssize(at);
  const T* u = updates.ptr<T>();
  T* y = out.ptr<T>();
  for (size_t i = 0; i < at.size(); ++i) {
    for (int64_t j = 0; j < run; ++j) y[at[i] + j] = op(y[at[i] + j], u[int64_t(i) * run + j]);
  }
}

template <class T>
struct ScatterNd {
  void operator()(KernelContext& k) const {
    zero(k, k.out(0));
    combine<T>(offsets(k.in(0), k.out(0).shape()), k.in(1), k.out(0), Add());
  }
};

void copy_all(KernelContext& k, const Tensor& from, Tensor& to) {
  StridedCopy copy;
  copy.axis(from.size(), 1, 1);
  copy.run(k, from, to);
}

struct TensorScatterUpdate {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    const Tensor& updates = k.in(2);
    Ints at = offsets(k.in(1), out.shape());
    copy_all(k, k.in(0), out);
    if (at.empty() || updates.size() == 0) return;
    int64_t run = updates.size() / std::ssize(at);
    visit_size(out.dtype(), [&]<class U>() {
      for (size_t i = 0; i < at.size(); ++i) {
        copy_run(static_cast<const U*>(updates.data()) + int64_t(i) * run, run, static_cast<U*>(out.data()) + at[i]);
      }
    });
  }
};

template <class T, class Op>
struct TensorScatter {
  void operator()(KernelContext& k) const {
    Ints at = offsets(k.in(1), k.out(0).shape());
    copy_all(k, k.in(0), k.out(0));
    combine<T>(at, k.in(2), k.out(0), Op());
  }
};
template <class T>
using TensorScatterAdd = TensorScatter<T, Add>;
template <class T>
using TensorScatterSub = TensorScatter<T, Subtract>;
template <class T>
using TensorScatterMax = TensorScatter<T, Max>;
template <class T>
using TensorScatterMin = TensorScatter<T, Min>;

}  // namespace

void register_scatter(KernelRegistry& r) {
  r.add_all<ScatterNd, kNumeric | kBool | kString>("ScatterNd", kCpu);
  r.add<TensorScatterUpdate>("TensorScatterUpdate", kCpu);
  r.add_all<TensorScatterAdd, kNumeric | kString>("TensorScatterAdd", kCpu);
  r.add_all<TensorScatterSub, kNumeric>("TensorScatterSub", kCpu);
  r.add_all<TensorScatterMax, kReal>("TensorScatterMax", kCpu);
  r.add_all<TensorScatterMin, kReal>("TensorScatterMin", kCpu);
}

}  // namespace thalweg::kernels
