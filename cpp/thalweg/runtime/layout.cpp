#include "thalweg/runtime/layout.h"

#include <algorithm>
#include <numeric>

#include "thalweg/runtime/cost.h"
#include "thalweg/runtime/frame.h"

namespace thalweg {

Layout::Layout() = default;
Layout::~Layout() { delete ready.load(); }

namespace {

constexpr size_t kAlign = 64;

class Planner {
 public:
  Planner(const Plan& plan, const std::vector<Shape>& feed_shapes)
      : plan_(plan), layout_(std::make_shared<Layout>()), facts_(plan.slots.size()) {
    layout_->feed_shapes = feed_shapes;
    layout_->places.resize(plan.slots.size());
    layout_->static_step.resize(plan.steps.size());
    for (size_t s = 0; s < plan.slots.size(); ++s) {
      const Slot& slot = plan.slots[s];
      layout_->places[s].root = int(s);
      if (slot.kind == SlotKind::Constant)
        facts_[s] = {slot.constant.shape(), slot.dtype, host(slot.constant), nullptr};
      if (slot.kind == SlotKind::Variable) facts_[s].shape = slot.variable->shape;
      facts_[s].dtype = slot.dtype;
    }
    for (size_t i = 0; i < feed_shapes.size(); ++i) facts_[size_t(plan.feeds[i])].shape = feed_shapes[i];
    values_.resize(plan.slots.size());
  }

  std::shared_ptr<Layout> run() {
    for (size_t i = 0; i < plan_.steps.size(); ++i) infer(i);
    for (size_t s = 0; s < plan_.slots.size(); ++s) {
      if (facts_[s].shape.fully_known()) {
        layout_->places[s].known = true;
        layout_->places[s].shape = facts_[s].shape.shape();
      }
    }
    share_memory();
    place();
    // Some 10 us of work: less than waking a worker is worth.
    for (const StepInfo& s : step_infos(plan_, *layout_)) {
      layout_->worth_threads |= s.flops > 200'000 || s.input_bytes + s.output_bytes > 200'000;
    }
    return layout_;
  }

 private:
  static const Tensor* host(const Tensor& t) { return t.device().host_memory() ? &t : nullptr; }

  void infer(size_t i) {
    const Step& step = plan_.steps[i];
    if (step.kind == Step::Kind::Copy) {
      facts_[size_t(step.out[0])].shape = facts_[size_t(step.in[0])].shape;
      layout_->static_step[i] = facts_[size_t(step.out[0])].shape.fully_known();
      return;
    }
    if (!step.group.empty()) {  // makes nothing, and checks when it runs
      layout_->static_step[i] = true;
      return;
    }
    std::vector<InferInput> in;
    for (int s : step.in) in.push_back(facts_[size_t(s)]);
    std::vector<InferOutput> out;
    std::vector<bool> used;
    try {
      out = infer_node(step.node->op(), step.node->attrs(), in, step.out.size(), false, &used);
    } catch (const Error&) {
      layout_->static_step[i] = false;  // the run reports it, at this step, with the shapes it then sees
      return;
    }
    bool known = true;
    for (size_t o = 0; o < step.out.size(); ++o) {
      size_t s = size_t(step.out[o]);
      if (plan_.slots[s].kind == SlotKind::Variable) continue;
      facts_[s].shape = out[o].shape;
      known &= out[o].shape.fully_known();
      if (out[o].values) {
        values_[s] = std::make_unique<Values>(std::move(*out[o].values));
        facts_[s].values = values_[s].get();
      }
    }
    // Inference that saw every input has checked the step; otherwise it checks again when the step runs.
    bool checked = true;
    for (size_t k = 0; k < in.size(); ++k) {
      auto unknown = [&] {
        return !in[k].values || std::ranges::find(*in[k].values, kUnknownValue) != in[k].values->end();
      };
      checked &= in[k].shape.fully_known() && !(used[k] && !in[k].tensor && unknown());
    }
    layout_->static_step[i] = known && checked;
    if (!known) {
      for (int s : step.out) {
        if (plan_.slots[size_t(s)].kind == SlotKind::Value) facts_[size_t(s)].shape = PartialShape();
      }
    }
  }

  size_t bytes(size_t s) const { return size_t(layout_->places[s].shape.size()) * size_of(plan_.slots[s].dtype); }

  /// May this slot's memory lie in the arena? Fetched values leave the run, strings own memory elsewhere.
  bool arena(size_t s) const {
    const Slot& slot = plan_.slots[s];
    return slot.kind == SlotKind::Value && layout_->places[s].known && kPlain.has(slot.dtype) && !escapes_[s];
  }

  void share_memory() {
    size_t slots = plan_.slots.size();
    escapes_.assign(slots, 0);
    for (int s : plan_.fetches)
      escapes_[size_t(s)] = layout_->places[size_t(s)].shape.size() > 1 || !layout_->places[size_t(s)].known;
    // What a kernel gives, and what it may keep, is handed over without a copy.
    for (const Step& step : plan_.steps) {
      if (!step.kernel) continue;
      if (step.kernel->gives_outputs()) {
        for (int s : step.out) escapes_[size_t(s)] = 1;
      }
      if (step.kernel->keeps_inputs()) {
        for (int s : step.in) escapes_[size_t(s)] = 1;
      }
    }
    // What escapes through an alias escapes at its source; so does memory under a name whose shape is not known here,
    // because the arena does not follow that name's lifetime.
    for (size_t i = plan_.steps.size(); i-- > 0;) {
      const Step& step = plan_.steps[i];
      if (step.kind != Step::Kind::Alias) continue;
      if (escapes_[size_t(step.out[0])] || !layout_->places[size_t(step.out[0])].known) {
        escapes_[size_t(step.in[size_t(step.node->op().aliased_input)])] = 1;
      }
    }
    first_.assign(slots, -1);
    last_.assign(slots, -1);
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const Step& step = plan_.steps[i];
      for (int s : step.in) last_[size_t(s)] = int(i);
      for (int s : step.out) {
        first_[size_t(s)] = int(i);
        last_[size_t(s)] = std::max(last_[size_t(s)], int(i));
      }
    }
    for (int s : plan_.fetches) last_[size_t(s)] = int(plan_.steps.size());
    auto& places = layout_->places;
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const Step& step = plan_.steps[i];
      if (step.kind == Step::Kind::Alias) {
        size_t from = size_t(step.in[size_t(step.node->op().aliased_input)]), to = size_t(step.out[0]);
        size_t root = size_t(places[from].root);
        if (arena(root) && places[to].known && plan_.slots[to].kind == SlotKind::Value) {
          places[to].root = int(root);
          last_[root] = std::max(last_[root], last_[to]);
        } else {
          escapes_[to] = 1;  // names memory outside the arena (a feed, a constant): bound when the step runs
        }
      }
    }
    // In place: the output of an elementwise op, or of a kernel that allows it, takes over the memory of an input whose
    // last use this is.
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      const Step& step = plan_.steps[i];
      if (step.kind != Step::Kind::Kernel || step.out.size() != 1) continue;
      size_t out = size_t(step.out[0]);
      if (!arena(out) || places[out].root != int(out) || !layout_->static_step[i]) continue;
      for (size_t k = 0; k < step.in.size(); ++k) {
        const int s = step.in[k];
        size_t root = size_t(find(s));
        if (!step.node->op().is_elementwise && !overwrites(step, int(root))) continue;
        if (!arena(root) || last_[root] != int(i) || bytes(root) != bytes(out) || bytes(size_t(s)) != bytes(out))
          continue;
        if (size_of(plan_.slots[root].dtype) != size_of(plan_.slots[out].dtype)) continue;
        if (plan_.slots[root].device != plan_.slots[out].device) continue;
        merge(root, out);
        break;
      }
    }
  }

  /// Whether the step's kernel allows its output in this memory, whichever of its inputs lie there.
  bool overwrites(const Step& step, int root) const {
    for (size_t k = 0; k < step.in.size(); ++k) {
      if (find(step.in[k]) == root && !step.kernel->overwrites(int(k))) return false;
    }
    return true;
  }

  int find(int s) const {
    while (layout_->places[size_t(s)].root != s) s = layout_->places[size_t(s)].root;
    return s;
  }
  void merge(size_t root, size_t out) {
    layout_->places[out].root = int(root);
    last_[root] = std::max(last_[root], last_[out]);
  }

  void place() {
    struct Block {
      size_t slot, bytes, offset;
      int first, last;
    };
    std::map<Device*, std::vector<Block>> todo;
    for (size_t s = 0; s < plan_.slots.size(); ++s) {
      if (!arena(s) || find(int(s)) != int(s) || first_[s] < 0) continue;
      size_t size = (std::max<size_t>(bytes(s), 1) + kAlign - 1) / kAlign * kAlign;
      todo[plan_.slots[s].device].push_back({s, size, 0, first_[s], last_[s]});
    }
    for (auto& [device, blocks] : todo) {
      std::ranges::stable_sort(blocks, std::ranges::greater{}, &Block::bytes);
      std::vector<const Block*> placed;  // by offset
      for (Block& b : blocks) {
        size_t at = 0;
        for (const Block* p : placed) {
          if (p->last < b.first || b.last < p->first) continue;
          if (at + b.bytes <= p->offset) break;
          at = std::max(at, p->offset + p->bytes);
        }
        b.offset = at;
        placed.insert(std::ranges::upper_bound(placed, at, {}, &Block::offset), &b);
        layout_->places[b.slot].offset = int64_t(at);
        size_t& total = layout_->arena_bytes[device];
        total = std::max(total, at + b.bytes);
      }
    }
    for (size_t s = 0; s < plan_.slots.size(); ++s) {
      int root = find(int(s));
      layout_->places[s].root = root;
      layout_->places[s].offset = layout_->places[size_t(root)].offset;
    }
  }

  const Plan& plan_;
  std::shared_ptr<Layout> layout_;
  std::vector<InferInput> facts_;
  std::vector<std::unique_ptr<Values>> values_;
  std::vector<char> escapes_;
  std::vector<int> first_, last_;
};

}  // namespace

std::shared_ptr<Layout> make_layout(const Plan& plan, const std::vector<Shape>& feed_shapes) {
  return Planner(plan, feed_shapes).run();
}

}  // namespace thalweg
