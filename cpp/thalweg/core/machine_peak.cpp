#include "thalweg/core/machine_peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "thalweg/core/threadpool.h"

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
#ifndef __clang_analyzer__     // which looks at the template without the instruction set it is instantiated for
      asm("" : "+v"(sum[i]));  // in a register, and not to be computed another way
#endif
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

/// The least seconds of some rounds of f(index) for all of [0, n), which take 10 ms or more in all.
template <class F>
double least_seconds(int64_t n, F&& f) {
  ThreadPool& pool = ThreadPool::shared();
  ThreadPool::Active active(&pool);
  double least = 1e9;
  for (int round = 0; round < 6; ++round) {
    double start = now();
    pool.parallel_for(n, 1e7 / double(n), [&](int64_t i, int64_t end) {
      for (; i < end; ++i) f(i);
    });
    least = std::min(least, now() - start);
  }
  return least;
}

MachinePeak measure() {
  MachinePeak peak;
  peak.threads = ThreadPool::shared().threads();
  volatile float sink = 0;

  Loop loop = widest();
  constexpr int64_t kRounds = 1 << 17;  // half a millisecond
  int64_t pieces = 16 * peak.threads;
  double seconds = least_seconds(pieces, [&](int64_t) { sink = loop.run(kRounds); });
  peak.flops_per_second = 2.0 * kRounds * kChains * loop.lanes * double(pieces) / seconds;

  constexpr int64_t kPiece = 1 << 16, kPieces = 128;  // floats: 32 MB an array, three arrays
  std::vector<float> a(kPiece * kPieces), b(a.size(), 1), c(a.size(), 2);
  seconds = least_seconds(kPieces, [&](int64_t i) {
    float* x = a.data() + i * kPiece;
    const float *y = b.data() + i * kPiece, *z = c.data() + i * kPiece;
    for (int64_t k = 0; k < kPiece; ++k) x[k] = y[k] + 0.5f * z[k];
    sink = x[0];
  });
  peak.bytes_per_second = 3.0 * double(a.size() * sizeof(float)) / seconds;
  return peak;
}

}  // namespace

const MachinePeak& machine_peak() {
  static const MachinePeak peak = measure();
  return peak;
}

}  // namespace thalweg
