// Calls every family's registration, in the order of the table of contents.
#include "thalweg/ops/families.h"

namespace thalweg {

void register_ops(OpRegistry& r) {
  using namespace ops;  // NOLINT(google-build-using-namespace)
  for (auto* family : {register_elementwise, register_cast,     register_reduce,  register_matmul,  register_conv,
                       register_pool,        register_softmax,  register_array,   register_concat,  register_indexing,
                       register_state,       register_training, register_random,  register_linalg,  register_search,
                       register_image,       register_control,  register_string,  register_summary, register_checkpoint,
                       register_functional,  register_list,     register_internal}) {
    family(r);
  }
}

}  // namespace thalweg
