#include "thalweg/passes/simplify.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <optional>

#include "thalweg/passes/rewrite.h"

namespace thalweg {
namespace {

using Replacement = std::optional<Endpoint>;

const OutputInfo& info(const Endpoint& e) { return e.node->output(e.index); }
const PartialShape& shape(const Node& n) { return n.output(0).shape; }

bool is(const Node& n, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, n.op().name) != names.end();
}

/// Same shape, known, and same dtype: n's output can be taken for e.
bool like_output(const Endpoint& e, const Node& n) {
  return info(e).dtype == n.output(0).dtype && shape(n).fully_known() && info(e).shape == shape(n);
}

const Tensor* constant(const Endpoint& e) {
  return e.node->op().name == "Const" ? &e.node->attr<Tensor>("value") : nullptr;
}

std::optional<Ints> constant_ints(const Endpoint& e) {
  const Tensor* t = constant(e);
  if (!t || !kIndex.has(t->dtype())) return std::nullopt;
  Ints out;
  visit<kIndex>(t->dtype(), [&]<class I>() { out.assign(t->flat<I>().begin(), t->flat<I>().end()); });
  return out;
}

/// One element that stands for every element of e, where all are the same.
std::optional<Tensor> splat(const Endpoint& e) {
  const Tensor* t = constant(e);
  if (!t || t->size() == 0 || !kPlain.has(t->dtype())) return std::nullopt;
  // All equal: every element equals the one before it.
  const auto* bytes = static_cast<const char*>(t->data());
  size_t one = size_of(t->dtype());
  if (std::memcmp(bytes, bytes + one, t->bytes() - one) != 0) return std::nullopt;
  return Tensor(t->dtype(), Shape(), t->buffer(), size_t(bytes - static_cast<const char*>(t->buffer()->data())));
}

bool is_number(const Endpoint& e, double value) {
  auto t = splat(e);
  bool equal = false;
  if (t && kReal.has(t->dtype())) {
    visit<kReal>(t->dtype(), [&]<class T>() { equal = double(t->item<T>()) == value; });
  }
  return equal;
}

Tensor int_vector(const Ints& values) {
  Tensor t(DType::int32, Shape{int64_t(values.size())});
  std::ranges::transform(values, t.ptr<int32_t>(), [](int64_t v) { return int32_t(v); });
  return t;
}

// Rules that replace n by something that exists. Each says what it rewrites.

/// Identity(x), Reshape(x, shape of x), ... -> x
Replacement drop_alias(Node& n) {
  if (n.op().aliased_input < 0) return {};
  const Endpoint& x = n.inputs()[size_t(n.op().aliased_input)];
  return like_output(x, n) ? Replacement(x) : Replacement();
}

/// Sum over no axes, Transpose to the order that is, Tile by ones, Pad by nothing, Slice of everything -> x
Replacement drop_unchanged(Node& n) {
  if (n.inputs().empty() || !like_output(n.inputs()[0], n)) return {};
  if (is(n, {"Sum", "Mean", "Max", "Min", "Prod", "Tile", "Pad", "PadV2", "MirrorPad", "Slice", "BroadcastTo"})) {
    // Reduced axes have one element each where the shape stays; the others copy.
    return n.inputs()[0];
  }
  if (n.op().name == "Transpose") {
    auto order = constant_ints(n.inputs()[1]);
    if (order && std::ranges::is_sorted(*order)) return n.inputs()[0];
  }
  if (n.op().name == "Cast") return n.inputs()[0];
  return {};
}

/// x * 1, 1 * x, x / 1, x - 0, x ^ 1 -> x. Not x + 0, which turns -0 into 0.
Replacement drop_neutral(Node& n) {
  if (n.inputs().size() != 2) return {};
  const Endpoint &a = n.inputs()[0], &b = n.inputs()[1];
  if (n.op().name == "Mul") {
    if (like_output(a, n) && is_number(b, 1)) return a;
    if (like_output(b, n) && is_number(a, 1)) return b;
  }
  if (is(n, {"RealDiv", "Div", "Pow"}) && like_output(a, n) && is_number(b, 1)) return a;
  if (n.op().name == "Sub" && like_output(a, n) && is_number(b, 0)) return a;
  return {};
}

// Rules that turn n into a simpler op in its place.

/// BiasAdd(x, b) with channels last -> x + b
void bias_add(Program& p, Node& n) {
  if (!is(n, {"BiasAdd", "BiasAddV1"})) return;
  if (n.attrs().get_or<std::string>("data_format", "NHWC") != "NHWC") return;
  if (!like_output(n.inputs()[0], n) || !info(n.inputs()[1]).shape.fully_known())
    return;  // checked: it does not stretch
  p.graph->become(n, "AddV2", n.inputs(), {});
}

/// BiasAddGrad(dy) with channels last -> Sum(dy, all axes but the last)
void bias_add_grad(Program& p, Node& n) {
  const PartialShape* dy = n.inputs().empty() ? nullptr : &info(n.inputs()[0]).shape;
  if (n.op().name != "BiasAddGrad" || n.attr<std::string>("data_format") != "NHWC" || !dy->known_rank()) return;
  Ints axes(size_t(dy->rank() - 1));
  std::iota(axes.begin(), axes.end(), 0);
  p.graph->become(n, "Sum", {n.inputs()[0], {&add_constant(p, n, int_vector(axes)), 0}}, {{"keep_dims", false}});
}

/// AddN(a, b) -> a + b, of types that are added in their own precision
void add_two(Program& p, Node& n) {
  if (n.op().name != "AddN" || n.inputs().size() != 2) return;
  if (!DTypeSet{DType::float32, DType::float64}.has(n.output(0).dtype)) return;
  if (like_output(n.inputs()[0], n) && like_output(n.inputs()[1], n)) p.graph->become(n, "AddV2", n.inputs(), {});
}

/// x ^ 2 -> Square(x)
void square(Program& p, Node& n) {
  if (n.op().name == "Pow" && like_output(n.inputs()[0], n) && is_number(n.inputs()[1], 2)) {
    p.graph->become(n, "Square", {n.inputs()[0]}, {});
  }
}

/// A constant whose elements are all the same -> one element, where the other operand has the result's shape anyway
void shrink_constants(Program& p, Node& n) {
  if (!is(n, {"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "Pow", "SquaredDifference",
              "Greater", "GreaterEqual", "Less", "LessEqual", "SelectV2"})) {
    return;
  }
  for (size_t i = 0; i < n.inputs().size(); ++i) {
    if (info(n.inputs()[i]).shape.size() <= 1) continue;
    auto other_gives_shape = [&](const Endpoint& e) {
      return &e != &n.inputs()[i] && shape(n).fully_known() && info(e).shape == shape(n);
    };
    if (std::ranges::none_of(n.inputs(), other_gives_shape)) continue;
    auto one = splat(n.inputs()[i]);
    if (one) p.graph->replace_input(n, int(i), {&add_constant(p, n, *one), 0});
  }
}

/// MatMul(Transpose(a), b) -> MatMul(a, b) with transpose_a turned over; the same for b
void transposed_factors(Program& p, Node& n) {
  if (n.op().name != "MatMul") return;
  for (int i = 0; i < 2; ++i) {
    const Node& t = *n.inputs()[size_t(i)].node;
    if (t.op().name != "Transpose" || !is_pure(t)) continue;
    auto order = constant_ints(t.inputs()[1]);
    if (!order || *order != Ints{1, 0}) continue;
    std::vector<Endpoint> inputs = n.inputs();
    inputs[size_t(i)] = t.inputs()[0];
    Attrs attrs = n.attrs();
    const char* name = i == 0 ? "transpose_a" : "transpose_b";
    attrs.set(name, !n.attr<bool>(name));
    p.graph->become(n, "MatMul", std::move(inputs), std::move(attrs));
  }
}

/// Reshape(Reshape(x)) -> Reshape(x), also under the names ExpandDims and Squeeze
void reshaped_twice(Program& p, Node& n) {
  if (n.op().name != "Reshape" || !constant(n.inputs()[1])) return;
  if (!shape(n).fully_known()) return;
  const Node& inner = *n.inputs()[0].node;
  if (!is(inner, {"Reshape", "ExpandDims", "Squeeze"}) || !is_pure(inner)) return;
  p.graph->replace_input(n, 0, inner.inputs()[0]);
}

/// ReluGrad(Reshape(p), y) -> Reshape(ReluGrad(p, Reshape(y))), p a product: next to it, it needs no pass of its own
void gradient_before_reshape(Program& p, Node& n) {
  if (!is(n, {"ReluGrad", "Relu6Grad", "SigmoidGrad", "TanhGrad", "EluGrad", "SoftplusGrad"})) return;
  auto reshaped_product = [&](const Endpoint& e) {
    const Node& r = *e.node;
    return r.op().name == "Reshape" && is_pure(r) && r.inputs()[0].node->op().name == "MatMul" && like_output(e, n);
  };
  auto it = std::ranges::find_if(n.inputs(), reshaped_product);
  if (it == n.inputs().end() || !(info(n.inputs()[0]).shape == info(n.inputs()[1]).shape)) return;
  size_t at = size_t(it - n.inputs().begin());
  Endpoint product = it->node->inputs()[0];
  if (!info(product).shape.fully_known()) return;
  auto reshape = [&](const Endpoint& x, const PartialShape& to, const char* what) {
    Ints dims(to.dims().begin(), to.dims().end());
    return NodeSpec{"Reshape",
                    p.graph->unique_name(n.name() + what),
                    {x, {&add_constant(p, n, int_vector(dims)), 0}},
                    {},
                    {},
                    n.device(),
                    n.site()};
  };
  Node& other = p.graph->add(reshape(n.inputs()[1 - at], info(product).shape, "/_flat"));
  NodeSpec gradient{n.op().name, p.graph->unique_name(n.name() + "/_gradient"), n.inputs(), n.attrs(), {}, n.device(),
                    n.site()};
  gradient.inputs[at] = product;
  gradient.inputs[1 - at] = {&other, 0};
  Node& made = p.graph->add(std::move(gradient));
  Ints dims(shape(n).dims().begin(), shape(n).dims().end());
  p.graph->become(n, "Reshape", {{&made, 0}, {&add_constant(p, n, int_vector(dims)), 0}}, {});
}

}  // namespace

void simplify(Program& p) {
  Rewriter rewriter(p);
  for (int id = 0, end = p.graph->size(); id < end; ++id) {
    Node& n = p.graph->node(id);
    rewriter.update(n);
    if (!is_pure(n) || n.outputs().size() != 1 || n.op().name == "Const") continue;
    auto gone = [&] {
      for (auto* rule : {drop_alias, drop_unchanged, drop_neutral}) {
        if (Replacement to = rule(n)) {
          rewriter.replace(n, *to);
          return true;
        }
      }
      return false;
    };
    if (gone()) continue;
    for (auto* rule : {bias_add, bias_add_grad, add_two, square, transposed_factors, shrink_constants, reshaped_twice,
                       gradient_before_reshape}) {
      rule(p, n);
    }
    gone();
  }
  rewriter.finish();
}

}  // namespace thalweg
