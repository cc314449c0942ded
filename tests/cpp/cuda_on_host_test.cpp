// The GPU kernels' index and launch arithmetic, block boundaries and barriers, on the host.
#include <array>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cuda/array.cuh"
#include "cuda/elementwise.cuh"
#include "cuda/matmul.cuh"
#include "cuda/reduce.cuh"
#include "cuda/softmax.cuh"
#include "thalweg/ops/binary.h"
#include "thalweg/ops/unary.h"

namespace thalweg::cuda {
namespace {

void expect(bool ok, const std::string& what) {
  if (!ok) check::report(__FILE__, __LINE__, what);
}

/// Scratch memory and nothing else; enough for a kernel that is called by hand.
class Host final : public KernelHost {
 public:
  Tensor& allocate(int, const Shape&) override { std::abort(); }
  void give(int, Tensor) override { std::abort(); }
  void* scratch(size_t bytes) override { return scratch_.emplace_back(BufferRef::allocate(bytes))->data(); }
  Variable& variable(int) override { std::abort(); }
  bool cancelled() const override { return false; }

 private:
  std::vector<BufferRef> scratch_;
};

struct Context {
  Host host;
  KernelContext k{nullptr, 0, nullptr, 0, host, cpu_device(), ThreadPool::shared()};
};

template <class T>
std::vector<T> numbers(int64_t n) {
  std::vector<T> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) v[i] = T(int(i * 7 % 23) - 11);
  return v;
}

/// Element i of a shape that broadcasts to `out`, found the slow way.
int64_t broadcast_index(const Shape& in, const Shape& out, int64_t i) {
  int64_t at = 0, stride = 1;
  for (int d = 1; d <= out.rank(); ++d) {
    int64_t digit = i % out[-d];
    i /= out[-d];
    if (d > in.rank()) continue;
    if (in[-d] != 1) at += digit * stride;
    stride *= in[-d];
  }
  return at;
}

TEST(broadcasting) {
  const std::vector<std::pair<Shape, Shape>> cases{{{}, {}},
                                                   {{1}, {1}},
                                                   {{255}, {255}},
                                                   {{256}, {256}},
                                                   {{257}, {257}},
                                                   {{1000}, {}},
                                                   {{}, {1000}},
                                                   {{3, 1}, {1, 5}},
                                                   {{7, 5}, {5}},
                                                   {{5}, {7, 5}},
                                                   {{2, 3, 4}, {3, 1}},
                                                   {{2, 1, 4, 1}, {3, 1, 5}},
                                                   {{4, 1, 3}, {4, 6, 1}},
                                                   {{1, 1, 1}, {2, 2, 300}},
                                                   {{2, 3, 1, 2, 1, 2, 1, 2}, {1, 3, 2, 1, 2, 1, 2, 2}}};
  for (const auto& [a, b] : cases) {
    Context c;
    Shape out = broadcast(a, b);
    auto x = numbers<float>(a.size()), y = numbers<float>(b.size());
    std::vector<float> z(size_t(out.size()) + 1, -99);
    Walk<2> walk = broadcast_walk<2>(out, {&a, &b});
    launch(c.k, binary<ops::Sub, float>, grid_for(walk.size), ops::Sub{}, x.data(), y.data(), z.data(), walk);
    bool ok = walk.size == out.size() && z.back() == -99;
    for (int64_t i = 0; i < out.size(); ++i) {
      ok &= z[size_t(i)] == x[size_t(broadcast_index(a, out, i))] - y[size_t(broadcast_index(b, out, i))];
    }
    expect(ok, str("Sub of ", a, " and ", b));
    // The same walk with 64-bit arithmetic.
    walk.narrow = false;
    std::vector<float> wide(z.size(), -99);
    launch(c.k, binary<ops::Sub, float>, grid_for(walk.size), ops::Sub{}, x.data(), y.data(), wide.data(), walk);
    expect(wide == z, str("Sub of ", a, " and ", b, " with wide indices"));
  }
}

TEST(grids_cover_their_elements) {
  expect(grid_for(0).blocks.x == 1 && grid_for(256).blocks.x == 1 && grid_for(257).blocks.x == 2, "grid_for");
  expect(grid_for(int64_t(1) << 40).blocks.x == 1 << 16, "a grid is bounded");
  // A grid smaller than its work: threads walk on.
  Context c;
  auto x = numbers<float>(5000);
  std::vector<float> y(5000);
  Grid small{dim3(3), dim3(64)};
  launch(c.k, unary<ops::Square, float>, small, ops::Square{}, x.data(), y.data(), int64_t(5000));
  bool ok = true;
  for (size_t i = 0; i < y.size(); ++i) ok &= y[i] == x[i] * x[i];
  expect(ok, "a grid-stride loop covers everything");
}

template <class R>
void check_reduction(const Shape& shape, uint32_t mask, Grid* grid = nullptr) {
  using T = typename R::In;
  Context c;
  auto x = numbers<T>(shape.size());
  Reduction r = make_reduction(shape, mask);
  std::vector<typename R::Out> out(size_t(r.outputs) + 1);
  out.back() = typename R::Out(77);
  if (grid)
    launch(c.k, reduce_by_block<R, false>, *grid, x.data(), out.data(), r, r.count);
  else
    reduce<R>(c.k, r, x.data(), out.data());
  std::vector<typename R::Acc> want(size_t(r.outputs), R::identity());
  std::vector<int64_t> seen(size_t(r.outputs));
  for (int64_t i = 0; i < shape.size(); ++i) {
    int64_t rest = i, o = 0, scale = 1;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      if (!(mask >> d & 1u)) {
        o += rest % shape[d] * scale;
        scale *= shape[d];
      }
      rest /= shape[d];
    }
    want[size_t(o)] = R::combine(want[size_t(o)], R::load(x[size_t(i)], seen[size_t(o)]++));
  }
  bool ok = out.back() == typename R::Out(77);
  for (size_t o = 0; o < want.size(); ++o) {
    auto w = R::finish(want[o], r.count), got = out[o];
    ok &= w == got || (w != w && got != got) || std::fabs(double(w) - double(got)) <= 1e-4 * std::fabs(double(w));
  }
  expect(ok, str("reduction of ", shape, " over mask ", mask));
}

TEST(reductions) {
  const std::vector<std::pair<Shape, uint32_t>> cases{{{}, 0},
                                                      {{1}, 1},
                                                      {{31}, 1},
                                                      {{32}, 1},
                                                      {{33}, 1},
                                                      {{255}, 1},
                                                      {{256}, 1},
                                                      {{257}, 1},
                                                      {{1025}, 1},
                                                      {{9001}, 1},
                                                      {{70000}, 1},
                                                      {{5, 7}, 0},
                                                      {{5, 7}, 1},
                                                      {{5, 7}, 2},
                                                      {{5, 7}, 3},
                                                      {{3, 100}, 2},
                                                      {{3, 2000}, 2},
                                                      {{100, 3}, 1},
                                                      {{9000, 3}, 1},
                                                      {{300, 257}, 2},
                                                      {{4, 5, 6}, 5},
                                                      {{4, 5, 6}, 2},
                                                      {{2, 40, 3, 50}, 10},
                                                      {{2, 40, 3, 50}, 5},
                                                      {{0, 3}, 1},
                                                      {{0, 3}, 2},
                                                      {{3, 0}, 2},
                                                      {{1, 6, 1}, 2}};
  for (const auto& [shape, mask] : cases) {
    check_reduction<Sum<double>>(shape, mask);
    check_reduction<Sum<int32_t>>(shape, mask);
    check_reduction<Mean<float>>(shape, mask);
    check_reduction<Max<half>>(shape, mask);
    check_reduction<Min<int64_t>>(shape, mask);
    check_reduction<ArgExtreme<float, true>>(shape, mask);
    check_reduction<ArgExtreme<bfloat16, false>>(shape, mask);
  }
  for (unsigned threads : {32u, 64u, 96u, 256u, 1024u}) {
    Grid grid{dim3(2), dim3(threads)};
    check_reduction<Sum<float>>({5, 300}, 2, &grid);
  }
}

TEST(softmax_rows) {
  for (auto [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 10}, {5, 32}, {2, 33}, {3, 1500}}) {
    Context c;
    auto x = numbers<double>(rows * cols);
    std::vector<double> y(x.size());
    for (int threads : {kWarp, kThreads}) {
      launch(c.k, softmax<double, false>, grid_of_rows(rows, threads), x.data(), y.data(), rows, cols);
      bool ok = true;
      for (int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (int64_t j = 0; j < cols; ++j) sum += std::exp(x[size_t(r * cols + j)]);
        for (int64_t j = 0; j < cols; ++j) {
          size_t i = size_t(r * cols + j);
          ok &= std::fabs(y[i] - std::exp(x[i]) / sum) < 1e-12;
        }
      }
      expect(ok, str("softmax of ", rows, " rows of ", cols, " by ", threads, " threads"));
    }
  }
}

TEST(products) {
  for (auto [m, n, k] :
       std::vector<std::array<int64_t, 3>>{{1, 1, 1}, {16, 16, 16}, {17, 15, 33}, {37, 45, 50}, {2, 3, 0}}) {
    for (int flags = 0; flags < 4; ++flags) {
      Context c;
      Product p{.m = m, .n = n, .k = k, .batch = 3, .transpose_a = bool(flags & 1), .transpose_b = bool(flags & 2)};
      p.stride_a = m * k;  // b is the same for the whole batch
      auto a = numbers<float>(3 * m * k), b = numbers<float>(k * n);
      std::vector<float> out(size_t(3 * m * n), -99);
      launch(c.k, matmul<float>, matmul_grid(p), a.data(), b.data(), out.data(), p);
      bool ok = true;
      for (int64_t i = 0; i < 3 * m * n; ++i) {
        int64_t batch = i / (m * n), row = i / n % m, col = i % n;
        float sum = 0;
        for (int64_t j = 0; j < k; ++j) {
          int64_t at = p.transpose_a ? j * m + row : row * k + j, bt = p.transpose_b ? col * k + j : j * n + col;
          sum += a[size_t(batch * m * k + at)] * b[size_t(bt)];
        }
        ok &= out[size_t(i)] == sum;
      }
      expect(ok, str("product of [", m, ",", k, "] and [", k, ",", n, "], flags ", flags));
    }
  }
}

__global__ void diverging(int* out) {
  if (threadIdx.x < 5)
    __syncthreads();
  else
    __shfl_sync(0xffffffffu, 1, 0);
  *out = 1;
}

TEST(barriers_that_never_meet_are_errors) {
  // Threads that wait in different places never meet, and that is said.
  Context c;
  int out = 0;
  bool thrown = false;
  try {
    launch(c.k, diverging, {dim3(1), dim3(32)}, &out);
  } catch (const std::logic_error&) {
    thrown = true;
  }
  expect(thrown && out == 0, "a barrier that not all threads reach is an error");
}

}  // namespace
}  // namespace thalweg::cuda
