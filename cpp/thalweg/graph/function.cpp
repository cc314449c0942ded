#include "thalweg/graph/function.h"

#include <algorithm>

namespace thalweg {
namespace {

/// What nodes stand upstream of the roots, roots included, older first.
std::vector<Node*> upstream(std::vector<Node*> stack) {
  std::set<int> seen;
  Graph* graph = nullptr;
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    graph = &n->graph();
    if (!seen.insert(n->id()).second) continue;
    for (const Endpoint& e : n->inputs()) stack.push_back(e.node);
    for (Node* c : n->control_inputs()) stack.push_back(c);
  }
  std::vector<Node*> out;
  for (int id : seen) out.push_back(&graph->node(id));
  return out;
}

void find_effects(GraphFunction& f) {
  std::vector<Node*> roots = f.targets;
  for (const Endpoint& e : f.outputs) roots.push_back(e.node);
  for (Node* n : upstream(roots)) {
    bool writes = writes_reference(*n);
    if (writes) f.writes.insert(variable_name(*variable_behind(n->inputs()[0])));
    for (size_t i = writes ? 1 : 0; i < n->inputs().size(); ++i) {
      const Endpoint& e = n->inputs()[i];
      if (e.node->output(e.index).is_ref) f.reads.insert(variable_name(*variable_behind(e)));
    }
    bool calls = false;
    for (const auto& g : functions_of(*n)) {
      calls = true;
      f.reads.insert(g->reads.begin(), g->reads.end());
      f.writes.insert(g->writes.begin(), g->writes.end());
      f.stateful |= g->stateful;
    }
    f.stateful |= n->op().is_stateful && !calls;
  }
  for (const Endpoint& e : f.outputs) {
    if (e.node->output(e.index).is_ref) f.reads.insert(variable_name(*variable_behind(e)));
  }
}

}  // namespace

std::shared_ptr<const GraphFunction> make_function(std::string name, std::shared_ptr<Graph> graph,
                                                   std::vector<Endpoint> inputs, std::vector<Endpoint> outputs,
                                                   std::vector<Node*> targets) {
  auto f = std::make_shared<GraphFunction>();
  f->name = std::move(name);
  f->graph = std::move(graph);
  f->inputs = std::move(inputs);
  f->outputs = std::move(outputs);
  f->targets = std::move(targets);
  for (const Endpoint& e : f->inputs) {
    TW_CHECK(e && &e.node->graph() == f->graph.get(), "function ", f->name, ": an input is from another graph");
  }
  for (const Endpoint& e : f->outputs) {
    TW_CHECK(e && &e.node->graph() == f->graph.get(), "function ", f->name, ": an output is from another graph");
  }
  for (const Node* n : f->targets) {
    TW_CHECK(n && &n->graph() == f->graph.get(), "function ", f->name, ": an operation is from another graph");
  }
  find_effects(*f);
  return f;
}

std::vector<std::shared_ptr<const GraphFunction>> functions_of(const Node& n) {
  std::vector<std::shared_ptr<const GraphFunction>> out;
  for (const AttrDef& a : n.op().attrs) {
    if (a.kind == AttrKind::Func) out.push_back(n.graph().function(n.attr<FuncName>(a.name).name));
    if (a.kind != AttrKind::Funcs) continue;
    for (const FuncName& f : n.attr<FuncNames>(a.name)) out.push_back(n.graph().function(f.name));
  }
  return out;
}

void rename_functions(const Node& n, Attrs& attrs, const std::function<std::string(const std::string&)>& f) {
  for (const AttrDef& a : n.op().attrs) {
    if (a.kind == AttrKind::Func) attrs.set(a.name, FuncName{f(n.attr<FuncName>(a.name).name)});
    if (a.kind != AttrKind::Funcs) continue;
    FuncNames names;
    for (const FuncName& old : n.attr<FuncNames>(a.name)) names.push_back({f(old.name)});
    attrs.set(a.name, names);
  }
}

bool is_call(const Node& n) { return n.op().name == "PartitionedCall" || n.op().name == "StatefulPartitionedCall"; }

std::string called_path(const Node& n, size_t i) { return str(n.name(), ">", i, "/"); }

bool calls_functions(const Node& n) {
  return std::ranges::any_of(n.op().attrs,
                             [](const AttrDef& a) { return a.kind == AttrKind::Func || a.kind == AttrKind::Funcs; });
}

std::string variable_name(const Node& n) {
  // Graphs imported from TensorFlow may share a variable under a name that is not the node's.
  std::string name = n.attrs().get_or<std::string>("shared_name", "");
  return name.empty() ? n.name() : name;
}

Node* variable_behind(const Endpoint& e) {
  Node* n = e.node;
  while (n->output(0).is_ref && !n->inputs().empty()) n = n->inputs()[0].node;
  return n;
}

bool writes_reference(const Node& n) {
  return std::ranges::any_of(n.op().inputs, &ArgDef::is_ref) && n.op().name != "IsVariableInitialized";
}

bool has_effect(const Node& n) {
  if (calls_functions(n)) {
    return std::ranges::any_of(functions_of(n), [](const auto& f) { return !f->targets.empty(); });
  }
  if (!n.op().is_stateful || is_variable(n) || n.op().name == "IsVariableInitialized") return false;
  return !n.op().attr("seed2");
}

std::vector<char> inputs_needed(const GraphFunction& f, const std::vector<Node*>& from) {
  std::vector<char> out(f.inputs.size());
  std::vector<Node*> nodes = upstream(from);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = std::ranges::binary_search(nodes, f.inputs[i].node->id(), {}, &Node::id);
  }
  return out;
}

Endpoint GraphCopier::find(const Endpoint& e) const {
  if (auto it = map.find({e.node, e.index}); it != map.end()) return it->second;
  if (auto it = nodes_.find(e.node); it != nodes_.end()) return {it->second, e.index};
  return {};
}

Endpoint GraphCopier::operator()(const Endpoint& e) {
  if (Endpoint there = find(e)) return there;
  return {node(*e.node), e.index};
}

Node* GraphCopier::node(Node& root) {
  // Inputs first, without recursion: loops that were unrolled make deep graphs.
  std::vector<Node*> stack{&root};
  while (!stack.empty()) {
    Node* n = stack.back();
    if (nodes_.contains(n)) {
      stack.pop_back();
      continue;
    }
    size_t before = stack.size();
    for (const Endpoint& e : n->inputs()) {
      if (!find(e)) stack.push_back(e.node);
    }
    for (size_t i = 0; with_control_ && i < n->control_inputs().size(); ++i) {
      if (Node* c = n->control_inputs()[i]; !nodes_.contains(c)) stack.push_back(c);
    }
    if (stack.size() > before) continue;
    stack.pop_back();
    nodes_[n] = &copy(*n);
  }
  return nodes_.at(&root);
}

Node& GraphCopier::copy(Node& n) {
  if (is_variable(n)) {  // known by its name
    if (Node* there = to_.find(n.name()); there && is_variable(*there)) return *there;
  }
  NodeSpec spec;
  spec.op = n.op().name;
  spec.name = to_.unique_name(n.name());
  spec.attrs = n.attrs();
  spec.device = n.device();
  spec.site = n.site();
  for (const Endpoint& e : n.inputs()) spec.inputs.push_back(find(e));
  if (with_control_) {
    for (Node* c : n.control_inputs()) spec.control_inputs.push_back(nodes_.at(c));
  }
  for (const auto& f : functions_of(n)) to_.define(f);
  Node& made = to_.add(std::move(spec));
  to_.set_origin(made, n);
  for (size_t i = 0; i < n.outputs().size(); ++i) {  // what set_shape() added
    if (made.output(int(i)).shape.compatible(n.output(int(i)).shape)) {
      to_.set_shape({&made, int(i)}, n.output(int(i)).shape);
    }
  }
  return made;
}

}  // namespace thalweg
