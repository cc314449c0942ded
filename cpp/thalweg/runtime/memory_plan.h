// What memory a run will hold, known before it: read off a plan and its layout.
#pragma once

#include <string>
#include <vector>

#include "thalweg/runtime/layout.h"

namespace thalweg {

struct MemoryPlan {
  /// A value between steps. Steps count from 0; `last` may be one past the last step: fetched.
  struct Intermediate {
    std::string name;   // of the tensor: "hidden/MatMul:0"
    int64_t bytes = 0;  // 0 if the shape depends on data
    int first = 0, last = 0;
    int64_t offset = -1;  // in its device's arena; -1: an allocation of its own
    std::string shares;   // the tensor whose memory it takes over or looks at; empty: none
  };

  int64_t arena_bytes = 0, variable_bytes = 0, constant_bytes = 0, feed_bytes = 0;
  /// The most that intermediates outside the arena (fetched values, above all) hold at one time.
  int64_t outside_bytes = 0;
  /// All of the above: what the run holds at its fullest.
  int64_t peak_bytes() const { return arena_bytes + variable_bytes + constant_bytes + feed_bytes + outside_bytes; }
  std::vector<Intermediate> intermediates;  // in the order they are made
  int steps = 0;
  bool complete = true;  // false: some shapes depend on data and are left out
};

THALWEG_API MemoryPlan memory_plan(const Plan& plan, const Layout& layout);

}  // namespace thalweg
