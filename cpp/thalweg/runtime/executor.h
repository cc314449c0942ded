// Runs a plan: walks its steps in order on the calling thread.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "thalweg/runtime/frame.h"

namespace thalweg {

/// One step of a traced run; times in microseconds since the epoch.
struct StepTrace {
  std::string node, op, device;
  int64_t start = 0, end = 0;
  int64_t output_bytes = 0;
};

struct RunControl {
  const std::atomic<bool>* cancelled = nullptr;
  int64_t deadline_us = 0;                  // steady clock; 0: none
  std::vector<StepTrace>* trace = nullptr;  // filled in when given
};

/// Feeds must already lie in the frame's feed slots. Errors carry the node's name and the user's line.
void execute(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control);

/// Runs one kernel on host tensors, outside any plan (constant folding).
std::vector<Tensor> evaluate_node(const Node& n, std::span<const Tensor> in, const KernelRegistry& kernels,
                                  ThreadPool& pool);

}  // namespace thalweg
