// Who uses what in a program, counting only nodes that its fetches and targets need.
#pragma once

#include <utility>
#include <vector>

#include "thalweg/passes/program.h"

namespace thalweg {

class Uses {
 public:
  explicit Uses(const Program& p) : live_(size_t(p.graph->size())), pinned_(live_.size()), users_(live_.size()) {
    std::vector<Node*> stack(p.targets.begin(), p.targets.end());
    for (const Endpoint& f : p.fetches) {
      stack.push_back(f.node);
      pinned_[size_t(f.node->id())] = 1;
    }
    for (const Node* t : p.targets) pinned_[size_t(t->id())] = 1;
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      if (std::exchange(live_[size_t(n->id())], 1)) continue;
      for (const Endpoint& e : n->inputs()) {
        users_[size_t(e.node->id())].push_back(n);
        stack.push_back(e.node);
      }
      for (Node* c : n->control_inputs()) {
        pinned_[size_t(c->id())] = 1;
        stack.push_back(c);
      }
    }
  }

  bool live(const Node& n) const { return live_[size_t(n.id())]; }
  /// Fetched, a target, or waited for: the node must stay.
  bool pinned(const Node& n) const { return pinned_[size_t(n.id())]; }
  /// The nodes that read an output of n, one entry per reading.
  const std::vector<Node*>& users(const Node& n) const { return users_[size_t(n.id())]; }

 private:
  std::vector<char> live_, pinned_;
  std::vector<std::vector<Node*>> users_;
};

}  // namespace thalweg
