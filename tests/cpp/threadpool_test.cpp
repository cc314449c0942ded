// The thread pool by itself. Built a second time under the thread sanitizer where the compiler has it.
#include "thalweg/core/threadpool.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.h"
#include "thalweg/core/cpu_count.h"

using thalweg::ThreadPool;

namespace {

constexpr double kMuch = 1e5;  // nanoseconds an index: any loop is worth a hand-off

/// Every index once, and the sum right: what a loop owes.
bool complete(ThreadPool& pool, int64_t n, double cost) {
  std::vector<int> seen(static_cast<size_t>(n));
  pool.parallel_for(n, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[size_t(i)];
  });
  return std::accumulate(seen.begin(), seen.end(), int64_t(0)) == n &&
         std::ranges::all_of(seen, [](int s) { return s == 1; });
}

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + double(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

void pause_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

TEST(every_index_once) {
  for (int threads : {1, 2, 3, 4, 9}) {
    ThreadPool pool(threads);
    for (int64_t n : {1, 2, 3, 7, 64, 1000, 4097, 100'000}) {
      for (double cost : {0.01, 100.0, kMuch}) CHECK(complete(pool, n, cost));
    }
  }
}

TEST(many_small_loops) {
  ThreadPool pool(4);
  ThreadPool::Active active(&pool);
  int64_t wrong = 0;
  for (int i = 0; i < 3000; ++i) wrong += !complete(pool, 2 + i % 50, 1e4);
  CHECK_EQ(wrong, 0);
}

TEST(loops_with_pauses_find_sleepers) {
  ThreadPool pool(3);
  for (int i = 0; i < 30; ++i) {
    CHECK(complete(pool, 100, kMuch));
    pause_for(1e-4 * (i % 4));
    if (i % 3 == 0) {
      ThreadPool::Active active(&pool);
      pause_for(1e-4 * (i % 5));
    }
  }
}

TEST(cuts_depend_on_sizes_alone) {
  auto cuts = [](int threads, int64_t n, double cost) {
    ThreadPool pool(threads);
    std::mutex mutex;
    std::set<int64_t> found;
    pool.parallel_for(n, cost, [&](int64_t begin, int64_t) {
      std::lock_guard lock(mutex);
      found.insert(begin);
    });
    return found;
  };
  for (int64_t n : {10, 1000, 1'000'000}) CHECK(cuts(2, n, kMuch) == cuts(5, n, kMuch));
}

TEST(several_threads_take_part) {
  ThreadPool pool(2);
  std::atomic<int> arrived{0};
  pool.parallel_for(2, kMuch, [&](int64_t begin, int64_t end) {
    arrived += int(end - begin);
    for (int i = 0; arrived < 2 && i < 2000; ++i) pause_for(1e-3);  // only another thread can bring the second
  });
  CHECK_EQ(arrived.load(), 2);
}

TEST(the_first_exception_reaches_the_caller) {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    std::string what;
    try {
      pool.parallel_for(100, kMuch, [&](int64_t begin, int64_t end) {
        if (begin <= 40 && 40 < end) throw std::runtime_error("index 40");
      });
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    CHECK_EQ(what, "index 40");
    CHECK(complete(pool, 100, kMuch));
  }
}

TEST(nested_loops_run_inline) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  pool.parallel_for(8, kMuch, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      auto me = std::this_thread::get_id();
      pool.parallel_for(100, kMuch, [&](int64_t b, int64_t e) {
        if (std::this_thread::get_id() == me) sum += e - b;
      });
    }
  });
  CHECK_EQ(sum.load(), 800);
}

TEST(several_callers_at_once) {
  ThreadPool pool(3);
  std::atomic<int64_t> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        ThreadPool::Active active(&pool);
        wrong += !complete(pool, 50 + i % 7, 1e4);
      }
    });
  }
  for (auto& c : callers) c.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(pools_end_at_any_time) {
  for (int i = 0; i < 30; ++i) {
    ThreadPool pool(3);
    if (i % 3) complete(pool, 100, kMuch);
    if (i % 2) pause_for(2e-4);
  }
}

TEST(an_idle_pool_costs_nothing) {
  ThreadPool pool(4);
  for (int i = 0; i < 10; ++i) {
    ThreadPool::Active active(&pool);
    complete(pool, 1000, 1e3);
  }
  pause_for(0.02);
  double before = cpu_seconds();
  pause_for(0.5);
  CHECK(cpu_seconds() - before < 0.01);
}

TEST(cpus_are_counted) {
  cpu_set_t mine, one;
  sched_getaffinity(0, sizeof mine, &mine);
  CHECK(thalweg::available_cpus() >= 1 && thalweg::available_cpus() <= CPU_COUNT(&mine));
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &mine)) ++cpu;
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
  CHECK_EQ(thalweg::available_cpus(), 1);
  sched_setaffinity(0, sizeof mine, &mine);
}

#ifndef __SANITIZE_THREAD__  // which does not follow threads into a forked child
TEST(a_forked_child_has_workers_of_its_own) {
  ThreadPool pool(3);
  CHECK(complete(pool, 1000, kMuch));
  ThreadPool::Active across(&pool);
  pid_t child = fork();
  if (child == 0) {
    bool right = true;
    for (int i = 0; i < 20; ++i) right = right && complete(pool, 1000, kMuch);
    std::atomic<int> arrived{0};
    pool.parallel_for(2, kMuch, [&](int64_t begin, int64_t end) {
      arrived += int(end - begin);
      for (int i = 0; arrived < 2 && i < 2000; ++i) pause_for(1e-3);
    });
    _exit(right && arrived == 2 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(complete(pool, 1000, kMuch));
}
#endif
