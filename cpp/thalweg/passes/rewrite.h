// Small helpers that graph-rewriting passes share.
#pragma once

#include <unordered_map>

#include "thalweg/passes/program.h"

namespace thalweg {

/// Lets every consumer and fetch of `from`'s outputs use `to`'s, and drops control edges from it. `from` must have no effect.
void replace_node(Program& p, Node& from, Node& to);
/// x with no effect, no randomness and no control inputs: its value is all there is to it.
bool is_pure(const Node& n);

}  // namespace thalweg
