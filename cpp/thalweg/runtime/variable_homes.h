// Where a session's variables live. Runs are placed one by one, but a variable's value stays where the first one put
// it.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "thalweg/graph/function.h"
#include "thalweg/passes/program.h"
#include "thalweg/registry/kernel.h"

namespace thalweg {

class VariableHomes {
 public:
  VariableHomes(const Graph& graph, const KernelRegistry& kernels) : graph_(graph), kernels_(kernels) {}

  /// Whether variable n may live on `d`: it lives there already, or every op of the graph that takes it by reference
  /// has a kernel there.
  bool allows(const Node& n, const Device& d);
  /// Keeps the decisions of a placed program.
  void keep(const Program& p);

 private:
  /// Names of variables that some op without a kernel on devices of this type takes by reference.
  std::unordered_set<std::string> bound_elsewhere(const std::string& device_type) const;

  const Graph& graph_;
  const KernelRegistry& kernels_;
  std::mutex mutex_;
  std::unordered_map<std::string, const Device*> homes_;
};

}  // namespace thalweg
