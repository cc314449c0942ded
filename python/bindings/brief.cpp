#include "brief.h"

#include <algorithm>

#include "library.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

constexpr int64_t kBriefBytes = 32 << 10, kBriefFlops = 32 << 10;  // a few microseconds at most
constexpr size_t kBriefSteps = 24;

/// May a run of these steps keep the interpreter lock? Only one that is over sooner than others would notice, and in
/// which nothing waits.
bool is_brief(const std::vector<StepInfo>& steps) {
  int64_t bytes = 0, flops = 0;
  for (const StepInfo& s : steps) {
    const OpDef* op = library().ops.find(s.op);
    bool variable = s.op == "VariableV2" || s.op == "Variable" || s.op.starts_with("Assign");
    bool calls = op && std::ranges::any_of(op->attrs, [](const AttrDef& a) {
                   return a.kind == AttrKind::Func || a.kind == AttrKind::Funcs;
                 });
    if (!op || calls || (op->is_stateful && !variable) || s.device.find(":CPU:") == s.device.npos) return false;
    bytes += s.input_bytes + s.output_bytes;
    flops += s.flops;
  }
  return steps.size() <= kBriefSteps && bytes <= kBriefBytes && flops <= kBriefFlops;
}

}  // namespace

bool Brief::operator()(std::span<const Tensor> feeds) const {
  return brief_ && std::ranges::equal(shapes_, feeds, {}, {}, &Tensor::shape);
}

void Brief::learn(Runner& runner, std::span<const Tensor> feeds) {
  if (learned_ && (!brief_ || std::ranges::equal(shapes_, feeds, {}, {}, &Tensor::shape))) return;
  brief_ = false;
  if (std::exchange(learned_, true)) return;
  for (const Tensor& f : feeds) shapes_.push_back(f.shape());
  std::vector<StepInfo> steps;
  {
    // Planning may call Python functions in the graph, on another thread that waits for the lock.
    Unlocked unlocked;
    steps = runner.steps(shapes_);
  }
  brief_ = is_brief(steps);
}

}  // namespace thalweg::python
