// The order of steps. See schedule() in plan.h for what it promises.
#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "thalweg/graph/function.h"
#include "thalweg/runtime/plan.h"

namespace thalweg {
namespace {

/// Changes a variable, itself or through a function that it calls.
bool writes_variable(const Node& n) {
  if (writes_reference(n)) return true;
  if (!calls_functions(n)) return false;
  return std::ranges::any_of(functions_of(n), [](const auto& f) { return !f->writes.empty(); });
}

class Scheduler {
 public:
  explicit Scheduler(const Program& p) {
    collect(p);
    for (Node* n : nodes_) {
      for (const Endpoint& e : n->inputs()) edge(e.node, n);
      for (Node* c : n->control_inputs()) edge(c, n);
    }
    order_readers();
  }

  std::vector<Node*> run() {
    // Among ready nodes: non-writers first, then the older node.
    auto later = [](const Node* a, const Node* b) {
      bool wa = writes_variable(*a), wb = writes_variable(*b);
      return wa != wb ? wa : a->id() > b->id();
    };
    std::priority_queue<Node*, std::vector<Node*>, decltype(later)> ready(later);
    for (Node* n : nodes_) {
      if (waiting_[n] == 0) ready.push(n);
    }
    std::vector<Node*> order;
    while (!ready.empty()) {
      Node* n = ready.top();
      ready.pop();
      order.push_back(n);
      for (Node* next : successors_[n]) {
        if (--waiting_[next] == 0) ready.push(next);
      }
    }
    TW_CHECK(order.size() == nodes_.size(), "the graph has a cycle");
    return order;
  }

 private:
  void collect(const Program& p) {
    std::vector<Node*> stack(p.targets.begin(), p.targets.end());
    for (const Endpoint& f : p.fetches) stack.push_back(f.node);
    std::unordered_set<Node*> seen;
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      if (!seen.insert(n).second) continue;
      for (const Endpoint& e : n->inputs()) stack.push_back(e.node);
      for (Node* c : n->control_inputs()) stack.push_back(c);
    }
    nodes_.assign(seen.begin(), seen.end());
    std::ranges::sort(nodes_, {}, &Node::id);
  }

  void edge(Node* from, Node* to) {
    successors_[from].push_back(to);
    ++waiting_[to];
  }

  static std::string variable_of(const Endpoint& e) { return variable_name(*variable_behind(e)); }

  /// A run reads variables as they were before it, unless the graph orders a read after a write.
  void order_readers() {
    std::map<std::string, std::vector<Node*>> readers, writers;  // by variable
    for (Node* n : nodes_) {
      if (calls_functions(*n)) {
        for (const auto& f : functions_of(*n)) {
          for (const std::string& v : f->reads) readers[v].push_back(n);
          for (const std::string& v : f->writes) writers[v].push_back(n);
        }
      }
      bool writes = writes_reference(*n);
      if (writes) writers[variable_of(n->inputs()[0])].push_back(n);
      for (size_t i = 0; i < n->inputs().size(); ++i) {
        const Endpoint& e = n->inputs()[i];
        bool whole = e.node->output(e.index).is_ref;
        if (whole && (!writes || i > 0)) readers[variable_of(e)].push_back(n);
        // Consumers of a plain read hold the old value: done first, the writer need not copy.
        if (!whole && e.node->op().aliased_input == 0 && !e.node->inputs().empty()) {
          const Endpoint& source = e.node->inputs()[0];
          if (source.node->output(source.index).is_ref) readers[variable_of(source)].push_back(n);
        }
      }
    }
    for (const auto& [variable, all] : writers) {
      for (Node* w : all) {
        std::unordered_set<Node*> after = descendants(w);
        for (Node* r : readers[variable]) {
          if (r != w && !after.contains(r)) edge(r, w);
        }
      }
    }
  }

  std::unordered_set<Node*> descendants(Node* from) {
    std::unordered_set<Node*> seen{from};
    std::vector<Node*> stack{from};
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      for (Node* next : successors_[n]) {
        if (seen.insert(next).second) stack.push_back(next);
      }
    }
    return seen;
  }

  std::vector<Node*> nodes_;
  std::unordered_map<Node*, std::vector<Node*>> successors_;
  std::unordered_map<Node*, int> waiting_;
};

}  // namespace

std::vector<Node*> schedule(const Program& program) { return Scheduler(program).run(); }

}  // namespace thalweg
