// A Layout is a plan's memory for one set of feed shapes: every shape that follows from them, and one arena in which
// intermediates live at fixed offsets. What depends on data instead of shapes is left to run time.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "thalweg/runtime/plan.h"

namespace thalweg {

struct Frame;

struct Layout {
  struct Place {
    bool known = false;  // the shape follows from the feed shapes
    Shape shape;
    int64_t offset = -1;  // in the device's arena; -1: allocated when the run gets there
    int root = -1;        // the slot whose memory this one shares (itself when it has its own)
  };

  std::vector<Shape> feed_shapes;
  std::vector<Place> places;      // by slot
  std::vector<char> static_step;  // by step: all output shapes are known
  std::map<Device*, size_t> arena_bytes;
  bool worth_threads = false;  // some step is long enough to be shared out

  // Frames of finished runs, for the next ones: one that is taken without a lock, and those of concurrent runs.
  std::atomic<Frame*> ready{nullptr};
  std::mutex mutex;
  std::vector<std::unique_ptr<Frame>> idle;

  Layout();
  ~Layout();
};

/// Infers shapes from `feed_shapes` and plans the arena: greedy by size over lifetimes, in place where an elementwise
/// op's input dies (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
std::shared_ptr<Layout> make_layout(const Plan& plan, const std::vector<Shape>& feed_shapes);

}  // namespace thalweg
