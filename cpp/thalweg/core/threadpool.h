// A fixed set of worker threads for data-parallel loops. The caller works too; splits depend on sizes alone.
#pragma once

#include <cstdint>
#include <memory>

#include "thalweg/core/error.h"

namespace thalweg {

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
    if (threads_ == 1 || double(n) * cost < kHandOff) {
      f(int64_t(0), n);
      return;
    }
    run(
        n,
        [](void* context, int64_t begin, int64_t end) {
          (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

  /// The process's pool: made on first need, as wide as the CPU quota of the process allows.
  static ThreadPool& shared();
  /// CPUs this process may use: affinity mask and cgroup quota.
  static int available_cpus();

 private:
  static constexpr double kHandOff = 20e3;  // ns: below this a second thread costs more than it brings
  using Body = void (*)(void* context, int64_t begin, int64_t end);
  void run(int64_t n, Body body, void* context);

  struct State;
  int threads_;
  std::unique_ptr<State> state_;
};

}  // namespace thalweg
