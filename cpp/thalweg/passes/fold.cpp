#include "thalweg/passes/fold.h"

#include <algorithm>

#include "thalweg/passes/rewrite.h"

namespace thalweg {
namespace {

/// The value of an output that inference followed completely (Shape of a known shape, arithmetic on it).
std::optional<Tensor> known_value(const OutputInfo& info) {
  if (!info.values || !info.shape.fully_known() || !kIndex.has(info.dtype)) return std::nullopt;
  if (std::ranges::find(*info.values, kUnknownValue) != info.values->end()) return std::nullopt;
  if (info.shape.size() != int64_t(info.values->size())) return std::nullopt;
  Tensor t(info.dtype, info.shape.shape());
  visit<kIndex>(info.dtype,
                [&]<class T>() { std::ranges::transform(*info.values, t.ptr<T>(), [](int64_t v) { return T(v); }); });
  return t;
}

}  // namespace

void fold(Program& p, const Evaluate& evaluate, size_t max_bytes) {
  Rewriter rewriter(p);
  // Nodes that something must run before, directly or through an input: as constants they would not wait.
  std::vector<char> waits(size_t(p.graph->size()));
  // New constants come after the loop's end; ids below it are in topological order.
  for (int id = 0, end = p.graph->size(); id < end; ++id) {
    Node& n = p.graph->node(id);
    rewriter.update(n);
    waits[size_t(id)] = !n.control_inputs().empty() || std::ranges::any_of(n.inputs(), [&](const Endpoint& e) {
      return size_t(e.node->id()) < waits.size() && waits[size_t(e.node->id())];
    });
    if (waits[size_t(id)]) continue;
    if (n.op().name == "Const" || n.outputs().size() != 1 || !is_pure(n)) continue;
    if (n.output(0).dtype == DType::variant) continue;  // a list is changed in place by the one that holds it alone
    if (auto value = known_value(n.output(0))) {
      rewriter.replace(n, add_constant(p, n, *value));
      continue;
    }
    bool constant = std::ranges::all_of(n.inputs(), [](const Endpoint& e) { return e.node->op().name == "Const"; });
    if (!constant || n.inputs().empty()) continue;
    if (int i = n.op().aliased_input; i >= 0) {  // the same elements under another shape
      const Tensor& value = n.inputs()[size_t(i)].node->attr<Tensor>("value");
      const OutputInfo& out = n.output(0);
      if (out.dtype != value.dtype() || !out.shape.fully_known() || out.shape.size() != value.size()) continue;
      rewriter.replace(n, add_constant(p, n, value.reshaped(out.shape.shape())));
      continue;
    }
    if (int64_t size = n.output(0).shape.size(); size < 0 || size_t(size) * size_of(n.output(0).dtype) > max_bytes) {
      continue;
    }
    std::vector<Tensor> in;
    for (const Endpoint& e : n.inputs()) in.push_back(e.node->attr<Tensor>("value"));
    if (auto out = evaluate(n, in)) rewriter.replace(n, add_constant(p, n, (*out)[0]));
  }
  rewriter.finish();
}

}  // namespace thalweg
