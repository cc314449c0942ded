#include "thalweg/runtime/frame.h"

#include <algorithm>

namespace thalweg {

Frame::Frame(const Plan& plan, const Layout& layout) : slots(plan.slots.size()), bound(plan.slots.size()) {
  std::map<Device*, BufferRef> arenas;
  for (const auto& [device, bytes] : layout.arena_bytes) {
    arenas[device] = BufferRef::allocate(bytes, *device);
    arenas[device]->set_reused();
  }
  for (size_t s = 0; s < slots.size(); ++s) {
    const Slot& slot = plan.slots[s];
    const Layout::Place& place = layout.places[s];
    if (slot.kind == SlotKind::Constant) {
      slots[s] = slot.constant;
    } else if (place.offset >= 0) {
      slots[s] = Tensor(slot.dtype, place.shape, arenas[slot.device], size_t(place.offset));
    } else {
      loose_.push_back(int(s));
      continue;
    }
    bound[s] = true;
  }
  size_t inputs = 0, outputs = 0;
  for (const Step& step : plan.steps) {
    inputs += step.in.size();
    outputs += step.out.size();
  }
  in_.reserve(inputs);  // Work points into these
  out_.reserve(outputs);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    auto in_place = [&](int s) { return bound[size_t(s)] || plan.slots[size_t(s)].variable; };
    Work w;
    w.step = int(i);
    w.kernel = step.kernel;
    w.device = step.device;
    w.in = in_.data() + in_.size();
    w.out = out_.data() + out_.size();
    w.inputs = int(step.in.size());
    w.outputs = int(step.out.size());
    for (int s : step.in) in_.push_back(&slots[size_t(s)]);
    for (int s : step.out) out_.push_back(&slots[size_t(s)]);
    w.first_free = int(frees.size());
    for (int s : step.frees) {
      if (!bound[size_t(s)]) frees.push_back(s);
    }
    w.frees = int(frees.size()) - w.first_free;
    if (step.kind == Step::Kind::Alias) {
      size_t out = size_t(step.out[0]), in = size_t(step.in[size_t(step.node->op().aliased_input)]);
      if (in_place(step.out[0]) && step.ref_reads.empty() && w.frees == 0)
        continue;  // its source's place, or a variable
      const auto &from = layout.places[in], &to = layout.places[out];
      bool same = from.known && to.known && from.shape == to.shape && plan.slots[in].dtype == plan.slots[out].dtype;
      if (same && !bound[out] && step.ref_reads.size() == 1 && step.in.size() == 1) w.kind = Work::Kind::Variable;
    } else if (step.kind == Step::Kind::Kernel && layout.static_step[i] && step.ref_reads.empty() &&
               std::ranges::all_of(step.out, in_place)) {
      w.kind = Work::Kind::Ready;
    }
    work.push_back(w);
  }
}

void Frame::clear() {
  for (int s : loose_) {
    if (slots[size_t(s)]) slots[size_t(s)] = Tensor();
  }
}

}  // namespace thalweg
