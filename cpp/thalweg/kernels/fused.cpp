// CPU kernels of fused elementwise trees, alone and under a reduction.
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/fused_program.h"
#include "thalweg/kernels/reduce.h"

namespace thalweg::kernels {
namespace {

struct Fused {
  FusedProgram program;
  explicit Fused(const KernelInit& init) : program(init, init.attr<PartialShape>("shape").shape(), 0, false) {}

  void operator()(KernelContext& k) const {
    Operands operands(k, 0);
    char* out = static_cast<char*>(k.out(0).data());
    const int64_t size = int64_t(size_of(k.out(0).dtype()));
    k.parallel_for(program.size(), program.cost(), [&](int64_t begin, int64_t end) {
      program.run(operands.data, nullptr, out + begin * size, begin, end);
    });
  }
};

/// One result for every `run` elements of the tree. A result's sum is cut into blocks at places that depend on `run`
/// alone, so that threads may share one.
template <class T>
struct FusedReduce {
  using A = Compute<T>;
  static constexpr int64_t kBlock = 16384;  // elements of a partial result

  FusedProgram program;
  std::string reduction;
  int64_t run, results;
  explicit FusedReduce(const KernelInit& init)
      : program(init, init.attr<PartialShape>("domain").shape(), 0, false),
        reduction(init.attr<std::string>("reduction")),
        results(init.attr<PartialShape>("shape").size()) {
    run = program.size() / results;
  }

  void operator()(KernelContext& k) const {
    if (reduction == "Max") return reduce<Largest>(k);
    if (reduction == "Min") return reduce<Smallest>(k);
    if (reduction == "Prod") return reduce<Multiply>(k);
    reduce<Add>(k);
  }

 private:
  template <class Op>
  void reduce(KernelContext& k) const {
    Operands operands(k, 0);
    T* out = k.out<T>(0);
    auto finish = [&](A x) { return T(reduction == "Mean" ? x / A(run) : x); };
    if (run <= program.tile()) {  // several results to a tile
      const int64_t together = program.tile() / run;
      k.parallel_for(ceil_div(results, together), program.cost() * double(together * run), [&](int64_t b, int64_t e) {
        alignas(64) T tile[1024];
        for (int64_t r = b * together, last = std::min(e * together, results); r < last; r += together) {
          int64_t count = std::min(together, last - r);
          program.run(operands.data, nullptr, tile, r * run, (r + count) * run);
          for (int64_t i = 0; i < count; ++i) out[r + i] = finish(detail::reduce_run<Op, A>(tile + i * run, run));
        }
      });
      return;
    }
    const int64_t blocks = ceil_div(run, kBlock);
    A* partial = k.scratch<A>(results * blocks);
    k.parallel_for(results * blocks, program.cost() * double(std::min(run, kBlock)), [&](int64_t b, int64_t e) {
      alignas(64) T tile[1024];
      for (int64_t i = b; i < e; ++i) {
        int64_t begin = i / blocks * run + i % blocks * kBlock;
        int64_t end = std::min(begin + kBlock, (i / blocks + 1) * run);
        A sum = Op::template identity<A>();
        for (int64_t pos = begin; pos < end; pos += program.tile()) {
          int64_t n = std::min(program.tile(), end - pos);
          program.run(operands.data, nullptr, tile, pos, pos + n);
          sum = Op::combine(sum, detail::reduce_run<Op, A>(tile, n));
        }
        partial[i] = sum;
      }
    });
    for (int64_t r = 0; r < results; ++r) {
      A* p = partial + r * blocks;
      for (int64_t step = 1; step < blocks; step *= 2) {
        for (int64_t i = 0; i + step < blocks; i += 2 * step) p[i] = Op::combine(p[i], p[i + step]);
      }
      out[r] = finish(p[0]);
    }
  }
};

}  // namespace

void register_fused(KernelRegistry& r) {
  r.add<Fused>("_Fused", kCpu);
  r.add_all<FusedReduce, kFloating>("_FusedReduce", kCpu);
  register_fused_products(r);
}

}  // namespace thalweg::kernels
