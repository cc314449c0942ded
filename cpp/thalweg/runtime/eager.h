// Ops that run when they are called: a kernel without a plan.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "thalweg/runtime/function.h"

namespace thalweg {

/// An op with its attributes, input dtypes and device settled, and its kernel made. It is the only node of a graph
/// whose placeholders stand for its inputs, so it was checked as any node is. May be called from several threads at
/// once.
class THALWEG_API EagerOp final : public Differentiable {
 public:
  static constexpr size_t kMostDerivatives = 16;  // made for the input shapes at hand; then one for any shapes

  /// `attrs` as for a graph node: lengths and type lists of list inputs are given, other types follow from `inputs`.
  EagerOp(const Library& library, const OpDef& op, Attrs attrs, std::span<const DType> inputs, Device& device);

  const OpDef& op() const { return node_->op(); }
  const Attrs& attrs() const { return node_->attrs(); }
  size_t inputs() const { return node_->inputs().size(); }
  const std::vector<OutputInfo>& outputs() const { return node_->outputs(); }
  Device& device() const { return *device_; }

  /// Runs it: `in` has one tensor an input, of which those passed by reference are looked at as `variables` instead
  /// (null elsewhere; may be null if there are none). An output that is a reference is left empty.
  void run(const Tensor* const* in, Variable* const* variables, Tensor* out) const;
  /// The size of what it gave last; large before the first run.
  size_t last_bytes() const { return last_bytes_.load(std::memory_order_relaxed); }

  std::shared_ptr<const Derivative> derivative(std::span<const Tensor> in, const std::vector<bool>& arriving,
                                               const std::vector<bool>& wanted) override;

 private:
  struct Shapes {  // seen before: shapes alone decide
    std::vector<Shape> in, out;
  };
  static constexpr size_t kShapesKept = 4;

  bool recall(const Tensor* const* in, Tensor* out) const;
  std::vector<InferOutput> infer(const Tensor* const* in, Variable* const* variables) const;
  void alias(const Tensor* const* in, Variable* const* variables, Tensor* out) const;

  const Library& library_;
  Device* device_;
  std::unique_ptr<Graph> graph_;
  Node* node_ = nullptr;
  std::vector<DType> dtypes_;
  std::unique_ptr<Kernel> kernel_;  // null: the output is an input under another shape, or a constant
  std::vector<bool> on_host_;       // by input: wanted in host memory
  bool takes_references_ = false;

  mutable std::atomic<size_t> last_bytes_{size_t(-1)};
  mutable std::mutex mutex_;
  mutable std::vector<Shapes> shapes_;  // a ring
  mutable size_t next_ = 0;
  mutable std::vector<bool> decides_;  // by input: its value was asked for by the shape rule
  std::vector<std::pair<std::string, std::shared_ptr<const Derivative>>> derivatives_;
};

}  // namespace thalweg
