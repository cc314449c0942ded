// Kernels that look elements up in a hash table. NaN equals nothing, itself included; -0 equals 0.
#include <unordered_map>

#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

struct Hash {
  template <class T>
  size_t operator()(const T& v) const {
    if constexpr (is_complex<T>) {
      using R = typename T::value_type;
      return std::hash<R>()(v.real()) * 31 + std::hash<R>()(v.imag());
    } else if constexpr (std::same_as<Compute<T>, T>) {
      return std::hash<T>()(v);
    } else {
      return std::hash<float>()(float(v));
    }
  }
};

struct Equal {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    return Compute<T>(a) == Compute<T>(b);
  }
};

template <class T>
using Table = std::unordered_map<T, int64_t, Hash, Equal>;

template <class T>
struct Unique {  // and UniqueWithCounts
  void operator()(KernelContext& k) const {
    auto x = k.in(0).template flat<T>();
    visit<kIndex>(k.out(1).dtype(), [&]<class I>() {
      I* which = k.out<I>(1);
      Table<T> seen;
      std::vector<int64_t> first, count;
      for (size_t i = 0; i < x.size(); ++i) {
        auto [at, fresh] = seen.try_emplace(x[i], std::ssize(first));
        if (fresh) {
          first.push_back(int64_t(i));
          count.push_back(0);
        }
        which[i] = I(at->second);
        ++count[size_t(at->second)];
      }
      T* y = k.out(0, Shape{std::ssize(first)}).template ptr<T>();
      for (int64_t i : first) *y++ = x[size_t(i)];
      if (k.outputs() > 2) std::ranges::copy(count, k.out(2, Shape{std::ssize(count)}).template ptr<I>());
    });
  }
};

template <class T>
struct ListDiff {
  void operator()(KernelContext& k) const {
    Table<T> taken;
    for (const T& v : k.in(1).template flat<T>()) taken.try_emplace(v, 0);
    auto x = k.in(0).template flat<T>();
    Ints kept;
    for (size_t i = 0; i < x.size(); ++i) {
      if (!taken.contains(x[i])) kept.push_back(int64_t(i));
    }
    T* y = k.out(0, Shape{std::ssize(kept)}).template ptr<T>();
    for (int64_t i : kept) *y++ = x[size_t(i)];
    Tensor& index = k.out(1, Shape{std::ssize(kept)});
    visit<kIndex>(index.dtype(), [&]<class I>() { std::ranges::copy(kept, index.ptr<I>()); });
  }
};

}  // namespace

void register_unique(KernelRegistry& r) {
  r.add_all<Unique, kNumeric | kBool | kString>("Unique", kCpu);
  r.add_all<Unique, kNumeric | kBool | kString>("UniqueWithCounts", kCpu);
  r.add_all<ListDiff, kNumeric | kBool | kString>("ListDiff", kCpu);
}

}  // namespace thalweg::kernels
