#include "thalweg/autodiff/functional.h"

#include <algorithm>
#include <atomic>

#include "thalweg/graph/function.h"
#include "thalweg/graph/indexed_slices.h"

namespace thalweg {
namespace {

bool differentiable(DType t) { return kInexact.has(t) || t == DType::variant; }

const OutputInfo& info(const Endpoint& e) { return e.node->output(e.index); }

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

Endpoint placeholder(Graph& g, const Endpoint& like, std::string_view name) {
  return placeholder(g, info(like).dtype, info(like).shape, name);
}

/// Zeros in the place of x, which is not mentioned where its shape is known.
Out zeros_for(const Out& x) { return kNumeric.has(x.dtype()) && x.shape().fully_known() ? like(x, 0) : zeros_like(x); }

Out shape_constant(const PartialShape& s) {
  if (!s.known_rank()) return int_scalar(-1);
  return ints(s.dims());
}

int position(std::span<const Endpoint> list, const Endpoint& e) {
  auto it = std::ranges::find(list, e);
  return it == list.end() ? -1 : int(it - list.begin());
}

/// A function and its gradient in one graph.
struct Differentiated {
  std::shared_ptr<const GraphFunction> f;
  std::shared_ptr<Graph> graph;
  std::vector<Endpoint> inputs, outputs;  // of f, in `graph`
  std::vector<Node*> targets;
  std::vector<Endpoint> dys;  // placeholders, by arriving output
  Outs dxs;                   // by wanted input, then by variable
  // What the gradients need of the forward part that is not computed again: inputs of f, and outputs of nodes.
  std::vector<Endpoint> needed_inputs, saved;

  Differentiated(std::shared_ptr<const GraphFunction> function, const std::vector<int>& arriving,
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
      dys.push_back(placeholder(*graph, outputs[size_t(i)], "grad_ys"));
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

  /// Fills in what a branch does not depend on, where another one does.
  void fill(size_t i) {
    Scope scope(*graph);
    dxs[i] = zeros_for(by_[i]);
    find_needed();
  }

  /// The same, where the others give slices: as none of them. Of x the shape is known.
  void fill_without_rows(size_t i) {
    Scope scope(*graph);
    const Shape x = by_[i].shape().shape();
    std::vector<int64_t> none(x.dims().begin(), x.dims().end());
    none[0] = 0;
    Tensor values(by_[i].dtype(), Shape(none)), indices(DType::int32, Shape{0});
    dxs[i] = IndexedSlices{constant(values), constant(indices), int_scalar(x[0])}.dense();
  }

  bool slices_or_nothing(size_t i) const {
    return slices_of(dxs[i]) || (!dxs[i] && by_[i].shape().fully_known() && by_[i].shape().rank() > 0);
  }

 private:
  Outs by_;  // what dxs are by

  /// The place of a variable of the outer graph in this one.
  Node& variable(Node& outer) {
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

  /// Nodes of the forward part that would not give the same values again, or for which a whole list would be kept.
  static bool kept(const Node& n) {
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

  void find_needed() {
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
};

/// A function in the making: a graph, and a copier into it from the graph of something that was differentiated.
struct Draft {
  std::shared_ptr<Graph> graph;
  GraphCopier copy;
  std::vector<Endpoint> inputs, outputs;
  std::vector<Node*> targets;

  Draft(const OpRegistry& ops, bool with_control) : graph(std::make_shared<Graph>(ops)), copy(*graph, with_control) {}

  /// An input that stands for e, of the graph that is copied from.
  Endpoint input_for(const Endpoint& e, std::string_view name) {
    inputs.push_back(placeholder(*graph, e, name));
    copy.map[{e.node, e.index}] = inputs.back();
    return inputs.back();
  }
  std::shared_ptr<const GraphFunction> finish(Graph& caller, std::string name) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!info(outputs[i]).is_ref) continue;
      Scope scope(*graph);
      outputs[i] = node("Identity", {Out(outputs[i])}).endpoint();
    }
    auto f = make_function(std::move(name), graph, inputs, outputs, targets);
    caller.define(f);
    return f;
  }
};

bool any_stateful(const std::vector<std::shared_ptr<const GraphFunction>>& fs) {
  return std::ranges::any_of(fs, [](const auto& f) { return f->stateful; });
}

std::vector<int> present(const Outs& dys) {
  std::vector<int> out;
  for (size_t i = 0; i < dys.size(); ++i) {
    if (dys[i]) out.push_back(int(i));
  }
  return out;
}

// --- If, Case, PartitionedCall

/// The op of n's kind that may or may not have state.
std::string op_like(const Node& n, bool stateful) {
  std::string op = n.op().name;
  if (op == "PartitionedCall" || op == "StatefulPartitionedCall") {
    return stateful ? "StatefulPartitionedCall" : "PartitionedCall";
  }
  std::string plain = op.starts_with("Stateless") ? op.substr(9) : op;
  return stateful ? plain : "Stateless" + plain;
}

/// n's attributes with other functions, in the order of functions_of().
Attrs with_functions(const Node& n, const std::vector<std::shared_ptr<const GraphFunction>>& fs) {
  Attrs attrs = n.attrs();
  size_t next = 0;
  for (const AttrDef& a : n.op().attrs) {
    if (a.kind == AttrKind::Func) attrs.set(a.name, FuncName{fs[next++]->name});
    if (a.kind != AttrKind::Funcs) continue;
    FuncNames names;
    while (names.size() < n.attr<FuncNames>(a.name).size()) names.push_back({fs[next++]->name});
    attrs.set(a.name, names);
  }
  return attrs;
}

void set_output_types(const Node& n, Attrs& attrs, const std::vector<std::shared_ptr<const GraphFunction>>& fs) {
  DTypes types;
  Shapes shapes;
  for (size_t i = 0; i < fs[0]->outputs.size(); ++i) {
    PartialShape shape = info(fs[0]->outputs[i]).shape;
    for (const auto& f : fs) {
      const PartialShape& other = info(f->outputs[i]).shape;
      if (!shape.known_rank() || !other.known_rank() || shape.rank() != other.rank()) {
        shape = PartialShape();
        break;
      }
      for (int d = 0; d < shape.rank(); ++d) {
        if (shape[d] != other[d]) shape.set(d, kUnknown);
      }
    }
    types.push_back(info(fs[0]->outputs[i]).dtype);
    shapes.push_back(shape);
  }
  attrs.set("Tout", types);
  if (n.op().attr("output_shapes")) attrs.set("output_shapes", shapes);
}

/// A gradient that some branch has, by its position in dxs; as slices if every branch gives slices.
struct Given {
  size_t at;
  bool slices;
};

/// Slices are two results: values, and indices of one type.
void add_gradient(Draft& d, const Out& dx, bool slices) {
  if (!slices) {
    d.outputs.push_back(d.copy(dx.endpoint()));
    return;
  }
  IndexedSlices s = *slices_of(dx);
  Scope scope(*d.graph);
  d.outputs.push_back(d.copy(s.values.endpoint()));
  d.outputs.push_back(cast(Out(d.copy(s.indices.endpoint())), DType::int64).endpoint());
}

FunctionGradients branch_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                   const GradientOptions& options) {
  Graph& g = n.graph();
  const auto fs = functions_of(n);
  const size_t first = n.op().inputs.size() - 1;  // what chooses comes before the arguments
  const std::vector<int> arriving = present(dys);
  std::vector<int> wanted;
  for (size_t i = first; i < n.inputs().size(); ++i) {
    if (differentiable(info(n.inputs()[i]).dtype)) wanted.push_back(int(i - first));
  }
  std::vector<Differentiated> branches;
  for (const auto& f : fs) {
    TW_CHECK(f->inputs.size() == n.inputs().size() - first && f->outputs.size() == n.outputs().size(), n.name(),
             ": function ", f->name, " has ", f->inputs.size(), " inputs and ", f->outputs.size(), " outputs");
    branches.emplace_back(f, arriving, wanted, variables, false, options);
  }
  std::vector<Given> given;
  for (size_t i = 0; i < wanted.size() + variables.size(); ++i) {
    if (std::ranges::none_of(branches, [&](const Differentiated& b) { return bool(b.dxs[i]); })) continue;
    bool slices = std::ranges::all_of(branches, [&](const Differentiated& b) { return b.slices_or_nothing(i); });
    for (Differentiated& b : branches) {
      if (b.dxs[i]) continue;
      slices ? b.fill_without_rows(i) : b.fill(i);
    }
    given.push_back({i, slices});
  }
  FunctionGradients out{Outs(n.inputs().size()), Outs(variables.size())};
  if (given.empty()) return out;

  // The forward node gives what cannot be computed again, a branch's own and stand-ins for the other branches'.
  size_t outputs = n.outputs().size();
  std::vector<std::vector<int>> saved_at;  // by branch and saved value: the output, an old one (of an earlier gradient)
  std::vector<std::vector<Endpoint>> fresh;
  for (const Differentiated& b : branches) {
    saved_at.emplace_back();
    fresh.emplace_back();
    for (const Endpoint& e : b.saved) {
      int old = position(b.outputs, e);
      saved_at.back().push_back(old >= 0 ? old : int(outputs++));
      if (old < 0) fresh.back().push_back(e);
    }
  }
  if (outputs > n.outputs().size()) {
    std::vector<std::shared_ptr<const GraphFunction>> made;
    for (const Differentiated& b : branches) {
      Draft d(g.ops(), true);
      for (const Endpoint& e : b.inputs) d.input_for(e, e.node->name());
      for (const Endpoint& e : b.outputs) d.outputs.push_back(d.copy(e));
      for (Node* t : b.targets) d.targets.push_back(d.copy.node(*t));
      Scope scope(*d.graph);
      for (size_t other = 0; other < branches.size(); ++other) {
        for (const Endpoint& e : fresh[other]) {
          if (&branches[other] == &b) {
            d.outputs.push_back(d.copy(e));
          } else if (info(e).dtype == DType::variant) {
            d.outputs.push_back(
                node("EmptyTensorList", {int_scalar(-1), int_scalar(-1)}, {{"element_dtype", DType::float32}})
                    .endpoint());
          } else {
            Shape nothing = info(e).shape.fully_known() ? info(e).shape.shape() : Shape{0};
            Tensor zero(info(e).dtype, nothing);
            if (kPlain.has(zero.dtype())) std::fill_n(static_cast<char*>(zero.data()), zero.bytes(), char(0));
            d.outputs.push_back(constant(zero).endpoint());
          }
        }
      }
      made.push_back(d.finish(g, new_name(b.f->name, "kept")));
    }
    Attrs attrs = with_functions(n, made);
    set_output_types(n, attrs, made);
    g.become(n, n.op().name, n.inputs(), std::move(attrs));
  }

  // The gradient node: (what chooses, the forward inputs, what was saved, the arriving gradients) -> gradients.
  std::vector<std::shared_ptr<const GraphFunction>> backward;
  for (const Differentiated& b : branches) {
    Draft d(g.ops(), false);
    for (const Endpoint& e : b.inputs) d.input_for(e, e.node->name());
    for (const Differentiated& other : branches) {
      for (const Endpoint& e : other.saved) {
        if (&other == &b) {
          d.input_for(e, "saved");
        } else {
          d.inputs.push_back(placeholder(*d.graph, info(e).dtype, PartialShape(), "unused"));
        }
      }
    }
    for (const Endpoint& e : b.dys) d.input_for(e, "dy");
    for (const Given& x : given) add_gradient(d, b.dxs[x.at], x.slices);
    backward.push_back(d.finish(g, new_name(b.f->name, "grad")));
  }
  std::vector<Endpoint> in(n.inputs().begin(), n.inputs().end());
  for (const auto& places : saved_at) {
    for (int output : places) in.push_back({&n, output});
  }
  for (int i : arriving) in.push_back(dys[size_t(i)].endpoint());
  Attrs attrs = with_functions(n, backward);
  attrs.erase("Tin");
  attrs.erase("Tcond");
  for (const auto& [name, value] : n.attrs()) {
    if (name.starts_with("_")) attrs.erase(name);
  }
  set_output_types(n, attrs, backward);
  std::string op = op_like(n, any_stateful(backward));
  Node& grad = Scope::current()->add(op, in, std::move(attrs), op);
  int next = 0;
  for (const Given& x : given) {
    bool variable = x.at >= wanted.size();
    size_t input = variable ? 0 : first + size_t(wanted[x.at]);
    Out by = variable ? Out(*variables[x.at - wanted.size()]) : Out(n.inputs()[input]);
    Out& dx = variable ? out.variables[x.at - wanted.size()] : out.inputs[input];
    if (x.slices) {
      Out rows = node("GatherV2", {shape_of(by), int_scalar(0), int_scalar(0)});
      dx = IndexedSlices{Out(grad, next), Out(grad, next + 1), rows}.dense();
      next += 2;
      continue;
    }
    dx = Out(grad, next++);
    if (!variable && by.shape().compatible(dx.shape())) g.set_shape(dx.endpoint(), by.shape());
  }
  return out;
}

// --- While

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

FunctionGradients while_gradients(Node& n, const Outs& dys, const std::vector<Node*>& read,
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

}  // namespace

FunctionGradients function_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                     const GradientOptions& options) {
  const std::string& op = n.op().name;
  if (op == "While" || op == "StatelessWhile") return while_gradients(n, dys, variables, options);
  for (const char* known :
       {"If", "StatelessIf", "Case", "StatelessCase", "PartitionedCall", "StatefulPartitionedCall"}) {
    if (op == known) return branch_gradients(n, dys, variables, options);
  }
  TW_FAIL(NotFound, "No gradient defined for operation '", n.name(), "' (op type: ", op, ")");
}

}  // namespace thalweg
