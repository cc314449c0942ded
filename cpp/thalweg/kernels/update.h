// How kernels change variables: locks in a fixed order, checks before changes, copy-on-write.
#pragma once

#include <algorithm>
#include <array>
#include <mutex>
#include <span>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// Holds the locks of several variables. Locks are taken in address order, so that two updates cannot wait for each
/// other; a variable that is named twice is locked once.
class VariableLocks {
 public:
  /// Of a node's first inputs, up to four.
  VariableLocks(KernelContext& k, int count) {
    TW_ASSERT(count <= int(few_.size()));
    for (int i = 0; i < count; ++i) few_[size_t(i)] = &k.variable(i);
    lock({few_.data(), size_t(count)});
  }
  /// The list is the caller's, and is reordered.
  explicit VariableLocks(std::span<Variable*> variables) { lock(variables); }
  ~VariableLocks() {
    for (Variable* v : held_) v->mutex.unlock();
  }
  VariableLocks(const VariableLocks&) = delete;
  VariableLocks& operator=(const VariableLocks&) = delete;

 private:
  // Not inlined: g++ 12 warns of what a sort of four never does.
  [[gnu::noinline]] void lock(std::span<Variable*> v) {
    std::ranges::sort(v, std::less<>());
    held_ = v.first(v.size() - std::ranges::unique(v).size());
    for (Variable* one : held_) one->mutex.lock();
  }

  std::array<Variable*, 4> few_{};
  std::span<Variable*> held_;
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
  /// The new value's memory, for a caller that commits later; empty if it is the old one's.
  Tensor take_fresh() { return std::move(fresh_); }
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
