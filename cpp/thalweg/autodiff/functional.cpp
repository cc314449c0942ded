#include "thalweg/autodiff/functional.h"

#include "thalweg/autodiff/differentiated.h"

namespace thalweg {

FunctionGradients function_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                     const GradientOptions& options) {
  const std::string& op = n.op().name;
  if (op == "While" || op == "StatelessWhile") return functional::loop_gradients(n, dys, variables, options);
  for (const char* known :
       {"If", "StatelessIf", "Case", "StatelessCase", "PartitionedCall", "StatefulPartitionedCall"}) {
    if (op == known) return functional::branch_gradients(n, dys, variables, options);
  }
  TW_FAIL(NotFound, "No gradient defined for operation '", n.name(), "' (op type: ", op, ")");
}

}  // namespace thalweg
