#include "thalweg/core/threadpool.h"

#include <pthread.h>
#include <sched.h>
#include <csignal>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "thalweg/core/cpu_count.h"
#include "thalweg/core/futex.h"
#include "thalweg/core/shared_threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace thalweg {
namespace {

// Nanoseconds. What they trade is in docs/performance.md, bench/threadpool measures it.
constexpr double kWakeUp = 20e3;  // work that is worth waking a sleeping worker for
constexpr int64_t kLinger =
    80'000;  // a worker stays awake so long after the last loop or Active: the gap between steps
constexpr int64_t kPatience = 500'000;   // and at most so long without a loop while an Active is held
constexpr int64_t kLastChunks = 20'000;  // a caller spins so long for the others' last chunks, then sleeps
constexpr double kLeastChunk = 2e3;      // a chunk's claim costs up to 0.1 us

constexpr size_t kLine = 64;  // bytes of a cache line

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The chunks [front, back) of one loop that are still to be claimed, in one word that names the loop: a thread that
/// comes late can take nothing of the next loop by mistake.
class Span {
 public:
  void reset(uint32_t loop, int64_t front, int64_t back) {
    word_.store(uint64_t(loop) << 32 | uint64_t(back) << 16 | uint64_t(front), std::memory_order_release);
  }
  /// Its owner takes from the front, others from the back: neighbouring chunks stay on one core. -1: none left.
  int64_t claim(uint32_t loop, bool from_front) {
    uint64_t word = word_.load(std::memory_order_acquire);
    while (true) {
      uint64_t front = word & 0xffff, back = word >> 16 & 0xffff;
      if (uint32_t(word >> 32) != loop || front >= back) return -1;
      uint64_t next = from_front ? word + 1 : word - (uint64_t(1) << 16);
      if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return int64_t(from_front ? front : back - 1);
      }
    }
  }

 private:
  std::atomic<uint64_t> word_{0};
};
constexpr double kMostChunks = 1024;  // below 2^16

/// A thread that is kept from the CPU of the thread that wakes it: some kernels queue it there, behind its waker,
/// though other CPUs are idle, and then the two never run at the same time.
class Displaced {
 public:
  /// By the waker.
  void displace(pthread_t thread) {
    int cpu = sched_getcpu();
    if (int last = last_cpu_.load(std::memory_order_relaxed); last >= 0 && last != cpu) return;
    if (pthread_getaffinity_np(thread, sizeof before_, &before_) != 0) return;
    cpu_set_t others = before_;
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &others) || CPU_COUNT(&others) < 2) return;
    CPU_CLR(cpu, &others);
    if (pthread_setaffinity_np(thread, sizeof others, &others) == 0) displaced_.store(true, std::memory_order_release);
  }
  /// By the thread itself, before it sleeps and once it runs again.
  void settle() {
    last_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
    if (!displaced_.load(std::memory_order_acquire)) return;
    sched_setaffinity(0, sizeof before_, &before_);
    displaced_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<int> last_cpu_{-1};
  cpu_set_t before_{};
  std::atomic<bool> displaced_{false};
};

/// Indices of one chunk: sqrt(work in us) / 3 us of work. It depends on sizes alone, is small beside every thread's
/// share (so that all end together, even where a neighbour takes a core) and large beside the cost of a claim.
int64_t chunk_size(int64_t n, double cost) {
  double work = double(n) * cost;
  double count = work / std::max(kLeastChunk, std::sqrt(work * 1e3) / 3);
  auto chunk = int64_t(std::ceil(double(n) / std::clamp(count, 2.0, kMostChunks)));
  return chunk >= 1024 ? (chunk + 63) / 64 * 64 : chunk;  // whole cache lines and vectors
}

}  // namespace

struct ThreadPool::State {
  /// Thread 0 is the caller, whoever it is.
  struct Member {
    alignas(kLine) Span span;
    alignas(kLine) std::atomic<uint32_t> parked{0};  // a futex: 1 while asleep
    std::atomic<bool> waking{false};                 // somebody is at it
    Displaced displaced;
  };
  /// Relaxed atomics: who comes late reads them while the next loop writes, and then claims nothing.
  struct Loop {
    std::atomic<uint64_t> ticket{0};  // counts loops
    std::atomic<Body> body{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<int64_t> n{0}, chunk{1};
    std::atomic<int> width{0};  // members that have a span
  };
  static constexpr uint32_t kCallerSleeps = uint32_t(1) << 31;

  alignas(kLine) Loop loop;
  alignas(kLine) std::atomic<uint32_t> pending{0};  // chunks not done yet; the top bit: the caller sleeps on it
  alignas(kLine) std::atomic<bool> busy{false};     // a caller has the workers
  alignas(kLine) std::atomic<int> active{0};        // Actives held
  std::atomic<int> awake{0};                        // workers that are not asleep
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  std::mutex error_mutex;
  std::exception_ptr error;
  std::mutex start_mutex;
  std::atomic<bool> started{false};
  std::vector<std::thread> workers;
  std::vector<Member> members;

  explicit State(int threads) : members(size_t(threads)) {}

  void start() {
    if (started.load(std::memory_order_acquire)) return;
    std::lock_guard lock(start_mutex);
    if (started.load(std::memory_order_relaxed)) return;
    sigset_t all, before;  // signals are for the threads of the program
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (size_t i = 1; i < members.size(); ++i) {
        awake.fetch_add(1, std::memory_order_relaxed);
        workers.emplace_back([this, i] { serve(i); });
        members[i].displaced.displace(workers.back().native_handle());
      }
    } catch (const std::system_error&) {  // no more threads: those there are will do
      awake.fetch_sub(1, std::memory_order_relaxed);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started.store(true, std::memory_order_release);
  }

  /// Works on loop `ticket` until nothing is left to claim; the number of chunks done.
  uint32_t work(size_t me, uint64_t ticket) {
    int width = loop.width.load(std::memory_order_relaxed);
    if (int(me) >= width) return 0;
    Body body = loop.body.load(std::memory_order_relaxed);
    void* context = loop.context.load(std::memory_order_relaxed);
    int64_t n = loop.n.load(std::memory_order_relaxed), chunk = loop.chunk.load(std::memory_order_relaxed);
    uint32_t done = 0;
    for (int k = 0; k < width; ++k) {
      size_t from = (me + size_t(k)) % size_t(width);
      for (int64_t i = 0; (i = members[from].span.claim(uint32_t(ticket), k == 0)) >= 0; ++done) {
        if (failed.load(std::memory_order_relaxed)) continue;
        try {
          body(context, i * chunk, std::min((i + 1) * chunk, n));
        } catch (...) {
          std::lock_guard lock(error_mutex);
          if (!error) error = std::current_exception();
          failed.store(true, std::memory_order_relaxed);
        }
      }
    }
    return done;
  }

  /// Wakes the workers below `width` that are this member's to wake: a tree, so that no thread wakes all.
  void wake(size_t me, int width) {
    for (size_t i = 2 * me + 1; i <= 2 * me + 2 && i < size_t(width); ++i) {
      Member& m = members[i];
      if (!m.parked.load(std::memory_order_seq_cst) || m.waking.exchange(true, std::memory_order_acquire)) continue;
      if (m.parked.load(std::memory_order_seq_cst)) {
        m.displaced.displace(workers[i - 1].native_handle());
        m.parked.store(0, std::memory_order_seq_cst);
        futex_wake(m.parked);
      }
      m.waking.store(false, std::memory_order_release);
    }
  }

  /// A worker's life.
  void serve(size_t me) {
    uint64_t seen = 0;
    while (true) {
      seen = await(me, seen);
      if (stop.load(std::memory_order_acquire)) return;
      members[me].displaced.settle();
      wake(me, loop.width.load(std::memory_order_relaxed));
      uint32_t done = work(me, seen);
      if (done && pending.fetch_sub(done, std::memory_order_acq_rel) - done == kCallerSleeps) futex_wake(pending);
    }
  }

  /// Returns the ticket of a loop after `seen`, or any when the pool ends.
  uint64_t await(size_t me, uint64_t seen) {
    int64_t since = now(), quiet = since;  // when the last loop ended, when there was last an Active
    while (true) {
      for (int i = 0; i < 64; ++i) {
        uint64_t t = loop.ticket.load(std::memory_order_acquire);
        if (t != seen || stop.load(std::memory_order_relaxed)) return t;
        relax();
      }
      int64_t t = now();
      if (active.load(std::memory_order_relaxed)) quiet = t;
      if (t - quiet < kLinger && t - since < kPatience) continue;
      if (sleep(me, seen)) wake(me, int(members.size()));  // an Active begins: the others too
      since = quiet = now();
    }
  }

  /// True if woken though there is no loop.
  bool sleep(size_t me, uint64_t seen) {
    std::atomic<uint32_t>& parked = members[me].parked;
    members[me].displaced.settle();
    awake.fetch_sub(1, std::memory_order_relaxed);
    parked.store(1, std::memory_order_seq_cst);
    auto idle = [&] { return loop.ticket.load(std::memory_order_seq_cst) == seen && !stop.load(); };
    while (idle() && parked.load(std::memory_order_seq_cst)) futex_wait(parked, 1);
    parked.store(0, std::memory_order_seq_cst);
    awake.fetch_add(1, std::memory_order_relaxed);
    members[me].displaced.settle();
    return idle();
  }

  /// Waits for chunks that others claimed. They are at work, unless the system took their core: then it may have ours.
  void finish() {
    for (int64_t begin = now();;) {
      for (int i = 0; i < 64; ++i) {
        if (pending.load(std::memory_order_acquire) == 0) return;
        relax();
      }
      if (now() - begin > kLastChunks) break;
    }
    uint32_t left = pending.load(std::memory_order_acquire);
    while ((left & ~kCallerSleeps) != 0) {
      if (!(left & kCallerSleeps) &&
          !pending.compare_exchange_weak(left, left | kCallerSleeps, std::memory_order_acq_rel)) {
        continue;
      }
      futex_wait(pending, left | kCallerSleeps);
      left = pending.load(std::memory_order_acquire);
    }
  }
};

/// All pools of the process. A forked child has none of their workers: each gets a new state, whose workers start with
/// the child's first loop. The old ones are left as they are: threads that are gone may hold their locks.
struct ThreadPool::Registry {
  std::mutex mutex;
  std::vector<ThreadPool*> pools;

  Registry() {
    pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                   [] {
                     for (ThreadPool* p : registry().pools) {
                       (void)p->state_.release();
                       p->state_ = std::make_unique<State>(p->threads_);
                     }
                     registry().mutex.unlock();
                   });
  }
};

ThreadPool::Registry& ThreadPool::registry() {
  static auto* r = new Registry();  // never destroyed: a fork may come at any time
  return *r;
}

ThreadPool::ThreadPool(int threads)
    : threads_(std::clamp(threads, 1, 4096)), state_(std::make_unique<State>(threads_)) {
  std::lock_guard lock(registry().mutex);
  registry().pools.push_back(this);
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(registry().mutex);
    std::erase(registry().pools, this);
  }
  state_->stop.store(true);
  for (auto& m : state_->members) {
    m.parked.store(0);
    futex_wake(m.parked);
  }
  for (auto& t : state_->workers) t.join();
}

void ThreadPool::run(int64_t n, double cost, Body body, void* context) {
  State& s = *state_;
  bool sleepy = s.awake.load(std::memory_order_relaxed) == 0 && double(n) * cost < kWakeUp;
  if (sleepy || s.busy.exchange(true, std::memory_order_acquire)) {
    body(context, 0, n);
    return;
  }
  s.start();
  int64_t chunk = chunk_size(n, cost), chunks = (n + chunk - 1) / chunk;
  int width = int(std::min<int64_t>(chunks, threads_));
  uint64_t ticket = s.loop.ticket.load(std::memory_order_relaxed) + 1;
  s.loop.body.store(body, std::memory_order_relaxed);
  s.loop.context.store(context, std::memory_order_relaxed);
  s.loop.n.store(n, std::memory_order_relaxed);
  s.loop.chunk.store(chunk, std::memory_order_relaxed);
  s.loop.width.store(width, std::memory_order_relaxed);
  s.pending.store(uint32_t(chunks), std::memory_order_relaxed);
  for (int i = 0; i < width; ++i) {
    s.members[size_t(i)].span.reset(uint32_t(ticket), chunks * i / width, chunks * (i + 1) / width);
  }
  s.loop.ticket.store(ticket, std::memory_order_seq_cst);
  s.wake(0, width);
  uint32_t done = s.work(0, ticket);
  if (s.pending.fetch_sub(done, std::memory_order_acq_rel) != done) s.finish();
  std::exception_ptr error;
  if (s.failed.load(std::memory_order_relaxed)) {
    error = std::exchange(s.error, nullptr);
    s.failed.store(false, std::memory_order_relaxed);
  }
  s.busy.store(false, std::memory_order_release);
  if (error) std::rethrow_exception(error);
}

ThreadPool::Active::Active(ThreadPool* pool) {
  if (!pool || pool->threads_ == 1) return;
  state_ = pool->state_.get();
  state_->start();
  state_->active.fetch_add(1, std::memory_order_relaxed);
  state_->wake(0, pool->threads_);
}

ThreadPool::Active::~Active() {
  if (state_) state_->active.fetch_sub(1, std::memory_order_relaxed);
}

namespace {
/// What the shared pool is made with; -1 once it is made.
std::atomic<int>& shared_width() {
  static std::atomic<int> width{0};
  return width;
}
}  // namespace

bool set_shared_threads(int threads) {
  int now = shared_width().load();
  while (now >= 0) {
    if (shared_width().compare_exchange_weak(now, threads)) return true;
  }
  return false;
}

ThreadPool& ThreadPool::shared() {
  static auto* pool = [] {  // never destroyed: no join at exit
    int width = shared_width().exchange(-1);
    return new ThreadPool(width > 0 ? width : available_cpus());
  }();
  return *pool;
}

}  // namespace thalweg
