#include "thalweg/graph/out.h"

#include <algorithm>

namespace thalweg {
namespace {

thread_local Scope* t_scope = nullptr;

/// Adds to the current Scope if it is for this graph, else to the root of the graph.
Node& add_node(Graph& graph, std::string_view op, std::vector<Endpoint> inputs, Attrs attrs, std::string_view name) {
  if (t_scope && &t_scope->graph() == &graph) return t_scope->add(op, std::move(inputs), std::move(attrs), name);
  Scope root(graph);
  return root.add(op, std::move(inputs), std::move(attrs), name);
}

template <class T>
T rounded(double v) {
  return T(v);
}

Tensor number_tensor(double value, DType dtype) {
  Tensor t;
  visit<kNumeric | kBool>(dtype, [&]<class T>() { t = Tensor::scalar<T>(rounded<T>(value)); });
  return t;
}

Out constant_in(Graph& graph, const Tensor& value, std::string_view name) {
  return Out(add_node(graph, "Const", {}, {{"value", value}, {"dtype", value.dtype()}}, name.empty() ? "Const" : name));
}

}  // namespace

Scope::Scope(Graph& graph, std::string prefix, DeviceSpec device)
    : graph_(graph), prefix_(std::move(prefix)), device_(std::move(device)), outer_(t_scope) {
  if (outer_ && &outer_->graph_ == &graph) {
    if (!outer_->prefix_.empty()) prefix_ = prefix_.empty() ? outer_->prefix_ : outer_->prefix_ + "/" + prefix_;
    device_ = device_.merged_over(outer_->device_);
    control_inputs_ = outer_->control_inputs_;
    site_ = outer_->site_;
  }
  t_scope = this;
}

Scope::~Scope() { t_scope = outer_; }

Scope* Scope::current() { return t_scope; }

Node& Scope::add(std::string_view op, std::vector<Endpoint> inputs, Attrs attrs, std::string_view name) {
  NodeSpec spec;
  spec.op = op;
  std::string wanted(name.empty() ? op : name);
  spec.name = graph_.unique_name(prefix_.empty() ? wanted : prefix_ + "/" + wanted);
  spec.inputs = std::move(inputs);
  spec.attrs = std::move(attrs);
  spec.control_inputs = control_inputs_;
  spec.device = device_;
  spec.site = site_;
  return graph_.add(std::move(spec));
}

Out node(std::string_view op, std::span<const Out> inputs, Attrs attrs, std::string_view name) {
  Graph* graph = t_scope ? &t_scope->graph() : nullptr;
  DType dtype = DType::float32;
  for (const Out& o : inputs) {
    if (o.is_number()) continue;
    TW_CHECK(o, op, ": an input is empty");
    graph = &o.graph();
    dtype = o.dtype();
    break;
  }
  TW_CHECK(graph, op, ": no graph to add to: no input and no Scope");
  std::vector<Endpoint> in;
  for (const Out& o : inputs) {
    in.push_back(o.is_number() ? constant_in(*graph, number_tensor(o.number(), dtype), "").endpoint() : o.endpoint());
  }
  return Out(add_node(*graph, op, std::move(in), std::move(attrs), name));
}

Out node(std::string_view op, std::initializer_list<Out> inputs, Attrs attrs, std::string_view name) {
  return node(op, std::span<const Out>(inputs.begin(), inputs.size()), std::move(attrs), name);
}

Outs outputs_of(const Out& o) {
  Outs out;
  for (size_t i = 0; i < o.node().outputs().size(); ++i) out.push_back(o.output(int(i)));
  return out;
}

Out constant(const Tensor& value, std::string_view name) {
  TW_CHECK(t_scope, "constant: no Scope says which graph to add to");
  return constant_in(t_scope->graph(), value, name);
}

Out scalar(double value, DType dtype) { return constant(number_tensor(value, dtype)); }
Out int_scalar(int64_t value, DType dtype) { return scalar(double(value), dtype); }

Out ints(std::span<const int64_t> values, DType dtype) {
  Tensor t(dtype, Shape{int64_t(values.size())});
  visit<kIndex>(dtype, [&]<class T>() { std::ranges::copy(values, t.ptr<T>()); });
  return constant(t);
}
Out ints(std::initializer_list<int64_t> values, DType dtype) {
  return ints(std::span<const int64_t>(values.begin(), values.size()), dtype);
}

Out operator+(const Out& a, const Out& b) { return node("AddV2", {a, b}); }
Out operator-(const Out& a, const Out& b) { return node("Sub", {a, b}); }
Out operator*(const Out& a, const Out& b) { return node("Mul", {a, b}); }
Out operator/(const Out& a, const Out& b) { return node("RealDiv", {a, b}); }
Out operator-(const Out& a) { return node("Neg", {a}); }
Out operator<(const Out& a, const Out& b) { return node("Less", {a, b}); }
Out operator<=(const Out& a, const Out& b) { return node("LessEqual", {a, b}); }
Out operator>(const Out& a, const Out& b) { return node("Greater", {a, b}); }
Out operator>=(const Out& a, const Out& b) { return node("GreaterEqual", {a, b}); }
Out operator==(const Out& a, const Out& b) { return node("Equal", {a, b}); }
Out operator!=(const Out& a, const Out& b) { return node("NotEqual", {a, b}); }
Out logical_and(const Out& a, const Out& b) { return node("LogicalAnd", {a, b}); }
Out logical_or(const Out& a, const Out& b) { return node("LogicalOr", {a, b}); }
Out logical_not(const Out& a) { return node("LogicalNot", {a}); }

Out where(const Out& mask, const Out& a, const Out& b) {
  // Weak numbers take the dtype of the other branch, never bool from the mask.
  auto typed = [&](const Out& x, const Out& other) {
    if (!x.is_number()) return x;
    DType t = other.is_number() ? DType::float32 : other.dtype();
    return constant_in(mask.graph(), number_tensor(x.number(), t), "");
  };
  return node("SelectV2", {mask, typed(a, b), typed(b, a)});
}

Out like(const Out& x, const Out& k) {
  Graph& g = x.graph();
  Out value = k.is_number() ? constant_in(g, number_tensor(k.number(), x.dtype()), "") : k;
  return node("Fill", {shape_of(x), value});
}

Out matmul(const Out& a, const Out& b, bool transpose_a, bool transpose_b) {
  return node("MatMul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

Out shape_of(const Out& x, DType dtype) {
  if (x.shape().fully_known()) {
    Tensor t(dtype, Shape{x.shape().rank()});
    visit<kIndex>(dtype, [&]<class T>() { std::ranges::copy(x.shape().dims(), t.ptr<T>()); });
    return constant_in(x.graph(), t, "Shape");
  }
  return node("Shape", {x}, {{"out_type", dtype}});
}

Out reshape(const Out& x, const Out& shape) { return node("Reshape", {x, shape}); }

Out reshape_like(const Out& x, const Out& like) {
  if (x.shape().fully_known() && x.shape() == like.shape()) return x;
  return reshape(x, shape_of(like));
}

Out cast(const Out& x, DType dtype) { return x.dtype() == dtype ? x : node("Cast", {x}, {{"DstT", dtype}}); }
Out zeros_like(const Out& x) { return node("ZerosLike", {x}); }
Out ones_like(const Out& x) { return node("OnesLike", {x}); }
Out sum(const Out& x, const Out& axes, bool keep_dims) { return node("Sum", {x, axes}, {{"keep_dims", keep_dims}}); }
Out transpose(const Out& x, const Out& perm) { return node("Transpose", {x, perm}); }

Out unbroadcast(const Out& dy, const Out& x) {
  const PartialShape &from = dy.shape(), &to = x.shape();
  if (from.known_rank() && to.known_rank() && from == to && from.fully_known()) return dy;
  if (to.fully_known() && from.known_rank()) {  // a dimension of x that is not 1 was not broadcast, whatever dy's is
    Ints axes;
    int lead = from.rank() - to.rank();
    bool kept_ones = false;
    for (int i = 0; i < from.rank(); ++i) {
      bool stretched = i >= lead && to[i - lead] == 1 && from[i] != 1;
      kept_ones |= stretched;
      if (i < lead || stretched) axes.push_back(i);
    }
    Scope scope(dy.graph());
    if (axes.empty()) return dy;
    Out total = sum(dy, ints(axes));
    return kept_ones ? reshape_like(total, x) : total;
  }
  Out xs = shape_of(x), ys = shape_of(dy);
  Out axes = node("BroadcastGradientArgs", {xs, ys});
  return reshape(sum(dy, axes), xs);
}

}  // namespace thalweg
