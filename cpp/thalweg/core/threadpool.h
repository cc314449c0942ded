// A fixed set of worker threads for data-parallel loops. The caller works too; splits depend on sizes alone.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "thalweg/core/error.h"

namespace thalweg {

/// Workers are started by the first loop that needs them (again in a forked child), spin for a moment after a loop and
/// then sleep: an idle pool costs no CPU time. One loop has the workers at a time; a nested loop, or one of another
/// thread meanwhile, runs on its calling thread.
class THALWEG_API ThreadPool {
 public:
  /// `threads` counts the caller: a pool of 1 starts no thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls f(begin, end) over a partition of [0, n). `cost` is roughly the nanoseconds one index takes: work worth
  /// less than a hand-off stays on the calling thread. Results must not depend on where the range is cut. Exceptions
  /// thrown by f reach the caller (the first one).
  template <class F>
  void parallel_for(int64_t n, double cost, F&& f) {
    if (n <= 0) return;
    if (n == 1 || threads_ == 1 || double(n) * cost < kHandOff) {
      f(int64_t(0), n);
      return;
    }
    run(
        n, cost,
        [](void* context, int64_t begin, int64_t end) {
          (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

  class Active;

  /// Nanoseconds of work below which even an awake worker costs more than it brings.
  static constexpr double kHandOff = 4e3;

  /// The process's pool: made on first need, as wide as the CPU quota of the process allows.
  static ThreadPool& shared();

 private:
  struct State;
  struct Registry;  // all pools, for the handlers of fork
  static Registry& registry();
  using Body = void (*)(void* context, int64_t begin, int64_t end);
  void run(int64_t n, double cost, Body body, void* context);

  int threads_;
  std::unique_ptr<State> state_;
};

/// Held over a stretch of work that has loops in it: wakes the workers at its start, so that the first loop finds them
/// awake, and lets them spin between the loops. A null pool, or one of a single thread, is nothing.
class THALWEG_API ThreadPool::Active {
 public:
  explicit Active(ThreadPool* pool);
  ~Active();
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;

 private:
  State* state_ = nullptr;
};

}  // namespace thalweg
