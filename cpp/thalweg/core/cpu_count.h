// How many CPUs this process may use.
#pragma once

#include "thalweg/core/error.h"

namespace thalweg {

/// The least of the affinity mask and the CPU quotas (rounded up) of the process's control groups; at least 1.
THALWEG_API int available_cpus();

}  // namespace thalweg
