// Optimizer steps in phases, so that any number of them can be one: everything is checked before anything is changed,
// one loop runs over all elements, and the new values appear together.
#pragma once

#include <array>
#include <span>

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// A step under way over one trained variable and its slots: what the check found, and the memory to work on.
struct UpdateStep {
  static constexpr size_t kMaxVars = 4, kMaxInputs = 10;
  int vars = 0;
  std::array<Variable*, kMaxVars> variable{};
  std::array<const void*, kMaxVars> from{};  // old values
  std::array<void*, kMaxVars> to{};          // the same memory when nobody else holds it
  std::array<Tensor, kMaxVars> fresh;        // new memory where somebody does
  const void* gradient = nullptr;            // null: it comes in blocks
  std::array<double, kMaxInputs> scalar{};   // the other inputs by position: rates, decays
  int64_t size = 0;

  /// Makes the new values the variables' own.
  void commit() {
    for (size_t v = 0; v < size_t(vars); ++v) {
      if (fresh[v]) variable[v]->value = std::move(fresh[v]);
    }
  }
};

/// A gradient that an input of the node holds, or that is still to be made.
struct UpdateGradient {
  const Shape& shape;
  const void* data = nullptr;
};

/// The kernel of one Apply op. Its inputs may stand anywhere among those of the node that runs it.
class UpdateKernel : public Kernel {
 public:
  /// Variables come first among the inputs.
  virtual int vars() const = 0;
  virtual int inputs() const = 0;
  /// Which of the inputs is the gradient.
  virtual int gradient() const = 0;
  /// Nanoseconds of one element, in cache.
  virtual double cost() const = 0;
  /// Checks the inputs, `at` their positions among the node's, and takes memory; throws without having changed
  /// anything. The caller holds the variables' locks, from here until the commit.
  virtual UpdateStep prepare(KernelContext& k, std::span<const int> at, const UpdateGradient& gradient) const = 0;
  /// Updates elements [begin, end). Steps of one kernel and of others may run side by side.
  virtual void run(const UpdateStep& step, int64_t begin, int64_t end) const = 0;
  /// The same with the gradient of just these elements.
  virtual void run_block(const UpdateStep& step, int64_t begin, int64_t end, const void* gradient) const = 0;

  void compute(KernelContext& k) final;
  bool is_update() const final { return true; }
};

}  // namespace thalweg::kernels
