#include "mode.h"

#include <atomic>

#include "convert.h"
#include "thalweg/core/shared_threads.h"

namespace thalweg::python {
namespace {

enum class Mode : int { Default = -1, Graph = 0, Eager = 1 };

std::atomic<bool> process_eager{true};
thread_local Mode thread_mode = Mode::Default;

}  // namespace

bool executing_eagerly() {
  if (thread_mode == Mode::Default) return process_eager.load(std::memory_order_relaxed);
  return thread_mode == Mode::Eager;
}

void bind_mode(py::module_& m) {
  m.def("executing_eagerly", &executing_eagerly, "Whether ops run when they are called.");
  m.def("set_process_eager", [](bool eager) { process_eager = eager; }, "The mode of threads that are in no graph.");
  m.def("process_eager", [] { return process_eager.load(); });
  m.def("set_shared_threads", &set_shared_threads, "How many threads work on one op; False once some do.");
  m.def("set_thread_mode", [](int mode) { thread_mode = Mode(mode); }, "-1: as the process, 0: graph, 1: eager.");
}

}  // namespace thalweg::python
