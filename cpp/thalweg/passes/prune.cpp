#include "thalweg/passes/prune.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "thalweg/graph/function.h"

namespace thalweg {
namespace {

/// Whether it matters what runs before n, beyond its inputs.
bool sees_state(const Node& n) {
  if (is_variable(n)) return false;
  return n.op().is_stateful ||
         std::ranges::any_of(n.inputs(), [](const Endpoint& e) { return e.node->output(e.index).is_ref; });
}

/// Nodes upstream of the roots, inputs before consumers, otherwise older first. `cut` ends the walk at an input.
template <class Cut>
std::vector<Node*> needed(std::vector<Node*> stack, const Cut& cut) {
  std::unordered_set<Node*> seen;
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    if (!seen.insert(n).second) continue;
    for (const Endpoint& e : n->inputs()) {
      if (!cut(e)) stack.push_back(e.node);
    }
    for (Node* c : n->control_inputs()) stack.push_back(c);
  }
  std::vector<Node*> nodes(seen.begin(), seen.end());
  std::ranges::sort(nodes, {}, &Node::id);
  // Loops that keep a history have inputs that are younger than they are.
  bool in_order = std::ranges::all_of(nodes, [&](const Node* n) {
    return std::ranges::all_of(n->inputs(), [&](const Endpoint& e) { return cut(e) || e.node->id() < n->id(); });
  });
  if (in_order) return nodes;

  std::vector<Node*> out;
  std::unordered_set<Node*> done;
  for (Node* root : nodes) {
    stack = {root};
    while (!stack.empty()) {
      Node* n = stack.back();
      size_t before = stack.size();
      if (!done.contains(n)) {
        for (const Endpoint& e : n->inputs()) {
          if (!cut(e) && !done.contains(e.node)) stack.push_back(e.node);
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

class Pruner {
 public:
  Pruner(const Graph& graph, std::span<const Endpoint> feeds, const PruneOptions& options)
      : feeds_(feeds), options_(options) {
    program_.graph = std::make_unique<Graph>(graph.ops());
    program_.graph->set_seed(graph.seed());
    program_.graph->share_functions(graph);
  }

  Program run(std::span<const Endpoint> fetches, std::span<Node* const> targets) {
    Level outermost;
    std::vector<Node*> roots(targets.begin(), targets.end());
    auto fed = [&](const Endpoint& e) { return std::ranges::find(feeds_, e) != feeds_.end(); };
    for (const Endpoint& f : fetches) {
      if (!fed(f)) roots.push_back(f.node);
    }
    for (size_t i = 0; i < feeds_.size(); ++i) {
      PartialShape shape = options_.feed_shapes.empty() ? PartialShape() : PartialShape(options_.feed_shapes[i]);
      program_.feeds.push_back(placeholder(feeds_[i], shape));
      outermost.given[{feeds_[i].node, feeds_[i].index}] = program_.feeds.back();
    }
    for (Node* n : needed(roots, fed)) add(*n, outermost);
    for (const Endpoint& f : fetches) program_.fetches.push_back(value(outermost.at(f), "_fetch/" + f.node->name()));
    for (Node* t : targets) {
      const std::vector<Node*>& ran = outermost.ran.at(t);
      program_.targets.insert(program_.targets.end(), ran.begin(), ran.end());
    }
    return std::move(program_);
  }

 private:
  /// Where the nodes of the graph, or of one called function, are in the copy.
  struct Level {
    std::string path;                                         // what names begin with
    std::map<std::pair<const Node*, int>, Endpoint> given;    // values that are not copies of a node's
    std::unordered_map<const Node*, Node*> copies;            // calls that are gone have none
    std::unordered_map<const Node*, std::vector<Node*>> ran;  // what has run once the node has
    std::vector<Node*> before;                                // runs before whatever sees state
    std::vector<const Graph*> callers;                        // of the functions that this is in the place of

    Endpoint at(const Endpoint& e) const {
      auto it = given.find({e.node, e.index});
      return it != given.end() ? it->second : Endpoint{copies.at(e.node), e.index};
    }
  };

  Endpoint placeholder(const Endpoint& fed, const PartialShape& shape) {
    const OutputInfo& info = fed.node->output(fed.index);
    NodeSpec spec;
    spec.op = "Placeholder";
    spec.name = program_.graph->unique_name("_feed/" + fed.node->name());
    spec.attrs = {{"dtype", info.dtype}, {"shape", shape}};
    return {&program_.graph->add(std::move(spec)), 0};
  }

  void add(const Node& n, Level& level) {
    if (options_.inline_calls && is_call(n) && can_be_inlined(n, level)) {
      inline_call(n, level);
    } else {
      level.copies[&n] = &copy(n, level);
      level.ran[&n] = {level.copies[&n]};
    }
  }

  Node& copy(const Node& n, const Level& level) {
    std::string variable;
    if (is_variable(n)) {  // known by its name, whichever function reads it
      variable = variable_name(n);
      if (auto it = variables_.find(variable); it != variables_.end()) return *it->second;
    }
    NodeSpec spec;
    spec.op = n.op().name;
    spec.name = level.path + n.name();
    spec.attrs = n.attrs();
    if (!variable.empty() && !level.path.empty()) spec.attrs.set("shared_name", variable);
    if (!level.callers.empty()) define_functions(n, spec.attrs);
    spec.device = n.device();
    spec.site = n.site();
    for (const Endpoint& e : n.inputs()) spec.inputs.push_back(level.at(e));
    if (sees_state(n)) spec.control_inputs = level.before;
    for (Node* c : n.control_inputs()) {
      const std::vector<Node*>& ran = level.ran.at(c);
      spec.control_inputs.insert(spec.control_inputs.end(), ran.begin(), ran.end());
    }
    Node& made = program_.graph->add(std::move(spec));
    for (size_t i = 0; i < n.outputs().size(); ++i) {  // what set_shape() added
      if (made.output(int(i)).shape.compatible(n.output(int(i)).shape)) {
        program_.graph->set_shape({&made, int(i)}, n.output(int(i)).shape);
      }
    }
    if (!variable.empty()) variables_[variable] = &made;
    return made;
  }

  /// Calls that do not fit their function, and functions that call themselves, are left to fail when they run.
  bool can_be_inlined(const Node& n, const Level& level) const {
    const auto f = functions_of(n)[0];
    auto type = [](const Endpoint& e) { return e.node->output(e.index).dtype; };
    bool fits = f->inputs.size() == n.inputs().size() && f->outputs.size() == n.outputs().size();
    for (size_t i = 0; fits && i < f->inputs.size(); ++i) fits = type(f->inputs[i]) == type(n.inputs()[i]);
    for (size_t i = 0; fits && i < f->outputs.size(); ++i) fits = type(f->outputs[i]) == n.output(int(i)).dtype;
    return fits && std::ranges::find(level.callers, f->graph.get()) == level.callers.end();
  }

  /// Has the copy of n call what n calls. Functions of different graphs may have one name.
  void define_functions(const Node& n, Attrs& attrs) {
    rename_functions(n, attrs, [&](const std::string& name) { return name_here(n.graph().function(name)); });
  }

  const std::string& name_here(const std::shared_ptr<const GraphFunction>& f) {
    std::string& name = function_names_[f.get()];
    if (!name.empty()) return name;
    std::set<std::string> taken;
    for (const auto& known : program_.graph->functions()) {
      if (known->name == f->name && known->graph == f->graph) return name = f->name;
      taken.insert(known->name);
    }
    name = f->name;
    for (int i = 2; taken.contains(name); ++i) name = str(f->name, "__", i);
    auto renamed = std::make_shared<GraphFunction>(*f);
    renamed->name = name;
    program_.graph->define(name == f->name ? f : renamed);
    return name;
  }

  void inline_call(const Node& n, Level& level) {
    const auto f = functions_of(n)[0];
    Level inner;
    inner.path = level.path + called_path(n, 0);
    inner.callers = level.callers;
    inner.callers.push_back(f->graph.get());
    inner.before = level.before;
    for (Node* c : n.control_inputs()) {
      const std::vector<Node*>& ran = level.ran.at(c);
      inner.before.insert(inner.before.end(), ran.begin(), ran.end());
    }
    for (size_t i = 0; i < f->inputs.size(); ++i) {
      const Endpoint& e = f->inputs[i];
      inner.given[{e.node, e.index}] = value(level.at(n.inputs()[i]), inner.path + e.node->name(), inner.before);
      inner.ran[e.node] = {};
    }
    std::vector<Node*> roots = f->targets;
    for (const Endpoint& e : f->outputs) roots.push_back(e.node);
    auto is_input = [&](const Endpoint& e) { return inner.given.contains({e.node, e.index}); };
    std::vector<Node*> ran;
    for (Node* b : needed(roots, is_input)) {
      if (inner.ran.contains(b)) continue;
      add(*b, inner);
      const std::vector<Node*>& now = inner.ran.at(b);
      if (sees_state(*b)) ran.insert(ran.end(), now.begin(), now.end());
    }
    for (Node* t : f->targets) {
      const std::vector<Node*>& now = inner.ran.at(t);
      program_.targets.insert(program_.targets.end(), now.begin(), now.end());
      ran.insert(ran.end(), now.begin(), now.end());
    }
    for (size_t i = 0; i < f->outputs.size(); ++i) {
      level.given[{&n, int(i)}] = value(inner.at(f->outputs[i]), inner.path + "_output", ran);
    }
    std::ranges::sort(ran, {}, &Node::id);
    ran.erase(std::ranges::unique(ran).begin(), ran.end());
    level.ran[&n] = std::move(ran);
  }

  /// A variable's value, read once `before` has run; others as they are.
  Endpoint value(const Endpoint& e, const std::string& name, const std::vector<Node*>& before = {}) {
    if (!e.node->output(e.index).is_ref) return e;
    NodeSpec spec;
    spec.op = "Identity";
    spec.name = program_.graph->unique_name(name);
    spec.inputs = {e};
    spec.control_inputs = before;
    spec.device = e.node->device();
    return {&program_.graph->add(std::move(spec)), 0};
  }

  Program program_;
  std::span<const Endpoint> feeds_;
  const PruneOptions& options_;
  std::unordered_map<std::string, Node*> variables_;                      // by the name that sessions know them by
  std::unordered_map<const GraphFunction*, std::string> function_names_;  // in the copy
};

}  // namespace

Program prune(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Endpoint> fetches,
              std::span<Node* const> targets, const PruneOptions& options) {
  return Pruner(graph, feeds, options).run(fetches, targets);
}

}  // namespace thalweg
