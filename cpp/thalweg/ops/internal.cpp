// Ops that only the runtime's own passes make.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {

void register_internal(OpRegistry& r) {
  r.add("_Copy(x: T) -> y: T", kAny).doc("The same value on another device.").infer(infer_unchanged);
}

}  // namespace thalweg::ops
