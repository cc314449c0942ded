#include "thalweg/core/machine_peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "thalweg/core/cpu_count.h"

namespace thalweg {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr int kChains = 12;  // independent sums: 4 cycles of latency times 2 units need 8; 16 registers hold no more

using Floats4 [[gnu::vector_size(16)]] = float;
using Floats8 [[gnu::vector_size(32)]] = float;
using Floats16 [[gnu::vector_size(64)]] = float;

/// Multiply-adds on `kChains` registers. The result is used, so that the loop stays.
template <class Pack>
[[gnu::always_inline]] inline float multiply_add(int64_t rounds) {
  Pack sum[kChains];
#pragma GCC unroll 12  // all of them: an array that is indexed does not live in registers
  for (int i = 0; i < kChains; ++i) sum[i] = Pack{} + float(i);
  Pack a = Pack{} + 0.9999f, b = Pack{} + 1e-4f;
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      sum[i] = sum[i] * a + b;
      asm("" : "+v"(sum[i]));  // in a register, and not to be computed another way
    }
  }
  Pack all = sum[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) all += sum[i];
  return all[0];
}

struct Loop {
  float (*run)(int64_t);
  int lanes;
};

#if defined(__x86_64__)
[[gnu::target("avx512f,fma")]] float run_512(int64_t n) { return multiply_add<Floats16>(n); }
[[gnu::target("avx2,fma")]] float run_256(int64_t n) { return multiply_add<Floats8>(n); }
float run_128(int64_t n) { return multiply_add<Floats4>(n); }

Loop widest() {
  if (__builtin_cpu_supports("avx512f")) return {run_512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {run_256, 8};
  return {run_128, 4};
}
#else
float run_scalar(int64_t n) {
  float sum[kChains] = {};
  for (int64_t r = 0; r < n; ++r) {
    for (float& s : sum) s = s * 0.9999f + 1e-4f;
  }
  return sum[0];
}
Loop widest() { return {run_scalar, 1}; }
#endif

/// Seconds until `threads` threads have each run f(index).
template <class F>
double together(int threads, F&& f) {
  double start = now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&, i] { f(i); });
  f(0);
  for (auto& t : others) t.join();
  return now() - start;
}

MachinePeak measure() {
  MachinePeak peak;
  peak.threads = available_cpus();
  Loop loop = widest();
  volatile float sink = 0;
  constexpr int64_t kRounds = 1 << 20;  // about 5 ms
  double best = 1e9;
  for (int i = 0; i < 4; ++i) best = std::min(best, together(peak.threads, [&](int) { sink = loop.run(kRounds); }));
  peak.flops_per_second = 2.0 * kRounds * kChains * loop.lanes * peak.threads / best;

  constexpr size_t kFloats = 8 << 20;  // 32 MB an array, three arrays
  std::unique_ptr<float[]> a(new float[kFloats]()), b(new float[kFloats]()), c(new float[kFloats]());
  best = 1e9;
  for (int i = 0; i < 4; ++i) {
    best = std::min(best, together(peak.threads, [&](int t) {
                      size_t from = kFloats * size_t(t) / size_t(peak.threads),
                             to = kFloats * size_t(t + 1) / size_t(peak.threads);
                      float *x = a.get(), *y = b.get(), *z = c.get();
                      for (size_t k = from; k < to; ++k) x[k] = y[k] + 0.5f * z[k];
                      sink = x[from];
                    }));
  }
  peak.bytes_per_second = 3.0 * kFloats * sizeof(float) / best;
  return peak;
}

}  // namespace

const MachinePeak& machine_peak() {
  static const MachinePeak peak = measure();
  return peak;
}

}  // namespace thalweg
