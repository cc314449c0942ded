// A Frame is the memory of one run in progress: slots, arenas, and the pointers that kernels see. Frames are kept by
// their layout and used again, so a steady state builds none.
#pragma once

#include <vector>

#include "thalweg/runtime/layout.h"

namespace thalweg {

struct Frame {
  Frame(const Plan& plan, const Layout& layout);
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// Lets go of everything that a finished (or failed) run left in the slots.
  void clear();

  std::vector<Tensor> slots;
  std::vector<char> bound;                  // by slot: a constant, or at home in the arena; survives runs
  std::vector<const Tensor*> in;            // the inputs of all steps, one after the other
  std::vector<Tensor*> out;                 // the outputs of all steps
  std::vector<size_t> first_in, first_out;  // by step: where its own begin
  std::vector<BufferRef> scratch;           // grow-only; one for each scratch() call of a kernel
};

}  // namespace thalweg
