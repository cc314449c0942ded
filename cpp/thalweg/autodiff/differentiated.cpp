#include "thalweg/autodiff/differentiated.h"

#include <algorithm>
#include <atomic>

#include "thalweg/graph/indexed_slices.h"

namespace thalweg::functional {
namespace {

/// Nodes of the forward part that would not give the same values again, or for which a whole list would be kept.
bool kept(const Node& n) {
  auto forward = [](const Node& m) { return m.origin().graph != m.graph().number(); };
  if (n.op().name == "TensorListLength" && forward(*n.inputs()[0].node)) return true;
  if (!forward(n) || is_variable(n)) return false;
  if (calls_functions(n)) {
    return std::ranges::any_of(functions_of(n), [](const auto& g) { return g->stateful; });
  }
  bool reads_list = false, reads_reference = false;
  for (const Endpoint& e : n.inputs()) {
    reads_list |= info(e).dtype == DType::variant;
    reads_reference |= info(e).is_ref;
  }
  bool gives_list = std::ranges::any_of(n.outputs(), [](const OutputInfo& o) { return o.dtype == DType::variant; });
  return n.op().is_stateful || reads_reference || (reads_list && !gives_list);
}

}  // namespace

int position(std::span<const Endpoint> list, const Endpoint& e) {
  auto it = std::ranges::find(list, e);
  return it == list.end() ? -1 : int(it - list.begin());
}

std::vector<int> present(const Outs& dys) {
  std::vector<int> out;
  for (size_t i = 0; i < dys.size(); ++i) {
    if (dys[i]) out.push_back(int(i));
  }
  return out;
}

std::string new_name(const std::string& base, const char* part) {
  static std::atomic<int> last{0};
  return str(base.substr(0, base.find("__")), "__", part, "_", ++last);
}

Endpoint placeholder(Graph& g, DType dtype, const PartialShape& shape, std::string_view name) {
  NodeSpec spec;
  spec.op = "Placeholder";
  spec.name = g.unique_name(name);
  spec.attrs = {{"dtype", dtype}, {"shape", shape}};
  return {&g.add(std::move(spec)), 0};
}

Out zeros_for(const Out& x) { return kNumeric.has(x.dtype()) && x.shape().fully_known() ? like(x, 0) : zeros_like(x); }

std::string op_like(const Node& n, bool stateful) {
  std::string op = n.op().name;
  if (is_call(n)) return stateful ? "StatefulPartitionedCall" : "PartitionedCall";
  std::string plain = op.starts_with("Stateless") ? op.substr(9) : op;
  return stateful ? plain : "Stateless" + plain;
}

Differentiated::Differentiated(std::shared_ptr<const GraphFunction> function, const std::vector<int>& arriving,
                               const std::vector<int>& wanted, const std::vector<Node*>& variables, bool fill,
                               const GradientOptions& outer)
    : f(std::move(function)), graph(std::make_shared<Graph>(f->graph->ops())) {
  GraphCopier copy(*graph);
  for (const auto& n : f->graph->nodes()) copy.node(*n);
  for (const Endpoint& e : f->inputs) inputs.push_back(copy(e));
  for (const Endpoint& e : f->outputs) outputs.push_back(copy(e));
  for (Node* t : f->targets) targets.push_back(copy.node(*t));
  Scope scope(*graph);
  GradientOptions options;
  options.has_python = outer.has_python;
  options.python = outer.python;
  Outs ys, xs;
  for (int i : arriving) {
    dys.push_back(placeholder(*graph, info(outputs[size_t(i)]).dtype, info(outputs[size_t(i)]).shape, "grad_ys"));
    ys.push_back(outputs[size_t(i)]);
    options.grad_ys.push_back(dys.back());
  }
  for (int i : wanted) xs.push_back(inputs[size_t(i)]);
  for (Node* v : variables) xs.push_back(Out(variable(*v)));
  by_.assign(xs.begin(), xs.end());
  dxs = ys.empty() ? Outs(xs.size()) : gradients(ys, xs, options);
  for (size_t i = 0; fill && i < xs.size(); ++i) {
    if (!dxs[i]) dxs[i] = zeros_for(xs[i]);
  }
  find_needed();
}

void Differentiated::fill(size_t i) {
  Scope scope(*graph);
  dxs[i] = zeros_for(by_[i]);
  find_needed();
}

void Differentiated::fill_without_rows(size_t i) {
  Scope scope(*graph);
  const Shape x = by_[i].shape().shape();
  std::vector<int64_t> none(x.dims().begin(), x.dims().end());
  none[0] = 0;
  Tensor values(by_[i].dtype(), Shape(none)), indices(DType::int32, Shape{0});
  dxs[i] = IndexedSlices{constant(values), constant(indices), int_scalar(x[0])}.dense();
}

bool Differentiated::slices_or_nothing(size_t i) const {
  return slices_of(dxs[i]) || (!dxs[i] && by_[i].shape().fully_known() && by_[i].shape().rank() > 0);
}

/// The place of a variable of the outer graph in this one.
Node& Differentiated::variable(Node& outer) {
  const std::string name = variable_name(outer);
  for (const auto& n : graph->nodes()) {
    if (is_variable(*n) && variable_name(*n) == name) return *n;
  }
  NodeSpec spec;
  spec.op = outer.op().name;
  spec.name = graph->unique_name(name);
  spec.attrs = outer.attrs();
  spec.attrs.set("shared_name", name);
  spec.device = outer.device();
  return graph->add(std::move(spec));
}

void Differentiated::find_needed() {
  needed_inputs.clear();
  saved.clear();
  std::vector<char> seen;
  std::vector<Node*> stack;
  auto look = [&](const Endpoint& e) {
    if (position(dys, e) >= 0) return;
    if (position(inputs, e) >= 0) {
      if (position(needed_inputs, e) < 0) needed_inputs.push_back(e);
    } else if (kept(*e.node)) {
      if (position(saved, e) < 0) saved.push_back(e);
    } else {
      stack.push_back(e.node);
    }
  };
  for (const Out& o : dxs) {
    if (o) look(o.endpoint());
  }
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    size_t id = size_t(n->id());
    if (seen.size() <= id) seen.resize(id + 1);
    if (std::exchange(seen[id], 1)) continue;
    for (const Endpoint& e : n->inputs()) look(e);
  }
  auto older = [](const Endpoint& a, const Endpoint& b) {
    return a.node->id() != b.node->id() ? a.node->id() < b.node->id() : a.index < b.index;
  };
  std::ranges::sort(needed_inputs, older);
  std::ranges::sort(saved, older);
}

Endpoint Draft::input_for(const Endpoint& e, std::string_view name) {
  inputs.push_back(placeholder(*graph, info(e).dtype, info(e).shape, name));
  copy.map[{e.node, e.index}] = inputs.back();
  return inputs.back();
}

std::shared_ptr<const GraphFunction> Draft::finish(Graph& caller, std::string name) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!info(outputs[i]).is_ref) continue;
    Scope scope(*graph);
    outputs[i] = node("Identity", {Out(outputs[i])}).endpoint();
  }
  auto f = make_function(std::move(name), graph, inputs, outputs, targets);
  caller.define(f);
  return f;
}

}  // namespace thalweg::functional
