// The thread pool: what a hand-off costs with workers awake and asleep, how much of a second thread small loops get,
// and what gaps between them cost.
#include "bench.h"

#include <sys/resource.h>

#include <atomic>
#include <thread>

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

namespace {

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + double(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/// Busy for `units` of about a nanosecond each.
void burn(int64_t units, double per_unit) {
  volatile float x = 1;
  for (auto i = int64_t(double(units) / per_unit); i > 0; --i) x = x * 0.999f;
}

/// Nanoseconds of one step of burn.
double calibrate() {
  double least = 1;
  for (int i = 0; i < 20; ++i) {
    double start = now();
    burn(100'000, 1);
    least = std::min(least, now() - start);
  }
  return least * 1e9 / 100'000;
}

/// Medians and minima of the microseconds that `f` takes, called after `gap` seconds of doing nothing.
template <class F>
void gaps(const char* name, double gap, bool asleep, F&& f) {
  std::vector<double> took;
  for (int i = 0; i < (asleep ? 300 : 5000); ++i) {
    if (asleep) {
      std::this_thread::sleep_for(std::chrono::duration<double>(gap));
    } else {
      for (double until = now() + gap; now() < until;) {
      }
    }
    double start = now();
    f();
    took.push_back((now() - start) * 1e6);
  }
  std::ranges::sort(took);
  std::printf("%-44s median %8.2f us, least %8.2f us\n", name, took[took.size() / 2], took[0]);
}

}  // namespace

int main() {
  ThreadPool pool(std::max(ThreadPool::shared().threads(), 2));
  double unit = calibrate();
  std::printf("%d threads\n", pool.threads());

  {  // the time until a worker begins: a loop of two chunks whose first waits for the second
    auto meet = [&] {
      std::atomic<int> arrived{0};
      pool.parallel_for(2, 1e6, [&](int64_t, int64_t) {
        arrived.fetch_add(1);
        while (arrived.load() < std::min(pool.threads(), 2)) {
        }
      });
    };
    meet();
    gaps("both threads in a loop, worker awake", 2e-6, false, meet);
    gaps("both threads in a loop, worker asleep", 1e-3, true, meet);
    gaps("Active on a sleeping pool", 1e-3, true, [&] { ThreadPool::Active active(&pool); });
    gaps("Active on a waking pool", 2e-6, false, [&] { ThreadPool::Active active(&pool); });
  }

  for (double us : {2.0, 4.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0}) {
    auto work = [&](int64_t begin, int64_t end) { burn(end - begin, unit); };
    auto n = int64_t(us * 1e3);
    double alone = median_seconds([&] { work(0, n); }, 0.2);
    double both = median_seconds([&] { pool.parallel_for(n, 1, work); }, 0.2);
    std::printf("loop of %6.0f us of work: %8.2f us alone, %8.2f us on the pool: %.2f times as fast\n", us, alone * 1e6,
                both * 1e6, alone / both);
  }

  // A training loop: steps of 100 us with a gap between; the share of the second thread depends on who lingers how
  // long.
  for (double gap : {2e-6, 10e-6, 30e-6, 60e-6, 200e-6}) {
    auto work = [&](int64_t begin, int64_t end) { burn(end - begin, unit); };
    std::string name = str("step of 5 loops of 20 us, gap of ", gap * 1e6, " us");
    gaps(name.c_str(), gap, false, [&] {
      ThreadPool::Active active(&pool);
      for (int i = 0; i < 5; ++i) pool.parallel_for(20'000, 1, work);
    });
  }

  double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  std::printf("idle for a second: %.3f ms of CPU time\n", (cpu_seconds() - before) * 1e3);
}
