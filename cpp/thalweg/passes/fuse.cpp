#include "thalweg/passes/fuse.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "thalweg/graph/function.h"
#include "thalweg/passes/rewrite.h"
#include "thalweg/passes/uses.h"

namespace thalweg {
namespace {

// Bounds on one group. Its temporaries live on a worker's stack; see kernels/fused_program.h.
constexpr size_t kMaxInputs = 32, kMaxMembers = 4096;

/// The product ops that can be followed by an elementwise tree, and what they become.
std::string_view fused_product(const Node& n) {
  const std::string& op = n.op().name;
  if (op == "MatMul") return "_FusedMatMul";
  bool channels_last = n.attrs().get_or<std::string>("data_format", "NHWC") == "NHWC";
  if (op == "Conv2D" && channels_last) return "_FusedConv2D";
  if (op == "Conv2DBackpropInput" && channels_last) return "_FusedConv2DBackpropInput";
  if (op == "MaxPoolGrad" && channels_last) return "_FusedMaxPoolGrad";
  return {};
}

/// Those of n's attributes that `op` has too.
Attrs shared_attrs(const Program& p, const Node& n, std::string_view op) {
  const OpDef& def = p.graph->ops().get(std::string(op));
  Attrs out;
  for (const auto& [name, value] : n.attrs()) {
    if (def.attr(name)) out.set(name, value);
  }
  return out;
}

/// The value of a constant list of axes, normalized; empty if it is not constant.
std::optional<std::set<int64_t>> constant_axes(const Node& reduction, int rank) {
  const Endpoint& e = reduction.inputs()[1];
  if (e.node->op().name != "Const") return std::nullopt;
  const Tensor& t = e.node->attr<Tensor>("value");
  std::set<int64_t> axes;
  visit<kIndex>(t.dtype(), [&]<class I>() {
    for (I a : t.flat<I>()) axes.insert(a < 0 ? int64_t(a) + rank : int64_t(a));
  });
  return axes;
}

Shapes shapes_of(std::span<const Endpoint> endpoints) {
  Shapes out;
  for (const Endpoint& e : endpoints) out.push_back(e.node->output(e.index).shape);
  return out;
}

/// Whether inference has checked the shapes of n's inputs against one another. A shape of the result may be known of
/// less, and what takes n's place does not check it again.
bool settled(const Node& n) {
  return std::ranges::all_of(n.inputs(), [](const Endpoint& e) { return e.node->output(e.index).shape.fully_known(); });
}

bool broadcasts_to(const PartialShape& from, const PartialShape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i) {
    if (from[-i] != 1 && from[-i] != to[-i]) return false;
  }
  return true;
}

/// An elementwise tree: members in order, the last one the root; what it reads from outside; the product it follows.
struct Group {
  std::vector<Node*> members;
  std::vector<Endpoint> inputs;
  Node* product = nullptr;
};

class Fuser {
 public:
  Fuser(Program& p, const FuseOptions& options)
      : p_(p), options_(options), uses_(p), joined_(size_t(p.graph->size())) {}

  void trees() {
    for (int id = p_.graph->size() - 1; id >= 0; --id) {
      Node& n = p_.graph->node(id);
      if (!uses_.live(n) || joined_[size_t(id)]) continue;
      if (!reduction(n)) tree(n);
    }
  }

 private:
  static const PartialShape& shape(const Node& n) { return n.output(0).shape; }

  /// A node that may be a member of a group over its own shape.
  bool eligible(const Node& n) const {
    if (n.outputs().size() != 1 || n.inputs().empty() || !is_pure(n) || !shape(n).fully_known()) return false;
    if (!kPlain.has(n.output(0).dtype)) return false;
    bool same = true;
    for (const Endpoint& e : n.inputs()) {
      const OutputInfo& in = e.node->output(e.index);
      if (!in.shape.fully_known() || !kPlain.has(in.dtype) || !broadcasts_to(in.shape, shape(n))) return false;
      same &= in.shape == shape(n);
    }
    RowLoop loop = options_.row_loop(n);
    return loop && (same || loop.broadcasts);
  }

  /// Whether p's only readers are in the group and it may be worked into it.
  bool absorbable(const Node& p, const Node& root, const std::set<Node*>& group) const {
    if (uses_.pinned(p) || joined_[size_t(p.id())] || !p.control_inputs().empty()) return false;
    if (!(shape(p) == shape(root)) || !(p.device() == root.device())) return false;
    return std::ranges::all_of(uses_.users(p), [&](Node* u) { return group.contains(u); });
  }

  /// The largest tree that ends in `root`. `may_follow`: it may take a product in.
  Group grow(Node& root, bool may_follow) const {
    Group g;
    std::set<Node*> group{&root};
    std::set<std::pair<Node*, int>> inputs;
    // Candidates by falling id: when one is looked at, all of its readers have been.
    auto newer = [](const Node* a, const Node* b) { return a->id() > b->id(); };
    std::set<Node*, decltype(newer)> candidates(newer);
    auto offer = [&](Node& n) {
      for (const Endpoint& e : n.inputs()) {
        candidates.insert(e.node);
        inputs.insert({e.node, e.index});
      }
    };
    offer(root);
    while (!candidates.empty() && group.size() < kMaxMembers) {
      Node& n = **candidates.begin();
      candidates.erase(candidates.begin());
      if (!absorbable(n, root, group)) continue;
      if (eligible(n)) {
        if (inputs.size() + n.inputs().size() > kMaxInputs + 1) continue;
        group.insert(&n);
        inputs.erase({&n, 0});
        offer(n);
      } else if (may_follow && !g.product && follows(n, root)) {
        g.product = &n;
      }
    }
    g.members.assign(group.begin(), group.end());
    std::ranges::sort(g.members, {}, &Node::id);
    for (const Endpoint& e : inputs_of(group)) {
      if (e.node != g.product) g.inputs.push_back(e);
    }
    return g;
  }

  /// Products of nothing are left to kernels that know what to do.
  static bool nonempty(const Node& n) {
    return std::ranges::none_of(n.inputs(),
                                [](const Endpoint& e) { return e.node->output(e.index).shape.size() == 0; });
  }

  bool follows(const Node& product, const Node& root) const {
    std::string_view op = fused_product(product);
    return !op.empty() && is_pure(product) && settled(product) && nonempty(product) &&
           product.output(0).dtype == root.output(0).dtype && options_.has_kernel(op, product);
  }

  /// What a set of nodes reads from outside, each endpoint once, in the order of use.
  static std::vector<Endpoint> inputs_of(const std::set<Node*>& group) {
    std::vector<Node*> in_order(group.begin(), group.end());
    std::ranges::sort(in_order, {}, &Node::id);
    std::vector<Endpoint> out;
    for (const Node* n : in_order) {
      for (const Endpoint& e : n->inputs()) {
        if (!group.contains(e.node) && std::ranges::find(out, e) == out.end()) out.push_back(e);
      }
    }
    return out;
  }

  /// Writes the members down and gives their position in Program::fused. The fused node has `lead` inputs of its own
  /// before those of the tree.
  int64_t record(const Group& g, size_t lead) {
    std::vector<FusedNode> list;
    size_t first = lead + g.inputs.size() + (g.product ? 1 : 0);
    auto number = [&](const Endpoint& e) {
      auto member = std::ranges::find(g.members, e.node);
      if (member != g.members.end()) return int(first + size_t(member - g.members.begin()));
      if (e.node == g.product) return int(first - 1);
      return int(lead + size_t(std::ranges::find(g.inputs, e) - g.inputs.begin()));
    };
    for (const Node* n : g.members) {
      FusedNode f{&n->op(), n->attrs(), n->name(), {}, {}, n->output(0).dtype};
      for (const Endpoint& e : n->inputs()) {
        f.operands.push_back(number(e));
        f.input_dtypes.push_back(e.node->output(e.index).dtype);
      }
      list.push_back(std::move(f));
    }
    for (const Node* n : g.members) joined_[size_t(n->id())] = 1;
    if (g.product) joined_[size_t(g.product->id())] = 1;
    p_.fused.push_back(std::move(list));
    return int64_t(p_.fused.size()) - 1;
  }

  void tree(Node& root) {
    if (!eligible(root)) return;
    Group g = grow(root, true);
    if (!g.product && (g.members.size() < 2 || !options_.has_kernel("_Fused", root))) return;
    std::string_view op = g.product ? fused_product(*g.product) : "_Fused";
    Attrs attrs = g.product ? shared_attrs(p_, *g.product, op) : Attrs{{"T", root.output(0).dtype}};
    std::vector<Endpoint> inputs;
    if (g.product) inputs = g.product->inputs();
    attrs.set("members", record(g, inputs.size()));
    attrs.set("shape", shape(root));
    inputs.insert(inputs.end(), g.inputs.begin(), g.inputs.end());
    attrs.set("shapes", shapes_of(inputs));
    p_.graph->become(root, op, std::move(inputs), std::move(attrs));
  }

  /// Takes the tree under a reduction over all, or over the last, axes into it.
  bool reduction(Node& n) {
    const std::string& op = n.op().name;
    if (op != "Sum" && op != "Mean" && op != "Max" && op != "Min" && op != "Prod") return false;
    Node& root = *n.inputs()[0].node;
    if (!is_pure(n) || !shape(n).fully_known() || !options_.has_kernel("_FusedReduce", n)) return false;
    if (uses_.pinned(root) || joined_[size_t(root.id())] || uses_.users(root).size() != 1) return false;
    if (!(root.device() == n.device()) || !eligible(root) || shape(root).size() == 0) return false;
    auto axes = constant_axes(n, shape(root).rank());
    if (!axes || axes->empty() || *axes->rbegin() - *axes->begin() + 1 != int64_t(axes->size()) ||
        *axes->rbegin() != shape(root).rank() - 1) {
      return false;
    }
    Group g = grow(root, false);
    Attrs attrs{{"T", n.output(0).dtype}, {"domain", shape(root)}, {"reduction", op}, {"shape", shape(n)}};
    attrs.set("members", record(g, 0));
    attrs.set("shapes", shapes_of(g.inputs));
    p_.graph->become(n, "_FusedReduce", g.inputs, std::move(attrs));
    return true;
  }

  Program& p_;
  const FuseOptions& options_;
  Uses uses_;
  std::vector<char> joined_;
};

/// The gradient of a dense layer's weights is a product that nothing but their update reads. The plan makes it within
/// that update, so that it passes through the cache and takes no memory.
class WeightGradients {
 public:
  WeightGradients(Program& p, const FuseOptions& options) : p_(p), options_(options), uses_(p) {}

  void run() {
    int end = p_.graph->size();
    for (int id = 0; id < end; ++id) {
      Node& n = p_.graph->node(id);
      if (n.op().name != "MatMul" || !n.attr<bool>("transpose_a") || n.attr<bool>("transpose_b")) continue;
      if (!uses_.live(n) || uses_.pinned(n) || !is_pure(n) || !settled(n) || !worth_it(n) || !updates(n)) continue;
      if (!options_.has_kernel("_WeightGradient", n)) continue;
      Attrs attrs{{"T", n.output(0).dtype}, {"shapes", shapes_of(n.inputs())}};
      p_.graph->become(n, "_WeightGradient", n.inputs(), std::move(attrs));
    }
  }

 private:
  /// Its inputs live until the update: no more memory than the gradient would take in their place.
  static bool worth_it(const Node& n) {
    const PartialShape &x = shape(n.inputs()[0]), &dy = shape(n.inputs()[1]);
    for (const Endpoint& e : n.inputs()) {
      if (reads_variable(e)) return false;  // which could then not be changed in place
    }
    return x[0] * (x[1] + dy[1]) <= x[1] * dy[1];
  }
  static bool reads_variable(const Endpoint& e) {
    if (e.node->output(e.index).is_ref) return true;
    const int source = e.node->op().aliased_input;
    return source >= 0 && reads_variable(e.node->inputs()[size_t(source)]);
  }
  static const PartialShape& shape(const Endpoint& e) { return e.node->output(e.index).shape; }

  /// Whether its one reader is an optimizer's update of a variable, on the same device.
  bool updates(const Node& n) const {
    const auto& users = uses_.users(n);
    if (users.size() != 1 || !users[0]->op().name.starts_with("Apply") || !writes_reference(*users[0])) return false;
    return p_.devices[size_t(users[0]->id())] == p_.devices[size_t(n.id())];
  }

  Program& p_;
  const FuseOptions& options_;
  Uses uses_;
};

/// The gradient of a bias, the sum of dy over all but the last axis, comes for nothing while the gradient of the
/// weights reads dy.
class SumsOfGradients {
 public:
  SumsOfGradients(Program& p, const FuseOptions& options) : p_(p), options_(options), uses_(p) {}

  void run() {
    int end = p_.graph->size();
    for (int id = 0; id < end; ++id) {
      Node& n = p_.graph->node(id);
      if (!uses_.live(n) || !is_pure(n)) continue;
      bool dense = n.op().name == "MatMul" && n.attr<bool>("transpose_a") && !n.attr<bool>("transpose_b");
      bool conv = n.op().name == "Conv2DBackpropFilter" && n.attr<std::string>("data_format") == "NHWC";
      if (dense || conv) pair(n, dense ? "_MatMulAndSums" : "_Conv2DBackpropFilterAndSums", n.inputs()[dense ? 1 : 2]);
    }
  }

 private:
  void pair(Node& product, std::string_view op, const Endpoint& dy) {
    if (!settled(product) || !options_.has_kernel(op, product)) return;
    auto is_sum = [&](Node* u) { return u != &product && sums_rows(*u, dy) && !ancestor(*u, product); };
    const auto& users = uses_.users(*dy.node);
    auto sum = std::ranges::find_if(users, is_sum);
    if (sum == users.end()) return;
    // The sum stays as another name for the product's second output: a Reshape to the shape it has anyway.
    Node& named = **sum;
    PartialShape shape = named.output(0).shape;
    Attrs attrs = shared_attrs(p_, product, op);
    attrs.set("shapes", shapes_of(product.inputs()));
    p_.graph->become(product, op, product.inputs(), std::move(attrs));
    Tensor dims(DType::int32, Shape{shape.rank()});
    std::ranges::copy(shape.dims(), dims.ptr<int32_t>());
    NodeSpec spec;
    spec.op = "Const";
    spec.name = p_.graph->unique_name(named.name() + "/_shape");
    spec.attrs = {{"value", dims}, {"dtype", DType::int32}};
    spec.device = named.device();
    Node& constant = p_.graph->add(std::move(spec));
    p_.graph->become(named, "Reshape", {{&product, 1}, {&constant, 0}}, {});
  }

  /// Sum of dy over all axes but the last.
  static bool sums_rows(const Node& n, const Endpoint& dy) {
    if (n.op().name != "Sum" || !(n.inputs()[0] == dy) || !is_pure(n)) return false;
    const PartialShape& in = dy.node->output(dy.index).shape;
    if (!in.fully_known() || in.rank() < 2 || !n.output(0).shape.fully_known()) return false;
    auto axes = constant_axes(n, in.rank());
    return axes && int(axes->size()) == in.rank() - 1 && !axes->contains(in.rank() - 1);
  }

  /// Whether a is upstream of b.
  static bool ancestor(const Node& a, const Node& b) {
    std::set<const Node*> seen;
    std::vector<const Node*> stack{&b};
    while (!stack.empty()) {
      const Node* n = stack.back();
      stack.pop_back();
      if (n == &a) return true;
      if (!seen.insert(n).second) continue;
      for (const Endpoint& e : n->inputs()) stack.push_back(e.node);
      for (const Node* c : n->control_inputs()) stack.push_back(c);
    }
    return false;
  }

  Program& p_;
  const FuseOptions& options_;
  Uses uses_;
};

}  // namespace

void fuse(Program& p, const FuseOptions& options) {
  WeightGradients(p, options).run();
  SumsOfGradients(p, options).run();
  Fuser(p, options).trees();
}

}  // namespace thalweg
