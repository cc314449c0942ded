#include "thalweg/core/threadpool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace thalweg {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

constexpr int kSpins = 4000;  // about 40 us: a helper parks between steps that lie further apart

}  // namespace

struct ThreadPool::State {
  struct Job {
    Body body = nullptr;
    void* context = nullptr;
    int64_t n = 0, chunk = 1;
  };

  std::mutex owner;  // one parallel loop at a time; a second caller runs its loop alone
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> ticket{0};  // odd while workers may join
  std::atomic<int64_t> next{0};
  std::atomic<int> inside{0};
  std::atomic<bool> stop{false};
  int parked = 0;
  Job job;
  std::exception_ptr error;
  std::mutex error_mutex;
  std::vector<std::thread> workers;
  pid_t pid = getpid();

  void work() {
    while (true) {
      int64_t begin = next.fetch_add(job.chunk, std::memory_order_relaxed);
      if (begin >= job.n) return;
      try {
        job.body(job.context, begin, std::min(begin + job.chunk, job.n));
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(job.n, std::memory_order_relaxed);
      }
    }
  }

  void worker() {
    uint64_t seen = 0;
    while (true) {
      uint64_t now = 0;
      for (int i = 0; i < kSpins; ++i) {
        now = ticket.load(std::memory_order_acquire);
        if ((now & 1) && now != seen) break;
        if (stop.load(std::memory_order_relaxed)) return;
        relax();
      }
      if (!(now & 1) || now == seen) {
        std::unique_lock lock(mutex);
        ++parked;
        wake.wait(lock, [&] {
          now = ticket.load(std::memory_order_acquire);
          return stop.load() || ((now & 1) && now != seen);
        });
        --parked;
        if (stop.load()) return;
      }
      inside.fetch_add(1, std::memory_order_acq_rel);
      // The loop may have ended between the look and the announcement: join only if the ticket still stands.
      if (ticket.load(std::memory_order_acquire) == now) work();
      inside.fetch_sub(1, std::memory_order_release);
      seen = now;
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(threads, 1)), state_(std::make_unique<State>()) {
  for (int i = 1; i < threads_; ++i) state_->workers.emplace_back([s = state_.get()] { s->worker(); });
}

ThreadPool::~ThreadPool() {
  if (state_->pid != getpid()) {  // after fork the workers do not exist: nothing to join
    for (auto& t : state_->workers) t.detach();
    state_.release();  // NOLINT(bugprone-unused-return-value): its mutexes may be held by threads that are gone
    return;
  }
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (auto& t : state_->workers) t.join();
}

void ThreadPool::run(int64_t n, Body body, void* context) {
  State& s = *state_;
  std::unique_lock owner(s.owner, std::try_to_lock);
  if (!owner || s.pid != getpid()) {  // a nested or concurrent loop, or a forked child without workers
    body(context, 0, n);
    return;
  }
  // Four chunks a thread: a neighbour that steals a core for a while costs a quarter of its share, not all of it.
  int64_t chunk = std::max<int64_t>(1, (n + threads_ * 4 - 1) / (threads_ * 4));
  s.job = {body, context, n, chunk};
  s.next.store(0, std::memory_order_relaxed);
  s.ticket.fetch_add(1, std::memory_order_acq_rel);  // odd: open
  bool sleepers = false;
  {
    std::lock_guard lock(s.mutex);
    sleepers = s.parked > 0;
  }
  if (sleepers) s.wake.notify_all();
  s.work();
  s.ticket.fetch_add(1, std::memory_order_acq_rel);  // even: closed
  while (s.inside.load(std::memory_order_acquire) != 0) relax();
  if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
}

int ThreadPool::available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : int(std::thread::hardware_concurrency());
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) {
    cpus = std::min(cpus, int(std::ceil(std::atof(quota.c_str()) / period)));
  }
  return std::max(cpus, 1);
}

ThreadPool& ThreadPool::shared() {
  static auto* pool = new ThreadPool(available_cpus());  // never destroyed: no join at exit
  return *pool;
}

}  // namespace thalweg
