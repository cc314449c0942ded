// Kernels outside of any plan: what they ask for while they run, and outputs that are inputs under another name.
#pragma once

#include <vector>

#include "thalweg/graph/graph.h"
#include "thalweg/registry/kernel.h"

namespace thalweg {

/// The host of one call of n's kernel. Scratch memory is kept by the thread for the next one.
class LooseHost final : public KernelHost {
 public:
  /// `variables` by input, null where it is passed by value; null itself if there are none.
  LooseHost(const Node& n, Device& device, Tensor* out, Variable* const* variables = nullptr)
      : node_(n), device_(device), out_(out), variables_(variables) {}

  Tensor& allocate(int output, const Shape& shape) override {
    return out_[output] = Tensor(node_.output(output).dtype, shape, device_);
  }
  void give(int output, Tensor value) override { out_[output] = std::move(value); }
  void* scratch(size_t bytes) override {
    auto& kept = scratch_memory();
    if (used_ == kept.size()) kept.emplace_back();
    BufferRef& b = kept[used_++];
    if (!b || b->bytes() < bytes || &b->device() != &device_) b = BufferRef::allocate(bytes, device_);
    return b->data();
  }
  Variable& variable(int input) override {
    Variable* v = variables_ ? variables_[input] : nullptr;
    TW_CHECK(v, node_.op().name, ": input ", input, " has to be a variable");
    return *v;
  }
  bool cancelled() const override { return false; }

 private:
  static std::vector<BufferRef>& scratch_memory() {
    thread_local std::vector<BufferRef> kept;
    return kept;
  }

  const Node& node_;
  Device& device_;
  Tensor* out_;
  Variable* const* variables_;
  size_t used_ = 0;
};

/// The same memory under another shape of equal size, or as elements of another type (Bitcast).
inline Tensor alias_of(const Tensor& t, DType dtype, const Shape& shape) {
  if (dtype == t.dtype()) return t.reshaped(shape);
  auto offset = static_cast<const char*>(t.data()) - static_cast<const char*>(t.buffer()->data());
  return Tensor(dtype, shape, t.buffer(), size_t(offset));
}

}  // namespace thalweg
