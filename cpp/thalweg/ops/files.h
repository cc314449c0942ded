// Ops that read and write files: a part of the string family, called by register_string.
#pragma once

#include "thalweg/registry/op_def.h"

namespace thalweg::ops {

void register_files(OpRegistry& r);

}  // namespace thalweg::ops
