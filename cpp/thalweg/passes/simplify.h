// simplify: ops that do nothing go, ops with a simpler equal become that one. What remains fuses better.
#pragma once

#include "thalweg/passes/program.h"

namespace thalweg {

/// Comes after fold: the rules look at constants.
void simplify(Program& p);

}  // namespace thalweg
