// What other kernels do with lists of tensors.
#pragma once

#include "thalweg/core/variant.h"

namespace thalweg::kernels {

/// Item by item; one that is not set counts as zero.
TensorList sum_of_lists(const TensorList& a, const TensorList& b);
/// As many items, all zero.
TensorList zeros_of_list(const TensorList& list);

}  // namespace thalweg::kernels
