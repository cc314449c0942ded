#include "thalweg/runtime/function.h"

#include <algorithm>

#include "thalweg/autodiff/differentiated.h"
#include "thalweg/graph/function.h"
#include "thalweg/graph/indexed_slices.h"

namespace thalweg {
namespace {

using functional::differentiable;
using functional::info;
using functional::position;

/// Values that nodes from `first_new` on, upstream of `of`, take from older nodes; constants are left in the graph.
std::vector<Endpoint> boundary(const Outs& of, int first_new) {
  std::vector<Endpoint> found;
  std::vector<char> seen;
  std::vector<Node*> stack;
  auto look = [&](const Endpoint& e) {
    if (e.node->id() >= first_new) {
      stack.push_back(e.node);
    } else if (e.node->op().name != "Const" && !info(e).is_ref && position(found, e) < 0) {
      found.push_back(e);
    }
  };
  for (const Out& o : of) {
    if (o) look(o.endpoint());
  }
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    size_t id = size_t(n->id() - first_new);
    if (seen.size() <= id) seen.resize(id + 1);
    if (std::exchange(seen[id], 1)) continue;
    for (const Endpoint& e : n->inputs()) look(e);
  }
  std::ranges::sort(found, [](const Endpoint& a, const Endpoint& b) {
    return a.node->id() != b.node->id() ? a.node->id() < b.node->id() : a.index < b.index;
  });
  return found;
}

}  // namespace

std::shared_ptr<FunctionGraph> FunctionGraph::copy() {
  if (copy_) return copy_;
  auto to = std::make_shared<Graph>(graph_->ops());
  to->set_seed(graph_->seed());
  GraphCopier copier(*to);
  for (const auto& n : graph_->nodes()) copies_.push_back(copier.node(*n));
  copy_ = std::make_shared<FunctionGraph>(to, library_, true, options_);
  copy_->gradient_options = gradient_options;
  std::lock_guard lock(session_.state().mutex);
  copy_->session().state().variables = session_.state().variables;
  return copy_;
}

Endpoint FunctionGraph::of(const Endpoint& e) const { return {copies_[size_t(e.node->id())], e.index}; }

Function::Function(std::shared_ptr<FunctionGraph> graph, std::vector<Endpoint> inputs, std::vector<Endpoint> outputs,
                   std::vector<Node*> targets, std::vector<Endpoint> variables)
    : graph_(std::move(graph)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)),
      variables_(std::move(variables)),
      targets_(std::move(targets)) {
  std::vector<Endpoint> fetches;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    direct_.push_back(direct(outputs_[i]));
    if (direct_.back().input >= 0) continue;
    fetches.push_back(outputs_[i]);
    fetched_.push_back(int(i));
  }
  if (fetches.empty() && targets_.empty()) return;
  runner_ = graph_->session().prepare(inputs_, fetches, targets_);
  runner_->share_results();
}

Function::Direct Function::direct(Endpoint e) const {
  const OutputInfo out = info(e);
  Direct d;
  while ((d.input = position(inputs_, e)) < 0) {
    const Node& n = *e.node;
    int from = n.op().aliased_input;
    // A node that something waits for, or whose shape rule may fail at run time, is run.
    if (from < 0 || !n.control_inputs().empty() || !out.shape.fully_known()) return {};
    const Endpoint source = n.inputs()[size_t(from)];
    const OutputInfo& in = info(source);
    if (in.is_ref || in.dtype != out.dtype || !in.shape.fully_known()) return {};
    e = source;
    d.reshaped = true;
  }
  if (d.reshaped) d.shape = out.shape.shape();
  return d;
}

std::vector<Tensor> Function::call(std::span<const Tensor> in, const RunControl& control) {
  TW_CHECK(in.size() == inputs_.size(), "function: expected ", inputs_.size(), " inputs, got ", in.size());
  std::vector<Tensor> ran;
  if (runner_) ran = runner_->run(in, control);
  if (fetched_.size() == outputs_.size()) return ran;
  std::vector<Tensor> out(outputs_.size());
  for (size_t i = 0; i < fetched_.size(); ++i) out[size_t(fetched_[i])] = std::move(ran[i]);
  for (size_t i = 0; i < out.size(); ++i) {
    const Direct& d = direct_[i];
    if (d.input < 0) continue;
    const Tensor& t = in[size_t(d.input)];
    out[i] = d.reshaped ? t.reshaped(d.shape) : t;
  }
  return out;
}

std::shared_ptr<const Derivative> Function::derivative(std::span<const Tensor>, const std::vector<bool>& arriving,
                                                       const std::vector<bool>& wanted) {
  TW_CHECK(arriving.size() == outputs_.size() && wanted.size() == inputs_.size() + variables_.size(),
           "function: a derivative of ", wanted.size(), " inputs and ", arriving.size(), " outputs was asked for");
  std::string key;
  for (bool b : arriving) key += b ? '1' : '0';
  for (bool b : wanted) key += b ? '1' : '0';
  std::lock_guard lock(graph_->mutex());
  auto& found = derivatives_[key];
  if (found) return found;
  if (graph_->extensible()) return found = differentiate(arriving, wanted);
  if (!extensible_) {
    std::shared_ptr<FunctionGraph> copy = graph_->copy();
    auto copied = [&](std::vector<Endpoint> list) {
      for (Endpoint& e : list) e = graph_->of(e);
      return list;
    };
    std::vector<Node*> targets;
    for (Node* n : targets_) targets.push_back(graph_->of({n, 0}).node);
    extensible_ = std::make_shared<Function>(copy, copied(inputs_), copied(outputs_), targets, copied(variables_));
  }
  return found = extensible_->derivative({}, arriving, wanted);
}

std::shared_ptr<const Derivative> Function::differentiate(const std::vector<bool>& arriving,
                                                          const std::vector<bool>& wanted) {
  Graph& g = graph_->graph();
  int first_new = g.size();
  auto made = std::make_shared<Derivative>();
  Outs ys, xs;
  GradientOptions options = graph_->gradient_options;
  std::vector<Endpoint> taken;
  made->arriving.resize(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!arriving[i] || !differentiable(info(outputs_[i]).dtype)) continue;
    taken.push_back(functional::placeholder(g, info(outputs_[i]).dtype, info(outputs_[i]).shape, "gradients/dy"));
    ys.push_back(Out(outputs_[i]));
    options.grad_ys.push_back(Out(taken.back()));
    made->arriving[i] = true;
  }
  std::vector<int> of;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Endpoint& x = i < inputs_.size() ? inputs_[i] : variables_[i - inputs_.size()];
    if (!wanted[i] || !differentiable(info(x).dtype)) continue;
    xs.push_back(Out(x));
    of.push_back(int(i));
  }
  if (ys.empty() || xs.empty()) return made;
  for (const Endpoint& x : inputs_) options.stop.push_back(Out(x));
  Outs dxs = gradients(ys, xs, options);

  Outs found;
  for (size_t i = 0; i < dxs.size(); ++i) {
    if (!dxs[i]) continue;
    auto slices = slices_of(dxs[i]);
    made->results.push_back({of[i], slices.has_value()});
    if (slices) {
      found.insert(found.end(), {slices->values, slices->indices, slices->rows});
    } else {
      found.push_back(dxs[i]);
    }
  }
  if (found.empty()) return made;
  std::vector<Endpoint> keep = boundary(found, first_new), further = outputs_, results;
  for (const Endpoint& e : keep) {
    int at = position(inputs_, e);
    if (at < 0) {
      at = position(further, e);
      if (at < 0) {
        at = int(further.size());
        further.push_back(e);
      }
      at += int(inputs_.size());
    }
    made->saved.push_back(at);
  }
  if (further.size() > outputs_.size()) {
    made->forward = std::make_shared<Function>(graph_, inputs_, further, targets_, variables_);
  }
  std::vector<Endpoint> takes = taken;
  takes.insert(takes.end(), keep.begin(), keep.end());
  for (const Out& o : found) results.push_back(o.endpoint());
  made->pullback = std::make_shared<Function>(graph_, takes, results);
  return made;
}

}  // namespace thalweg
