// Runs a plan: walks its steps in order on the calling thread.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "thalweg/runtime/frame.h"

namespace thalweg {

/// When a step ran: nanoseconds of the steady clock.
struct StepTime {
  int64_t start_ns = 0, end_ns = 0;
};

struct RunControl {
  const std::atomic<bool>* cancelled = nullptr;
  int64_t deadline_us = 0;  // steady clock; 0: none
  // By step of the plan (Runner::steps), filled in when given; steps that have nothing to do stay at zero.
  std::span<StepTime> times;
};

/// Feeds must already lie in the frame's feed slots. Errors carry the node's name and the user's line.
void execute(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control);

/// Runs one kernel on host tensors, outside any plan (constant folding).
std::vector<Tensor> evaluate_node(const Node& n, std::span<const Tensor> in, const KernelRegistry& kernels,
                                  ThreadPool& pool);

}  // namespace thalweg
