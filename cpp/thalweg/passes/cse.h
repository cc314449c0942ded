// cse: nodes that compute the same thing from the same inputs become one.
#pragma once

#include "thalweg/passes/program.h"

namespace thalweg {

void eliminate_common_subexpressions(Program& p);

}  // namespace thalweg
