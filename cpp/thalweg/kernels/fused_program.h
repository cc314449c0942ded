// A tree of elementwise ops as a program over tiles: each member's row loop runs on a tile of some hundred elements
// while it is in the first-level cache, so that only the inputs and the result touch memory.
#pragma once

#include <vector>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

class FusedProgram {
 public:
  /// `lead` inputs of the node come before the tree's operands; `has_product`: then a value that the tree follows.
  FusedProgram(const KernelInit& init, const Shape& domain, int lead, bool has_product);

  /// Elements [begin, end) of the domain into `out`, which is the first of them. `operands`: where the tree's operands
  /// begin; `product`: the element `begin` of the value that the tree follows, may be `out`.
  void run(const void* const* operands, const void* product, void* out, int64_t begin, int64_t end) const;

  int64_t size() const { return size_; }
  /// Whether of operand i just the elements under [begin, end) are read.
  bool dense(int i) const { return operands_[size_t(i)].walk == Walk::kDense; }
  /// Nanoseconds an element.
  double cost() const { return cost_; }
  /// Elements of a tile.
  int64_t tile() const { return tile_; }

 private:
  /// How an operand's elements lie under the domain's.
  enum class Walk {
    kDense,      // one for one
    kScalar,     // one for all
    kPeriodic,   // it repeats: element i % period
    kStretched,  // each serves a run: element i / period, and so on from the start
    kGeneral
  };
  struct Operand {
    Walk walk;
    DType dtype;
    int64_t size;    // bytes of an element
    int64_t period;  // kPeriodic, kStretched
    Shape shape;
    int64_t buffer;  // where its laid-out tile is kept; -1 where none is needed
  };
  enum class Source : uint8_t { kOperand, kProduct, kBuffer };
  struct Value {
    Source source;
    int64_t at;  // the operand's number, or an offset in the buffer
  };
  struct Member {
    RowLoop loop;
    int count;
    Value in[3];
    int64_t out;  // an offset in the buffer; -1: the result
  };

  void classify(const KernelInit& init, int lead);
  void compile(const KernelInit& init, int lead, bool has_product);
  void lay_out(const Operand& o, const void* from, int64_t begin, int64_t n, void* to) const;

  std::vector<std::shared_ptr<Kernel>> kernels_;  // own what the loops point to
  Shape domain_;
  int64_t size_;
  std::vector<Operand> operands_;
  std::vector<Member> members_;
  int64_t product_size_ = 0;  // bytes of an element of the product
  int64_t tile_ = 0;
  int64_t row_ = 0;  // tiles do not cross multiples of this; 0: no such limit
  double cost_ = 0;
};

/// The data of a node's inputs from `first` on.
struct Operands {
  const void* data[64];
  Operands(const KernelContext& k, int first) {
    for (int i = first; i < k.inputs(); ++i) data[i - first] = k.in(i).data();
  }
};

void register_fused_products(KernelRegistry& r);

}  // namespace thalweg::kernels
