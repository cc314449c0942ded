#include "thalweg/runtime/frame.h"

namespace thalweg {

Frame::Frame(const Plan& plan, const Layout& layout) : slots(plan.slots.size()), bound(plan.slots.size()) {
  std::map<Device*, BufferRef> arenas;
  for (const auto& [device, bytes] : layout.arena_bytes) arenas[device] = BufferRef::allocate(bytes, *device);
  for (size_t s = 0; s < slots.size(); ++s) {
    const Slot& slot = plan.slots[s];
    const Layout::Place& place = layout.places[s];
    if (slot.kind == SlotKind::Constant) {
      slots[s] = slot.constant;
    } else if (place.offset >= 0) {
      slots[s] = Tensor(slot.dtype, place.shape, arenas[slot.device], size_t(place.offset));
    } else {
      continue;
    }
    bound[s] = true;
  }
  for (const Step& step : plan.steps) {
    first_in.push_back(in.size());
    first_out.push_back(out.size());
    for (int s : step.in) in.push_back(&slots[size_t(s)]);
    for (int s : step.out) out.push_back(&slots[size_t(s)]);
  }
}

void Frame::clear() {
  for (size_t s = 0; s < slots.size(); ++s) {
    if (!bound[s] && slots[s]) slots[s] = Tensor();
  }
}

}  // namespace thalweg
