// The kernels of the paths whose instructions are counted (tools/count_instructions.py), in place of the library's.
#include "thalweg/kernels/families.h"

namespace thalweg {

void register_kernels(KernelRegistry& r) {
  kernels::register_elementwise(r);
  kernels::register_state(r);
  kernels::register_control(r);
}

}  // namespace thalweg
