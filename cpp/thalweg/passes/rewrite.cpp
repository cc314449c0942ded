#include "thalweg/passes/rewrite.h"

#include <algorithm>

namespace thalweg {

bool is_pure(const Node& n) {
  return !n.op().is_stateful && n.control_inputs().empty() && n.op().name != "Placeholder" &&
         std::ranges::none_of(n.outputs(), &OutputInfo::is_ref) &&
         std::ranges::none_of(n.inputs(), [](const Endpoint& e) { return e.node->output(e.index).is_ref; });
}

void Rewriter::update(Node& n) {
  for (size_t i = 0; i < n.inputs().size(); ++i) {
    Endpoint e = n.inputs()[i];
    if (Endpoint to = now(e); !(to == e)) p_.graph->replace_input(n, int(i), to);
  }
  if (std::ranges::any_of(n.control_inputs(), [&](Node* c) { return map_.contains(c); })) {
    std::vector<Node*> kept = n.control_inputs();
    std::erase_if(kept, [&](Node* c) { return map_.contains(c); });
    p_.graph->clear_control_inputs(n);
    for (Node* c : kept) p_.graph->add_control_input(n, *c);
  }
}

void Rewriter::finish() {
  for (Endpoint& f : p_.fetches) f = now(f);
  for (Node*& t : p_.targets) t = now({t, 0}).node;
}

Node& add_constant(Program& p, const Node& origin, const Tensor& value) {
  NodeSpec spec;
  spec.op = "Const";
  spec.name = p.graph->unique_name(origin.name() + "/_folded");
  spec.attrs = {{"value", value}, {"dtype", value.dtype()}};
  spec.device = origin.device();
  spec.site = origin.site();
  return p.graph->add(std::move(spec));
}

}  // namespace thalweg
