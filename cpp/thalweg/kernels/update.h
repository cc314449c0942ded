// How kernels change variables: locks in a fixed order, checks before changes, copy-on-write.
#pragma once

#include <algorithm>
#include <array>
#include <mutex>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// Holds the locks of up to four variables. Locks are taken in address order, so that two updates cannot wait for each
/// other; a variable that is named twice is locked once.
class VariableLocks {
 public:
  VariableLocks(KernelContext& k, int count) {
    TW_ASSERT(count <= int(held_.size()));
    std::array<Variable*, 4> v{};
    for (int i = 0; i < count; ++i) v[size_t(i)] = &k.variable(i);
    std::sort(v.begin(), v.begin() + count, std::less<>());
    auto end = std::unique(v.begin(), v.begin() + count);
    for (auto it = v.begin(); it != end; ++it) held_[size_t(it - v.begin())] = std::unique_lock((*it)->mutex);
  }

 private:
  std::array<std::unique_lock<std::mutex>, 4> held_;
};

/// The variable's value; FailedPrecondition if it has none. The caller holds the lock.
inline Tensor& initialized(Variable& v) {
  if (!v.value) TW_FAIL(FailedPrecondition, "Attempting to use uninitialized value ", v.name);
  return v.value;
}

/// A variable's elements while an update runs: `from` is the old value, `to` the new one. They are the same memory when
/// nobody else holds it; otherwise readers keep the old value and commit() installs the new one.
template <class T>
class Updated {
 public:
  explicit Updated(Variable& v) : v_(v) {
    if (!v.value.unique()) fresh_ = Tensor(v.value.dtype(), v.value.shape(), v.value.device());
    from = std::as_const(v.value).template ptr<T>();
    to = fresh_ ? fresh_.template ptr<T>() : v.value.template ptr<T>();
  }
  /// For updates that do not write every element.
  void copy_rest() {
    if (fresh_) std::copy_n(from, v_.value.size(), to);
  }
  void commit() {
    if (fresh_) v_.value = std::move(fresh_);
  }

  const T* from;
  T* to;

 private:
  Variable& v_;
  Tensor fresh_;
};

}  // namespace thalweg::kernels
