// What a profile collects: for every signature and set of feed shapes the times of its steps, added up, and the time
// line of the runs as long as there is room for it.
#pragma once

#include <memory>
#include <vector>

#include "convert.h"
#include "thalweg/runtime/session.h"

namespace thalweg::python {

class Recorder {
 public:
  explicit Recorder(size_t most_events) : most_events_(most_events) {}

  struct Totals {
    int64_t count = 0, total_ns = 0, least_ns = 0, most_ns = 0;
    void add(int64_t ns) {
      least_ns = count ? std::min(least_ns, ns) : ns;
      most_ns = std::max(most_ns, ns);
      total_ns += ns;
      ++count;
    }
  };
  struct Signature {
    std::shared_ptr<Runner> runner;
    std::vector<Shape> shapes;
    std::vector<StepInfo> steps;
    std::vector<Totals> totals;  // by step
    Totals runs;
  };
  struct Run {
    int signature;
    uint64_t thread;
    int64_t start_ns, end_ns;
    size_t first_event;  // in events(); as many as the signature has steps, or none
    bool kept;
  };

  /// The signature's number, and the array its next run fills. Needs the GIL, as finish() does.
  int begin(const std::shared_ptr<Runner>& runner, std::vector<Shape> shapes, std::vector<StepTime>* times);
  void finish(int signature, std::vector<StepTime> times, int64_t start_ns, int64_t end_ns);

  const std::vector<Signature>& signatures() const { return signatures_; }
  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<StepTime>& events() const { return events_; }
  int64_t dropped() const { return dropped_; }

 private:
  size_t most_events_;
  std::vector<Signature> signatures_;
  std::vector<Run> runs_;
  std::vector<StepTime> events_;
  std::vector<std::vector<StepTime>> spare_;  // arrays of finished runs
  int64_t dropped_ = 0;                       // runs that are in the totals but not in the time line
};

/// Nanoseconds of the steady clock, which the executor reads too.
int64_t steady_ns();

}  // namespace thalweg::python
