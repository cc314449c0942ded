// How wide the process's thread pool will be.
#pragma once

#include "thalweg/core/error.h"

namespace thalweg {

/// Makes ThreadPool::shared() this wide (0: as the CPU quota allows). False once there is a pool, which keeps its
/// width.
THALWEG_API bool set_shared_threads(int threads);

}  // namespace thalweg
