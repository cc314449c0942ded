#include "thalweg/passes/prune.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace thalweg {
namespace {

class Pruner {
 public:
  Pruner(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Shape> feed_shapes)
      : feeds_(feeds), feed_shapes_(feed_shapes) {
    program_.graph = std::make_unique<Graph>(graph.ops());
    program_.graph->set_seed(graph.seed());
    program_.graph->share_functions(graph);
  }

  Program run(std::span<const Endpoint> fetches, std::span<Node* const> targets) {
    std::vector<Node*> roots(targets.begin(), targets.end());
    for (const Endpoint& f : fetches) {
      if (!fed(f)) roots.push_back(f.node);
    }
    for (size_t i = 0; i < feeds_.size(); ++i) {
      program_.feeds.push_back(
          placeholder(feeds_[i], feed_shapes_.empty() ? PartialShape() : PartialShape(feed_shapes_[i])));
    }
    for (Node* n : needed(roots)) copy(*n);
    for (const Endpoint& f : fetches) program_.fetches.push_back(value(mapped(f)));
    for (Node* t : targets) program_.targets.push_back(copies_.at(t));
    return std::move(program_);
  }

 private:
  int feed_index(const Endpoint& e) const {
    auto it = std::ranges::find(feeds_, e);
    return it == feeds_.end() ? -1 : int(it - feeds_.begin());
  }
  bool fed(const Endpoint& e) const { return feed_index(e) >= 0; }

  Endpoint mapped(const Endpoint& e) const {
    int i = feed_index(e);
    return i >= 0 ? program_.feeds[size_t(i)] : Endpoint{copies_.at(e.node), e.index};
  }

  /// Nodes upstream of the roots, older first (inputs before consumers).
  std::vector<Node*> needed(std::vector<Node*> stack) const {
    std::unordered_set<Node*> seen;
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      if (!seen.insert(n).second) continue;
      for (const Endpoint& e : n->inputs()) {
        if (!fed(e)) stack.push_back(e.node);
      }
      for (Node* c : n->control_inputs()) stack.push_back(c);
    }
    std::vector<Node*> out(seen.begin(), seen.end());
    std::ranges::sort(out, {}, &Node::id);
    // Loops that keep a history have inputs that are younger than they are.
    bool in_order = std::ranges::all_of(out, [&](const Node* n) {
      return std::ranges::all_of(n->inputs(), [&](const Endpoint& e) { return fed(e) || e.node->id() < n->id(); });
    });
    return in_order ? out : sorted(out);
  }

  /// Inputs before consumers, otherwise as they were.
  std::vector<Node*> sorted(const std::vector<Node*>& nodes) const {
    std::vector<Node*> out;
    std::unordered_set<Node*> done;
    for (Node* root : nodes) {
      std::vector<Node*> stack{root};
      while (!stack.empty()) {
        Node* n = stack.back();
        size_t before = stack.size();
        if (!done.contains(n)) {
          for (const Endpoint& e : n->inputs()) {
            if (!fed(e) && !done.contains(e.node)) stack.push_back(e.node);
          }
          for (Node* c : n->control_inputs()) {
            if (!done.contains(c)) stack.push_back(c);
          }
        }
        if (stack.size() > before) continue;
        stack.pop_back();
        if (done.insert(n).second) out.push_back(n);
      }
    }
    return out;
  }

  Endpoint placeholder(const Endpoint& fed, const PartialShape& shape) {
    const OutputInfo& info = fed.node->output(fed.index);
    NodeSpec spec;
    spec.op = "Placeholder";
    spec.name = program_.graph->unique_name("_feed/" + fed.node->name());
    spec.attrs = {{"dtype", info.dtype}, {"shape", shape}};
    return {&program_.graph->add(std::move(spec)), 0};
  }

  void copy(const Node& n) {
    NodeSpec spec;
    spec.op = n.op().name;
    spec.name = n.name();
    spec.attrs = n.attrs();
    spec.device = n.device();
    spec.site = n.site();
    for (const Endpoint& e : n.inputs()) spec.inputs.push_back(mapped(e));
    for (Node* c : n.control_inputs()) spec.control_inputs.push_back(copies_.at(c));
    Node& made = program_.graph->add(std::move(spec));
    for (size_t i = 0; i < n.outputs().size(); ++i) {  // what set_shape() added
      if (made.output(int(i)).shape.compatible(n.output(int(i)).shape)) {
        program_.graph->set_shape({&made, int(i)}, n.output(int(i)).shape);
      }
    }
    copies_[&n] = &made;
  }

  Endpoint value(const Endpoint& e) {
    if (!e.node->output(e.index).is_ref) return e;
    NodeSpec spec;
    spec.op = "Identity";
    spec.name = program_.graph->unique_name("_fetch/" + e.node->name());
    spec.inputs = {e};
    spec.device = e.node->device();
    return {&program_.graph->add(std::move(spec)), 0};
  }

  Program program_;
  std::span<const Endpoint> feeds_;
  std::span<const Shape> feed_shapes_;
  std::unordered_map<const Node*, Node*> copies_;
};

}  // namespace

Program prune(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Endpoint> fetches,
              std::span<Node* const> targets, std::span<const Shape> feed_shapes) {
  return Pruner(graph, feeds, feed_shapes).run(fetches, targets);
}

}  // namespace thalweg
