// What the machine can do, measured: the denominators of a profile.
#pragma once

#include "thalweg/core/error.h"

namespace thalweg {

struct MachinePeak {
  double flops_per_second = 0;  // float32 multiply-adds in registers, on all threads; a multiply-add counts as two
  double bytes_per_second = 0;  // a triad over arrays past the caches, on all threads: reads and writes
  int threads = 1;
};

/// Measured once, at the first call, with as many threads as the process's pool has; takes about 0.2 s.
THALWEG_API const MachinePeak& machine_peak();

}  // namespace thalweg
