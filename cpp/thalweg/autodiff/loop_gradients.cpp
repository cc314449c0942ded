// Gradients of While: a loop that counts down, over what the forward loop kept.
#include <algorithm>

#include "thalweg/autodiff/differentiated.h"

namespace thalweg::functional {
namespace {

Out shape_constant(const PartialShape& s) {
  if (!s.known_rank()) return int_scalar(-1);
  return ints(s.dims());
}

/// Variables whose gradients take part: those that one arrives at, and those that these follow from.
std::vector<int> active_variables(const GraphFunction& body, const Outs& dys) {
  std::vector<char> active(body.inputs.size());
  for (int i : present(dys)) active[size_t(i)] = 1;
  std::vector<std::vector<char>> needs;
  for (const Endpoint& e : body.outputs) needs.push_back(inputs_needed(body, {e.node}));
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < active.size(); ++i) {
      for (size_t j = 0; active[i] && j < active.size(); ++j) {
        if (!needs[i][j] || active[j] || !differentiable(info(body.inputs[j]).dtype)) continue;
        active[j] = 1;
        again = true;
      }
    }
  }
  std::vector<int> out;
  for (size_t i = 0; i < active.size(); ++i) {
    if (active[i]) out.push_back(int(i));
  }
  return out;
}

/// Whether every iteration passes variable i on as it is.
bool invariant(const GraphFunction& body, size_t i) {
  Endpoint e = body.outputs[i];
  while (!(e == body.inputs[i]) && e.node->op().name == "Identity" && e.node->control_inputs().empty()) {
    e = e.node->inputs()[0];
  }
  return e == body.inputs[i];
}

/// A variable that counts iterations from 0, or -1.
int counter_of(const Node& n, const GraphFunction& body) {
  auto is = [](const Endpoint& e, int32_t value) {
    if (e.node->op().name != "Const" || info(e).dtype != DType::int32) return false;
    const Tensor& t = e.node->attr<Tensor>("value");
    return t.rank() == 0 && t.item<int32_t>() == value;
  };
  for (size_t i = 0; i < body.outputs.size(); ++i) {
    const Node& next = *body.outputs[i].node;
    if (next.op().name == "AddV2" && next.inputs()[0] == body.inputs[i] && is(next.inputs()[1], 1) &&
        is(n.inputs()[i], 0)) {
      return int(i);
    }
  }
  return -1;
}

/// A variable of the loop that collects e, a value of its body, from an empty list on; or -1.
int list_of(const Node& n, const Differentiated& b, const Endpoint& e) {
  for (size_t i = 0; i < b.outputs.size(); ++i) {
    const Node& push = *b.outputs[i].node;
    if (push.op().name == "TensorListPushBack" && push.inputs()[0] == b.inputs[i] && push.inputs()[1] == e &&
        n.inputs()[i].node->op().name == "EmptyTensorList") {
      return int(i);
    }
  }
  return -1;
}

}  // namespace

FunctionGradients loop_gradients(Node& n, const Outs& dys, const std::vector<Node*>& read,
                                 const GradientOptions& options) {
  Graph& g = n.graph();
  const auto fs = functions_of(n);
  const GraphFunction &cond = *fs[0], &body = *fs[1];
  const size_t variables = n.inputs().size();
  TW_CHECK(body.inputs.size() == variables && body.outputs.size() == variables, n.name(), ": function ", body.name,
           " has ", body.inputs.size(), " inputs and ", body.outputs.size(), " outputs, the loop has ", variables,
           " variables");
  const std::vector<int> active = active_variables(body, dys);
  Differentiated b(fs[1], active, active, read, true, options);

  // What the way back needs of each iteration: variables that change, and what is not computed again.
  std::vector<Endpoint> history;
  std::vector<int> constants;  // variables that do not change
  for (const Endpoint& e : b.needed_inputs) {
    int i = position(b.inputs, e);
    invariant(body, size_t(i)) ? constants.push_back(i) : history.push_back(e);
  }
  history.insert(history.end(), b.saved.begin(), b.saved.end());
  const int counter = counter_of(n, body);
  const bool count = counter < 0;

  // The forward loop keeps the history in lists, which an earlier gradient may have made it do, and counts.
  std::vector<int> list_at;
  size_t all = variables;
  for (const Endpoint& e : history) {
    int old = list_of(n, b, e);
    list_at.push_back(old >= 0 ? old : int(all++));
  }
  const size_t count_at = all;
  if (all > variables || count) {
    Draft d(g.ops(), true), c(g.ops(), true);
    for (size_t i = 0; i < variables; ++i) {
      d.input_for(b.inputs[i], b.inputs[i].node->name());
      c.input_for(cond.inputs[i], cond.inputs[i].node->name());
    }
    for (const Endpoint& e : b.outputs) d.outputs.push_back(d.copy(e));
    for (Node* t : b.targets) d.targets.push_back(d.copy.node(*t));
    for (const Endpoint& e : cond.outputs) c.outputs.push_back(c.copy(e));
    for (Node* t : cond.targets) c.targets.push_back(c.copy.node(*t));
    std::vector<Endpoint> in(n.inputs().begin(), n.inputs().end());
    Shapes shapes;
    for (const OutputInfo& o : n.outputs()) shapes.push_back(o.shape);
    auto variable = [&](const Out& initial, std::string_view name) {
      in.push_back(initial.endpoint());
      shapes.push_back(Shape());
      c.inputs.push_back(placeholder(*c.graph, initial.dtype(), Shape(), name));
      d.inputs.push_back(placeholder(*d.graph, initial.dtype(), Shape(), name));
      return Out(d.inputs.back());
    };
    for (size_t s = 0; s < history.size(); ++s) {
      const Endpoint& e = history[s];
      if (list_at[s] < int(variables)) continue;
      Out list = variable(
          node("EmptyTensorList", {shape_constant(info(e).shape), int_scalar(-1)}, {{"element_dtype", info(e).dtype}}),
          "history");
      Scope scope(*d.graph);
      d.outputs.push_back(node("TensorListPushBack", {list, Out(d.copy(e))}).endpoint());
    }
    if (count) {
      Out total = variable(int_scalar(0), "count");
      Scope scope(*d.graph);
      d.outputs.push_back(node("AddV2", {total, int_scalar(1)}).endpoint());
    }
    Attrs attrs = n.attrs();
    attrs.erase("T");
    attrs.set("cond", FuncName{c.finish(g, new_name(cond.name, "kept"))->name});
    attrs.set("body", FuncName{d.finish(g, new_name(body.name, "kept"))->name});
    attrs.set("output_shapes", shapes);
    g.become(n, n.op().name, std::move(in), std::move(attrs));
  }

  // The loop back: (iterations left, gradients, history, constants).
  Draft d(g.ops(), false), c(g.ops(), false);
  Outs in;
  Shapes shapes;
  auto variable = [&](const Out& initial, const PartialShape& shape, std::string_view name) {
    in.push_back(initial);
    shapes.push_back(shape);
    d.inputs.push_back(placeholder(*d.graph, initial.dtype(), shape, name));
    c.inputs.push_back(placeholder(*c.graph, initial.dtype(), shape, name));
    return d.inputs.back();
  };
  Endpoint left = variable(Out(n, count ? int(count_at) : counter), Shape(), "left");
  {
    Scope scope(*c.graph);
    c.outputs.push_back(node("Greater", {Out(c.inputs[0]), int_scalar(0)}).endpoint());
  }
  for (size_t k = 0; k < active.size(); ++k) {
    int i = active[k];
    Out dy = dys[size_t(i)] ? dys[size_t(i)] : zeros_for(Out(n, i));
    Endpoint e = variable(dy, info(body.inputs[size_t(i)]).shape, "dy");  // of every iteration
    d.copy.map[{b.dys[k].node, b.dys[k].index}] = e;
  }
  std::vector<Endpoint> totals, lists;
  for (Node* v : read) totals.push_back(variable(zeros_for(Out(*v)), v->output(0).shape, "total"));
  for (size_t s = 0; s < history.size(); ++s) {
    Endpoint list = variable(Out(n, list_at[s]), Shape(), "history");
    Scope scope(*d.graph);
    Out popped = node("TensorListPopBack", {Out(list), shape_constant(info(history[s]).shape)},
                      {{"element_dtype", info(history[s]).dtype}});
    lists.push_back(popped.endpoint());
    Endpoint value = popped.output(1).endpoint();
    if (info(history[s]).shape.compatible(info(value).shape)) d.graph->set_shape(value, info(history[s]).shape);
    d.copy.map[{history[s].node, history[s].index}] = value;
  }
  for (int i : constants) {
    Endpoint e = variable(Out(n.inputs()[size_t(i)]), info(n.inputs()[size_t(i)]).shape, "constant");
    d.copy.map[{b.inputs[size_t(i)].node, b.inputs[size_t(i)].index}] = e;
  }
  {
    Scope scope(*d.graph);
    d.outputs.push_back(node("Sub", {Out(left), int_scalar(1)}).endpoint());
    for (size_t i = 0; i < b.dxs.size(); ++i) {
      Out dx = d.copy(b.dxs[i].endpoint());
      d.outputs.push_back((i < active.size() ? dx : Out(totals[i - active.size()]) + dx).endpoint());
    }
    d.outputs.insert(d.outputs.end(), lists.begin(), lists.end());
    for (size_t i = 0; i < constants.size(); ++i) d.outputs.push_back(d.inputs[d.outputs.size()]);
  }
  auto back_cond = c.finish(g, new_name(body.name, "left")), back = d.finish(g, new_name(body.name, "grad"));
  std::vector<Endpoint> from;
  for (const Out& o : in) from.push_back(o.endpoint());
  std::string op = op_like(n, back->stateful);
  Node& grad = Scope::current()->add(op, from,
                                     {{"cond", FuncName{back_cond->name}},
                                      {"body", FuncName{back->name}},
                                      {"output_shapes", shapes},
                                      {"parallel_iterations", n.attr<int64_t>("parallel_iterations")}},
                                     op);
  FunctionGradients out{Outs(n.inputs().size()), {}};
  for (size_t k = 0; k < read.size(); ++k) out.variables.push_back(Out(grad, int(1 + active.size() + k)));
  for (size_t k = 0; k < active.size(); ++k) {
    size_t i = size_t(active[k]);
    Endpoint e{&grad, int(1 + k)};
    if (info(n.inputs()[i]).shape.compatible(info(e).shape)) g.set_shape(e, info(n.inputs()[i]).shape);
    out.inputs[i] = Out(e);
  }
  return out;
}

}  // namespace thalweg::functional
