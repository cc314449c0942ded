// The view an op's gradient function has of the forward node.
#pragma once

#include <array>

#include "thalweg/graph/out.h"

namespace thalweg {

class THALWEG_API Grad {
 public:
  /// `dys` has one entry per output; an empty Out where no gradient arrives.
  Grad(Node& node, std::span<const Out> dys);

  /// Gradient of the only (or first) output; a zero tensor is made if none arrives there.
  Out dy;
  /// Gradient of output i, zeros of its shape where none arrives.
  Out dys(int i) const;
  /// Whether a gradient arrives at output i.
  bool has_dy(int i) const { return bool(dys_[size_t(i)]); }

  Node& node() const { return node_; }
  int inputs() const { return int(node_.inputs().size()); }
  Out in(int i) const { return Out(node_.inputs()[size_t(i)]); }
  Out out(int i = 0) const { return Out(node_, i); }
  template <int N>
  std::array<Out, N> inputs() const {
    std::array<Out, N> a;
    for (int i = 0; i < N; ++i) a[size_t(i)] = in(i);
    return a;
  }
  template <class T>
  const T& attr(std::string_view name) const {
    return node_.attr<T>(name);
  }
  const Attrs& attrs() const { return node_.attrs(); }
  /// A vector of empty gradients, one per input.
  Outs none() const { return Outs(node_.inputs().size()); }

 private:
  Node& node_;
  Outs dys_;
};

}  // namespace thalweg
