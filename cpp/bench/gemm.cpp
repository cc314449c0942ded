// Matrix products of the shapes that dense layers have, forward and backward, beside what one core could do at most.
// They run on all CPUs that the process may use: `taskset -c 0` shows one thread.
#include "bench.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

namespace {

struct Size {
  int64_t m, k, n;
  bool ta = false, tb = false;
};

/// A dense layer's three products: forward, the input's gradient, the weights' gradient.
void layer(std::vector<Size>& sizes, int64_t batch, int64_t in, int64_t out) {
  sizes.push_back({batch, in, out});
  sizes.push_back({batch, out, in, false, true});
  sizes.push_back({in, batch, out, true, false});
}

std::vector<Size> sizes() {
  std::vector<Size> s;
  layer(s, 100, 784, 128);
  layer(s, 100, 128, 32);
  layer(s, 100, 32, 10);
  layer(s, 100, 784, 10);
  layer(s, 100, 784, 200);
  layer(s, 100, 200, 100);
  layer(s, 100, 100, 60);
  layer(s, 100, 60, 30);
  layer(s, 100, 30, 10);
  layer(s, 50, 3136, 1024);
  layer(s, 100, 588, 200);
  layer(s, 100, 1176, 200);
  layer(s, 1, 784, 128);
  layer(s, 1, 3136, 1024);
  for (int64_t side : {256, 512, 1024}) layer(s, side, side, side);
  for (int64_t n : {24, 40, 104}) s.push_back({100, 784, n});
  for (Size one : {Size{2048, 2048, 2048}, Size{4096, 64, 64}, Size{64, 64, 4096}, Size{64, 4096, 64},
                   Size{333, 333, 333}, Size{127, 129, 131}, Size{1000, 1000, 17, false, true}, Size{10000, 16, 16},
                   Size{8, 1024, 1024}, Size{64, 64, 64}, Size{32, 32, 32}}) {
    s.push_back(one);
  }
  return s;
}

Tensor noise_of(DType dtype, const Shape& shape) {
  Tensor from = noise(shape);
  if (dtype == DType::float32) return from;
  Tensor to(dtype, shape);
  for_each_dtype<DTypeSet{DType::float64, DType::float16, DType::bfloat16}>([&]<class T>() {
    if (dtype == dtype_of<T>) std::ranges::transform(from.flat<float>(), to.ptr<T>(), [](float x) { return T(x); });
  });
  return to;
}

void product(Report& report, const Size& z, DType dtype, std::string_view suffix) {
  Graph graph(library().ops);
  Scope scope(graph);
  auto stored = [](int64_t rows, int64_t cols, bool transposed) {
    return transposed ? PartialShape{cols, rows} : PartialShape{rows, cols};
  };
  Out a = placeholder(stored(z.m, z.k, z.ta), dtype), b = placeholder(stored(z.k, z.n, z.tb), dtype);
  Out c = matmul(a, b, z.ta, z.tb);
  Session session(graph, library());
  auto run = session.prepare({a.endpoint(), b.endpoint()}, {}, {&c.node()});
  std::vector<Tensor> feeds{noise_of(dtype, a.shape().shape()), noise_of(dtype, b.shape().shape())};
  report.row(str("gemm_", z.m, "x", z.k, "x", z.n, z.ta ? "_ta" : "", z.tb ? "_tb" : "", suffix),
             2.0 * double(z.m) * double(z.k) * double(z.n), [&] { run->run(feeds); });
}

#if defined(__x86_64__)
/// Twelve independent chains of multiply-adds in registers: as many as hide the latency, and nothing else.
constexpr int kChains = 12, kSteps = 100000;

__attribute__((target("avx512f"), noinline)) float peak_512() {
  __m512 sums[kChains];
  for (__m512& x : sums) x = _mm512_set1_ps(1);
  const __m512 half = _mm512_set1_ps(0.5f);
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (__m512& x : sums) x = _mm512_fmadd_ps(x, half, half);
    asm volatile("");  // or the compiler calls this once and keeps the result
  }
  float out = 0;
  for (const __m512& x : sums) out += _mm512_cvtss_f32(x);
  return out;
}

__attribute__((target("avx2,fma"), noinline)) float peak_256() {
  __m256 sums[kChains];
  for (__m256& x : sums) x = _mm256_set1_ps(1);
  const __m256 half = _mm256_set1_ps(0.5f);
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (__m256& x : sums) x = _mm256_fmadd_ps(x, half, half);
    asm volatile("");
  }
  float out = 0;
  for (const __m256& x : sums) out += _mm256_cvtss_f32(x);
  return out;
}

void peak(Report& report) {
  static volatile float result;
  if (__builtin_cpu_supports("avx512f")) {
    report.row("peak_float32_one_core", 2.0 * 16 * kChains * kSteps, [] { result = peak_512(); });
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    report.row("peak_float32_one_core", 2.0 * 8 * kChains * kSteps, [] { result = peak_256(); });
  }
}
#else
void peak(Report&) {}
#endif

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv);
  peak(report);
  for (const Size& z : sizes()) product(report, z, DType::float32, "");
  for (const Size& z : {Size{100, 784, 128}, Size{784, 100, 128, true, false}, Size{100, 128, 784, false, true},
                        Size{100, 784, 10}, Size{256, 256, 256}, Size{1024, 1024, 1024}}) {
    product(report, z, DType::float64, "_float64");
    product(report, z, DType::float16, "_float16");
    product(report, z, DType::bfloat16, "_bfloat16");
  }
}
