// Gradients of If, Case and calls: of the same kind, over functions that go back through the chosen one.
#include <algorithm>

#include "thalweg/autodiff/differentiated.h"
#include "thalweg/graph/indexed_slices.h"

namespace thalweg::functional {
namespace {

bool any_stateful(const std::vector<std::shared_ptr<const GraphFunction>>& fs) {
  return std::ranges::any_of(fs, [](const auto& f) { return f->stateful; });
}

/// n's attributes with other functions, in the order of functions_of().
Attrs with_functions(const Node& n, const std::vector<std::shared_ptr<const GraphFunction>>& fs) {
  Attrs attrs = n.attrs();
  auto next = fs.begin();
  rename_functions(n, attrs, [&](const std::string&) { return (*next++)->name; });
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

}  // namespace

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

}  // namespace thalweg::functional
