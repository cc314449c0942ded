// Gradients of the ops that call functions: each is an op of the same kind, whose functions do over again what the
// forward ones did, as far as the gradients need it, and then go backwards.
#pragma once

#include "thalweg/autodiff/backward.h"

namespace thalweg {

struct FunctionGradients {
  Outs inputs;
  Outs variables;  // of the variables asked for
};

/// Gradients of n, which calls functions, by its inputs and by variables that the functions read; dys as in Backward.
/// May make n give further outputs: what its functions would not compute again to the same values (random numbers,
/// variables), and what a loop's variables were.
FunctionGradients function_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                     const GradientOptions& options);

}  // namespace thalweg
