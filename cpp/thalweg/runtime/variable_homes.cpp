#include "thalweg/runtime/variable_homes.h"

#include "thalweg/core/device.h"

namespace thalweg {

bool VariableHomes::allows(const Node& n, const Device& d) {
  std::lock_guard lock(mutex_);
  std::string name = variable_name(n);
  if (auto home = homes_.find(name); home != homes_.end()) return home->second == &d;
  return d.host_memory() || !bound_elsewhere(d.type()).contains(name);
}

void VariableHomes::keep(const Program& p) {
  std::lock_guard lock(mutex_);
  for (const auto& n : p.graph->nodes()) {
    if (is_variable(*n)) homes_.try_emplace(variable_name(*n), p.devices[size_t(n->id())]);
  }
}

std::unordered_set<std::string> VariableHomes::bound_elsewhere(const std::string& device_type) const {
  std::shared_lock lock(graph_.mutex());
  std::unordered_set<std::string> names;
  for (const auto& n : graph_.nodes()) {
    const auto& args = n->op().inputs;
    for (size_t i = 0; i < args.size() && i < n->inputs().size(); ++i) {
      if (!args[i].is_ref) continue;
      if (kernels_.find(n->op().name, device_type, n->attrs())) break;
      // Ops that pass a reference on take it as their first input.
      const Node* owner = n->inputs()[i].node;
      while (!is_variable(*owner) && !owner->inputs().empty()) owner = owner->inputs()[0].node;
      names.insert(variable_name(*owner));
    }
  }
  return names;
}

}  // namespace thalweg
