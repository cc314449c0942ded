#include "thalweg/runtime/memory_plan.h"

#include <algorithm>
#include <unordered_set>

namespace thalweg {

MemoryPlan memory_plan(const Plan& plan, const Layout& layout) {
  MemoryPlan m;
  m.steps = int(plan.steps.size());
  for (const auto& [device, bytes] : layout.arena_bytes) m.arena_bytes += int64_t(bytes);

  const size_t slots = plan.slots.size();
  std::vector<std::string> names(slots);
  std::vector<int> first(slots, -1), last(slots, -1);
  for (int i = 0; i < m.steps; ++i) {
    const Step& step = plan.steps[size_t(i)];
    for (int s : step.in) last[size_t(s)] = i;
    for (size_t o = 0; o < step.out.size(); ++o) {
      auto s = size_t(step.out[o]);
      names[s] = str(step.node->name(), ":", o);
      first[s] = i;
      last[s] = std::max(last[s], i);
    }
  }
  for (int s : plan.fetches) last[size_t(s)] = m.steps;
  for (size_t s = 0; s < slots; ++s) {
    if (plan.slots[s].variable) names[s] = plan.slots[s].variable->name;
  }

  auto bytes = [&](size_t s) {
    const Layout::Place& place = layout.places[s];
    return place.known ? place.shape.size() * int64_t(size_of(plan.slots[s].dtype)) : 0;
  };
  std::unordered_set<const void*> seen;
  std::vector<int64_t> change(size_t(m.steps) + 2);  // of what lies outside the arena, by step
  for (size_t s = 0; s < slots; ++s) {
    const Slot& slot = plan.slots[s];
    const Layout::Place& place = layout.places[s];
    if (slot.kind == SlotKind::Constant) {
      if (seen.insert(slot.constant.data()).second) m.constant_bytes += int64_t(slot.constant.bytes());
    } else if (slot.variable) {
      if (seen.insert(slot.variable).second) m.variable_bytes += bytes(s);
    } else if (slot.kind == SlotKind::Feed) {
      m.feed_bytes += bytes(s);
    } else if (first[s] >= 0) {
      m.complete &= place.known;
      MemoryPlan::Intermediate value{names[s], bytes(s), first[s], last[s], place.offset, ""};
      const Step& maker = plan.steps[size_t(first[s])];
      if (place.root >= 0 && place.root != int(s)) {
        value.shares = names[size_t(place.root)];
      } else if (maker.kind == Step::Kind::Alias) {
        value.shares = names[size_t(maker.in[size_t(maker.node->op().aliased_input)])];
      } else if (place.offset < 0) {
        change[size_t(first[s])] += value.bytes;
        change[size_t(last[s]) + 1] -= value.bytes;
      }
      m.intermediates.push_back(std::move(value));
    }
  }
  std::ranges::stable_sort(m.intermediates, {}, &MemoryPlan::Intermediate::first);
  int64_t held = 0;
  for (int64_t c : change) m.outside_bytes = std::max(m.outside_bytes, held += c);
  return m;
}

}  // namespace thalweg
