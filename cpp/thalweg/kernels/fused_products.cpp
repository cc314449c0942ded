// CPU kernels of products with a tree of elementwise ops behind them: a block of the product goes through the tree as
// soon as it is complete. And of weight gradients that bring the bias gradient along.
#include "thalweg/kernels/conv.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/fused_program.h"
#include "thalweg/kernels/pool.h"
#include "thalweg/kernels/right_factor.h"

namespace thalweg::kernels {
namespace {

/// Runs the tree over blocks of a row-major matrix.
struct Tree {
  const FusedProgram& program;
  Operands operands;
  char* data;
  int64_t columns, size;
  bool apart = false;  // an operand lies in the result's memory

  Tree(const FusedProgram& program, const KernelContext& k, int lead, Tensor& out)
      : program(program),
        operands(k, lead),
        data(static_cast<char*>(out.data())),
        columns(out.dim(out.rank() - 1)),
        size(int64_t(size_of(out.dtype()))) {
    for (int i = lead; i < k.inputs(); ++i) apart |= operands.data[i - lead] == data;
  }

  Finish finish() const {
    return {[](const void* context, const void* block, int64_t row, int64_t rows, int64_t col, int64_t cols) {
              static_cast<const Tree*>(context)->run_block(static_cast<const char*>(block), row, rows, col, cols);
            },
            this, apart};
  }

 private:
  void run_block(const char* block, int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    for_each_stretch(columns, row, rows, col, cols, [&](int64_t begin, int64_t end, int64_t at) {
      char* to = data + begin * size;
      program.run(operands.data, block ? block + at * size : to, to, begin, end);
    });
  }
};

FusedProgram program_of(const KernelInit& init, int lead) {
  return FusedProgram(init, init.attr<PartialShape>("shape").shape(), lead, true);
}

template <class T>
struct FusedMatMul {
  FusedProgram program;
  bool ta;
  RightFactor<T> b;
  explicit FusedMatMul(const KernelInit& init)
      : program(program_of(init, 2)), ta(init.attr<bool>("transpose_a")), b(init, 1, init.attr<bool>("transpose_b")) {}

  void operator()(KernelContext& k) const {
    MatrixView<T> a(k.in<T>(0), k.in(0).dim(0), k.in(0).dim(1), ta);
    Tree tree(program, k, 2, k.out(0));
    b.multiply(k, a, k.out<T>(0), {tree.finish(), nullptr});
  }
};

template <class T>
struct MatMulAndSums {
  void operator()(KernelContext& k) const {
    MatrixView<T> a(k.in<T>(0), k.in(0).dim(0), k.in(0).dim(1), true);
    MatrixView<T> b(k.in<T>(1), k.in(1).dim(0), k.in(1).dim(1), false);
    gemm(k, a, b, k.out<T>(0), {{}, k.out<T>(1)});
  }
};

template <class T>
struct FusedConv2D : ConvAttrs {
  FusedProgram program;
  explicit FusedConv2D(const KernelInit& init) : ConvAttrs(init), program(program_of(init, 2)) {}

  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.in(0).shape(), k.in(1).shape(), k.out(0).shape());
    Tree tree(program, k, 2, k.out(0));
    conv_forward(k, s, k.in<T>(0), k.in<T>(1), k.out<T>(0), tree.finish());
  }
};

template <class T>
struct FusedConv2DBackpropInput : ConvAttrs {
  static constexpr int kLead = 3;
  FusedProgram program;
  bool apart;
  explicit FusedConv2DBackpropInput(const KernelInit& init)
      : ConvAttrs(init),
        program(program_of(init, kLead)),
        apart(finishes_apart<T>(ConvShape(window, init.attr<PartialShape>("shape").shape(),
                                          init.input_shapes[1].shape(), init.input_shapes[2].shape()))) {}

  bool overwrites(int input) const { return apart && input >= kLead && program.dense(input - kLead); }

  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.out(0).shape(), k.in(1).shape(), k.in(2).shape());
    Tree tree(program, k, kLead, k.out(0));
    conv_backward_input(k, s, k.in<T>(1), k.in<T>(2), k.out<T>(0), tree.finish());
  }
};

template <class T>
struct FusedMaxPoolGrad {
  static constexpr int kLead = 3;
  PoolAttrs attrs;
  FusedProgram program;
  explicit FusedMaxPoolGrad(const KernelInit& init) : attrs(init), program(program_of(init, kLead)) {}

  /// Bands of x are read before those of the result are written.
  bool overwrites(int input) const { return input == 0 || (input >= kLead && program.dense(input - kLead)); }

  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    const PoolShape s(attrs.window(k), k.in(0).shape(), k.in(2).shape());
    Tree tree(program, k, kLead, k.out(0));
    max_pool_gradient(k, s, k.in<T>(0), k.in<T>(2), k.out<T>(0), tree.finish());
  }
};

template <class T>
struct Conv2DBackpropFilterAndSums : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    ConvShape s(window, k.in(0).shape(), k.out(0).shape(), k.in(2).shape());
    if (s.batch == 0 || s.y.size() == 0) {
      std::fill_n(k.out<T>(0), k.out(0).size(), T(0));
      return void(std::fill_n(k.out<T>(1), k.out(1).size(), T(0)));
    }
    conv_backward_filter(k, s, k.in<T>(0), k.in<T>(2), k.out<T>(0), k.out<T>(1));
  }
};

}  // namespace

void register_fused_products(KernelRegistry& r) {
  r.add_all<FusedMatMul, kFloating>("_FusedMatMul", kCpu);
  r.add_all<MatMulAndSums, kFloating>("_MatMulAndSums", kCpu);
  r.add_all<FusedConv2D, kFloating>("_FusedConv2D", kCpu);
  r.add_all<FusedConv2DBackpropInput, kFloating>("_FusedConv2DBackpropInput", kCpu);
  r.add_all<FusedMaxPoolGrad, kFloating>("_FusedMaxPoolGrad", kCpu);
  r.add_all<Conv2DBackpropFilterAndSums, kFloating>("_Conv2DBackpropFilterAndSums", kCpu);
}

}  // namespace thalweg::kernels
