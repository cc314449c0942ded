#include "thalweg/passes/rewrite.h"

#include <algorithm>

namespace thalweg {

bool is_pure(const Node& n) {
  return !n.op().is_stateful && n.control_inputs().empty() && n.op().name != "Placeholder" &&
         std::ranges::none_of(n.outputs(), &OutputInfo::is_ref) &&
         std::ranges::none_of(n.inputs(), [](const Endpoint& e) { return e.node->output(e.index).is_ref; });
}

void replace_node(Program& p, Node& from, Node& to) {
  for (const auto& n : p.graph->nodes()) {
    for (size_t i = 0; i < n->inputs().size(); ++i) {
      if (n->inputs()[i].node == &from) p.graph->replace_input(*n, int(i), {&to, n->inputs()[i].index});
    }
    if (std::ranges::find(n->control_inputs(), &from) != n->control_inputs().end()) {
      std::vector<Node*> kept = n->control_inputs();
      std::erase(kept, &from);
      p.graph->clear_control_inputs(*n);
      for (Node* c : kept) p.graph->add_control_input(*n, *c);
    }
  }
  for (Endpoint& f : p.fetches) {
    if (f.node == &from) f.node = &to;
  }
  std::ranges::replace(p.targets, &from, &to);
}

}  // namespace thalweg
