#include "recorder.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "thalweg/core/machine_peak.h"
#include "unlocked.h"

namespace thalweg::python {

int64_t steady_ns() {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace)
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

int Recorder::begin(const std::shared_ptr<Runner>& runner, std::vector<Shape> shapes, std::vector<StepTime>* times) {
  auto find = [&] {
    return std::ranges::find_if(signatures_,
                                [&](const Signature& s) { return s.runner == runner && s.shapes == shapes; });
  };
  auto it = find();
  if (it == signatures_.end()) {
    Signature s{runner, shapes, {}, {}, {}};
    {
      Unlocked unlocked;  // planning may call Python functions in the graph, on another thread
      s.steps = runner->steps(shapes);
    }
    s.totals.resize(s.steps.size());
    it = find();  // another thread may have been here meanwhile
    if (it == signatures_.end()) it = signatures_.insert(it, std::move(s));
    events_.reserve(events_.size() + std::min(most_events_ - events_.size(), 256 * it->steps.size()));
  }
  if (!spare_.empty()) {
    *times = std::move(spare_.back());
    spare_.pop_back();
  }
  times->assign(it->steps.size(), StepTime{});
  return int(it - signatures_.begin());
}

void Recorder::finish(int signature, std::vector<StepTime> times, int64_t start_ns, int64_t end_ns) {
  Signature& s = signatures_[size_t(signature)];
  for (size_t i = 0; i < times.size(); ++i) {
    if (times[i].end_ns) s.totals[i].add(times[i].end_ns - times[i].start_ns);
  }
  s.runs.add(end_ns - start_ns);
  bool keep = events_.size() + times.size() <= most_events_;
  runs_.push_back({signature, uint64_t(pthread_self()), start_ns, end_ns, events_.size(), keep});
  if (keep) {
    events_.insert(events_.end(), times.begin(), times.end());
  } else {
    ++dropped_;
    runs_.pop_back();
  }
  spare_.push_back(std::move(times));
}

namespace {

py::list signatures_of(const Recorder& r) {
  py::list out;
  for (const Recorder::Signature& s : r.signatures()) {
    py::list steps;
    for (size_t i = 0; i < s.steps.size(); ++i) {
      const StepInfo& info = s.steps[i];
      const Recorder::Totals& t = s.totals[i];
      steps.append(py::make_tuple(info.node, info.op, info.device, info.input_bytes, info.output_bytes, info.flops,
                                  t.count, t.total_ns, t.least_ns, t.most_ns));
    }
    out.append(py::make_tuple(s.runs.count, s.runs.total_ns, steps));
  }
  return out;
}

py::list runs_of(const Recorder& r) {
  py::list out;
  for (const Recorder::Run& run : r.runs()) {
    py::list times;
    size_t steps = r.signatures()[size_t(run.signature)].steps.size();
    for (size_t i = 0; i < steps; ++i) {
      const StepTime& t = r.events()[run.first_event + i];
      times.append(py::make_tuple(t.start_ns, t.end_ns));
    }
    out.append(py::make_tuple(run.signature, run.thread, run.start_ns, run.end_ns, times));
  }
  return out;
}

}  // namespace

void bind_profile(py::module_& m) {
  py::class_<Recorder, std::shared_ptr<Recorder>>(m, "Recorder")
      .def(py::init<size_t>())
      .def("signatures", &signatures_of)
      .def("runs", &runs_of)
      .def("dropped", &Recorder::dropped);
  m.def("machine_peak", [] {
    MachinePeak p;
    {
      Unlocked unlocked;
      p = machine_peak();
    }
    return py::make_tuple(p.flops_per_second, p.bytes_per_second, p.threads);
  });
}

}  // namespace thalweg::python
