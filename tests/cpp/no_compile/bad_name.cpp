// EXPECT: signature: an op's name is letters, digits and '_'
#include "thalweg/registry/op_def.h"

void add(thalweg::OpRegistry& r) { r.add("Twice it(x: T) -> y: T"); }
