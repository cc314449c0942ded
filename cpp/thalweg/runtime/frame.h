// A Frame is the memory of one run in progress: slots, arenas, and the steps as they are run in it: kernels with the
// pointers they see, without the steps that have nothing to do. Frames are kept by their layout and used again, so a
// steady state builds none.
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

  /// A step of the plan in this frame.
  struct Work {
    enum class Kind : uint8_t {
      Ready,     // a kernel whose inputs and outputs all lie in place
      Variable,  // a variable's value under another name
      General    // whatever needs something read, inferred or allocated first
    };
    Kind kind = Kind::General;
    Kernel* kernel = nullptr;
    const Tensor* const* in = nullptr;
    Tensor* const* out = nullptr;
    Device* device = nullptr;
    int inputs = 0, outputs = 0;
    int step = 0;                   // in Plan::steps
    int first_free = 0, frees = 0;  // in `frees`: slots to be emptied afterwards
  };

  std::vector<Tensor> slots;
  std::vector<char> bound;  // by slot: a constant, or at home in the arena; survives runs
  std::vector<Work> work;
  std::vector<int> frees;
  std::vector<BufferRef> scratch;  // grow-only; one for each scratch() call of a kernel

 private:
  std::vector<const Tensor*> in_;  // the inputs of all steps, one after the other
  std::vector<Tensor*> out_;
  std::vector<int> loose_;  // slots that are not bound
};

}  // namespace thalweg
