// Replacing nodes by others, in one sweep over the program.
#pragma once

#include <unordered_map>

#include "thalweg/passes/program.h"

namespace thalweg {

/// Collects "use `to` instead of `from`" while a pass walks the nodes in order, oldest first. Nodes that are replaced
/// must have no effect: control edges from them are dropped.
class Rewriter {
 public:
  explicit Rewriter(Program& p) : p_(p) {}

  void replace(const Node& from, Node& to) { map_[&from] = {&to, kSameOutput}; }
  /// The same for the only output of `from`.
  void replace(const Node& from, const Endpoint& to) { map_[&from] = to; }
  /// Points a node's inputs at the replacements known so far. Call it before looking at the node.
  void update(Node& n);
  /// Does the same for fetches and targets, once, at the end.
  void finish();

 private:
  static constexpr int kSameOutput = -1;

  Endpoint now(Endpoint e) const {
    auto it = map_.find(e.node);
    if (it == map_.end()) return e;
    return {it->second.node, it->second.index == kSameOutput ? e.index : it->second.index};
  }

  Program& p_;
  std::unordered_map<const Node*, Endpoint> map_;
};

/// A new constant on the device of `origin`, whose name and place in the user's program it carries on.
Node& add_constant(Program& p, const Node& origin, const Tensor& value);

/// No effect, no randomness, no control inputs: its value is all there is to it.
bool is_pure(const Node& n);

}  // namespace thalweg
