// EXPECT: signature: unbalanced '\('
#include "thalweg/registry/op_def.h"

void add(thalweg::OpRegistry& r) { r.add("Twice((x: T) -> y: T"); }
