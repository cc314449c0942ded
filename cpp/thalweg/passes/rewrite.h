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

  void replace(const Node& from, Node& to) { map_[&from] = &to; }
  /// Points a node's inputs at the replacements known so far. Call it before looking at the node.
  void update(Node& n);
  /// Does the same for fetches and targets, once, at the end.
  void finish();

 private:
  Node* now(Node* n) const {
    auto it = map_.find(n);
    return it == map_.end() ? n : it->second;
  }

  Program& p_;
  std::unordered_map<const Node*, Node*> map_;
};

/// No effect, no randomness, no control inputs: its value is all there is to it.
bool is_pure(const Node& n);

}  // namespace thalweg
