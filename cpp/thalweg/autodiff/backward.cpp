#include "thalweg/autodiff/backward.h"

#include <algorithm>
#include <map>
#include <set>

#include "thalweg/autodiff/functional.h"
#include "thalweg/graph/function.h"
#include "thalweg/graph/indexed_slices.h"

namespace thalweg {
namespace {

bool differentiable(DType t) { return kInexact.has(t) || t == DType::variant; }

struct Less {
  bool operator()(const Endpoint& a, const Endpoint& b) const {
    return a.node->id() != b.node->id() ? a.node->id() < b.node->id() : a.index < b.index;
  }
};

class Backward {
 public:
  Backward(const Outs& ys, const Outs& xs, const GradientOptions& options) : xs_(xs), options_(options) {
    for (const Out& s : options.stop) stop_.insert(s.endpoint());
    mark_reachable(ys);
    for (size_t i = 0; i < ys.size(); ++i) seed(ys[i], i < options.grad_ys.size() ? options.grad_ys[i] : Out());
  }

  Outs run() {
    // Inputs are older than their consumers, so descending ids are a reverse topological order.
    while (!pending_.empty()) {
      Node* n = *pending_.rbegin();
      pending_.erase(std::prev(pending_.end()));
      visit_node(*n);
    }
    Outs out;
    for (const Out& x : xs_) out.push_back(arrived(x.endpoint()));
    return out;
  }

 private:
  struct ById {
    bool operator()(const Node* a, const Node* b) const { return a->id() < b->id(); }
  };

  /// Nodes downstream of an x and upstream of a y.
  void mark_reachable(const Outs& ys) {
    std::set<Node*, ById> upstream;
    std::vector<Node*> stack;
    for (const Out& y : ys) stack.push_back(&y.node());
    while (!stack.empty()) {
      Node* n = stack.back();
      stack.pop_back();
      if (!upstream.insert(n).second) continue;
      for (const Endpoint& e : n->inputs()) stack.push_back(e.node);
    }
    std::set<Endpoint, Less> x;
    for (const Out& o : xs_) x.insert(o.endpoint());
    for (Node* n : upstream) {  // ascending ids
      if (!passable(*n)) continue;
      bool on_path = !variables_read(*n).empty() || std::ranges::any_of(n->inputs(), [&](const Endpoint& e) {
        return x.contains(e) || (between_.contains(e.node) && !stop_.contains(e));
      });
      if (on_path) between_.insert(n);
    }
  }

  bool passable(const Node& n) const {
    return options_.nodes.empty() || std::ranges::any_of(options_.nodes, [&](const auto& range) {
             return range.first <= n.id() && n.id() < range.second;
           });
  }

  /// The xs that are variables which functions that n calls read by themselves.
  std::vector<Node*> variables_read(const Node& n) const {
    std::vector<Node*> found;
    if (!calls_functions(n)) return found;
    for (const Out& x : xs_) {
      if (!is_variable(x.node()) || std::ranges::find(found, &x.node()) != found.end()) continue;
      const std::string name = variable_name(x.node());
      bool read = std::ranges::any_of(functions_of(n), [&](const auto& f) { return f->reads.contains(name); });
      if (read && differentiable(x.dtype())) found.push_back(&x.node());
    }
    return found;
  }

  void seed(const Out& y, const Out& grad_y) {
    if (!differentiable(y.dtype())) return;
    Scope scope(y.graph(), options_.prefix, y.node().device());
    Out dy = grad_y;
    if (!dy) {
      if (y.shape().fully_known()) {
        dy = node("Fill", {shape_of(y), scalar(1, y.dtype())}, {}, "grad_ys_" + std::to_string(seeds_));
      } else {
        dy = like(y, 1.0);
      }
    } else {
      TW_CHECK(dy.shape().compatible(y.shape()), "gradients: grad_ys has shape ", dy.shape(), " but y has ", y.shape());
      if (dy.dtype() != y.dtype()) {
        TW_FAIL(TypeError, "gradients: grad_ys has type ", dy.dtype(), " but y has ", y.dtype());
      }
    }
    ++seeds_;
    arrive(y.endpoint(), dy);
  }

  void arrive(const Endpoint& e, const Out& dy) {
    grads_[e].push_back(dy);
    if (between_.contains(e.node) && !stop_.contains(e)) pending_.insert(e.node);
  }

  /// The sum of what has arrived at e, as one value.
  Out arrived(const Endpoint& e) {
    auto it = grads_.find(e);
    if (it == grads_.end()) return {};
    Outs& parts = it->second;
    if (parts.size() > 1) {
      Scope scope(parts[0].graph(), options_.prefix, e.node->device());
      parts = {parts[0].dtype() == DType::variant ? sum_of_lists(parts) : sum_of_gradients(parts)};
    }
    return parts[0];
  }

  /// Lists that have one item each are added to the others item by item, which costs no more than the items.
  static Out sum_of_lists(const Outs& parts) {
    auto single = [](const Out& o) {
      return o.node().op().name == "TensorListSetItem" && o.node().inputs()[0].node->op().name == "TensorListReserve";
    };
    Outs whole;
    for (const Out& o : parts) {
      if (!single(o)) whole.push_back(o);
    }
    size_t first = 0;
    if (whole.empty()) {
      whole.push_back(parts[0]);
      first = 1;
    }
    Out sum = whole.size() == 1 ? whole[0] : node("AddN", whole);
    for (size_t i = first; i < parts.size(); ++i) {
      if (!single(parts[i])) continue;
      const auto& in = parts[i].node().inputs();
      sum = node("_TensorListAddItem", {sum, Out(in[1]), Out(in[2])});
    }
    return sum;
  }

  void visit_node(Node& n) {
    Outs dys;
    bool any = false;
    for (size_t i = 0; i < n.outputs().size(); ++i) {
      Endpoint e{&n, int(i)};
      dys.push_back(stop_.contains(e) ? Out() : arrived(e));
      any |= bool(dys.back());
    }
    if (!any) return;
    Outs dxs = call(n, dys);
    // A loop may have got further inputs, where it starts to keep what its gradient needs.
    dxs.resize(n.inputs().size());
    for (size_t i = 0; i < dxs.size(); ++i) {
      const Endpoint& e = n.inputs()[i];
      if (!dxs[i] || !differentiable(e.node->output(e.index).dtype)) continue;
      arrive(e, dxs[i]);
    }
  }

  Outs call(Node& n, const Outs& dys) {
    if (options_.has_python && options_.has_python(n)) return options_.python(n, dys);
    const OpDef& op = n.op();
    if (calls_functions(n)) {
      Scope scope(n.graph(), options_.prefix + "/" + n.name() + "_grad", n.device());
      std::vector<Node*> read = variables_read(n);
      FunctionGradients found = function_gradients(n, dys, read, options_);
      for (size_t i = 0; i < found.variables.size(); ++i) {
        if (found.variables[i]) arrive({read[i], 0}, found.variables[i]);
      }
      return found.inputs;
    }
    if (op.not_differentiable) return Outs(n.inputs().size());
    if (!op.grad_fn) {
      TW_FAIL(NotFound, "No gradient defined for operation '", n.name(), "' (op type: ", op.name, ")");
    }
    Scope scope(n.graph(), options_.prefix + "/" + n.name() + "_grad", n.device());
    Grad g(n, dys);
    return op.grad_fn(g);
  }

  const Outs& xs_;
  const GradientOptions& options_;
  std::set<Endpoint, Less> stop_;
  std::set<Node*, ById> between_, pending_;
  std::map<Endpoint, Outs, Less> grads_;
  int seeds_ = 0;
};

}  // namespace

Outs gradients(const Outs& ys, const Outs& xs, const GradientOptions& options) {
  TW_CHECK(!ys.empty(), "gradients: ys is empty");
  TW_CHECK(options.grad_ys.empty() || options.grad_ys.size() == ys.size(), "gradients: ", ys.size(), " ys but ",
           options.grad_ys.size(), " grad_ys");
  for (const Out& o : ys) TW_CHECK(o && !o.is_number(), "gradients: a y is empty");
  for (const Out& o : xs) {
    TW_CHECK(o && !o.is_number() && &o.graph() == &ys[0].graph(), "gradients: an x is empty or from another graph");
  }
  return Backward(ys, xs, options).run();
}

}  // namespace thalweg
