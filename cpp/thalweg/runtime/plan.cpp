#include "thalweg/runtime/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "thalweg/runtime/layout.h"
#include "thalweg/runtime/variable_homes.h"

namespace thalweg {

Variable& SessionState::variable(const Node& n) {
  std::string name = variable_name(n);
  std::lock_guard lock(mutex);
  auto& v = variables[name];
  if (!v) {
    v = std::make_shared<Variable>();
    v->name = name;
    v->dtype = n.output(0).dtype;
    v->shape = n.output(0).shape;
  }
  TW_CHECK(v->dtype == n.output(0).dtype, n.name(), ": variable '", name, "' is ", v->dtype, ", not ",
           n.output(0).dtype);
  return *v;
}

void SessionState::bind(const std::string& name, std::shared_ptr<Variable> v) {
  std::lock_guard lock(mutex);
  variables[name] = std::move(v);
}

namespace {

class Planner {
 public:
  Planner(Program program, const KernelRegistry& kernels, SessionState& state, const PlanOptions& options)
      : plan_(std::make_shared<Plan>()), kernels_(kernels), state_(state), options_(options) {
    plan_->program = std::move(program);
  }

  std::shared_ptr<Plan> run() {
    std::vector<Node*> order = schedule(plan_->program);
    for (const Endpoint& f : plan_->program.fetches) read_.insert({f.node, f.index});
    for (Node* n : order) {
      for (const Endpoint& e : n->inputs()) read_.insert({e.node, e.index});
    }
    for (Node* n : order) add(*n);
    for (const Endpoint& f : plan_->program.feeds) plan_->feeds.push_back(feed_slot(f));
    for (const Endpoint& f : plan_->program.fetches) {
      plan_->fetches.push_back(slot(f));
      plan_->slots[size_t(slot(f))].fetched = true;
    }
    if (options_.optimize) group_updates();
    find_frees();
    return plan_;
  }

 private:
  Device* device(const Node& n) const { return plan_->program.devices[size_t(n.id())]; }

  int new_slot(const Node& n, int output) {
    Slot s;
    s.dtype = n.output(output).dtype;
    s.device = device(n);
    plan_->slots.push_back(std::move(s));
    slot_of_[{&n, output}] = int(plan_->slots.size()) - 1;
    return int(plan_->slots.size()) - 1;
  }
  int slot(const Endpoint& e) const { return slot_of_.at({e.node, e.index}); }
  int feed_slot(const Endpoint& e) {
    auto it = slot_of_.find({e.node, e.index});
    int s = it == slot_of_.end() ? new_slot(*e.node, e.index) : it->second;  // fed, and used by nobody
    plan_->slots[size_t(s)].kind = SlotKind::Feed;
    return s;
  }
  bool is_feed(const Node& n) const {
    return std::ranges::any_of(plan_->program.feeds, [&](const Endpoint& f) { return f.node == &n; });
  }

  void add(const Node& n) {
    std::vector<int> out;
    for (size_t i = 0; i < n.outputs().size(); ++i) out.push_back(new_slot(n, int(i)));
    const std::string& op = n.op().name;
    if (is_feed(n)) return;
    if (op == "Const") {
      Slot& s = plan_->slots[size_t(out[0])];
      s.kind = SlotKind::Constant;
      const Tensor& value = n.attr<Tensor>("value");
      s.constant = device(n)->host_memory() ? value : value.copy_to(*device(n));
      return;
    }
    if (is_variable(n)) {
      Slot& s = plan_->slots[size_t(out[0])];
      s.kind = SlotKind::Variable;
      s.variable = &state_.variable(n);
      return;
    }
    if (op == "NoOp" || (n.outputs().empty() && n.inputs().empty() && !n.op().is_stateful)) return;
    Step step;
    step.node = &n;
    step.device = device(n);
    step.out = out;
    for (size_t i = 0; i < n.inputs().size(); ++i) {
      int s = slot(n.inputs()[i]);
      step.in.push_back(s);
      const Slot& source = plan_->slots[size_t(s)];
      if (source.variable && !takes_ref(n, i)) step.ref_reads.push_back(int(i));
      if (takes_ref(n, i)) TW_ASSERT(source.variable);
    }
    for (size_t i = 0; i < out.size(); ++i) {
      if (!n.output(int(i)).is_ref) continue;
      Slot& s = plan_->slots[size_t(out[i])];  // a reference to the variable that came in
      s.kind = SlotKind::Variable;
      s.variable = plan_->slots[size_t(step.in[0])].variable;
    }
    if (op == "_Copy") {
      step.kind = Step::Kind::Copy;
    } else if (n.op().aliased_input >= 0) {
      step.kind = Step::Kind::Alias;
    } else {
      step.kernel = kernel(n);
    }
    plan_->steps.push_back(std::move(step));
  }

  /// Whether flat input i of n is declared `ref`.
  static bool takes_ref(const Node& n, size_t i) {
    const auto& args = n.op().inputs;
    if (std::ranges::none_of(args, &ArgDef::is_ref)) return false;
    // Ops with references have no list inputs before them.
    return i < args.size() && args[i].is_ref;
  }

  Kernel* kernel(const Node& n) {
    std::string key = options_.path + n.name() + "\n" + n.op().name;
    const bool calls = calls_functions(n);  // its state is that of the functions
    if (n.op().is_stateful && !calls) {
      std::lock_guard lock(state_.mutex);
      if (auto it = state_.stateful_kernels.find(key); it != state_.stateful_kernels.end()) return keep(it->second);
    }
    const KernelEntry* entry = kernels_.find(n.op().name, device(n)->type(), n.attrs());
    if (!entry) {
      Error e(Code::Unimplemented, kernels_.explain(n.op().name, device(n)->type(), n.attrs()));
      e.set_node(n.name());
      throw e;
    }
    KernelInit init = kernel_init(n, *device(n));
    for (const Endpoint& e : n.inputs()) init.constants.push_back(plan_->slots[size_t(slot(e))].constant);
    std::vector<FusedMember> members = this->members(n);
    init.members = members;
    std::unique_ptr<FunctionSource> functions;
    if (calls) {
      TW_ASSERT(options_.functions);
      functions = options_.functions(n);
      init.functions = functions.get();
      for (size_t i = 0; i < n.outputs().size(); ++i) init.read.push_back(read_.contains({&n, int(i)}));
    }
    std::shared_ptr<Kernel> made;
    try {
      made = entry->make(init);
    } catch (Error& e) {
      e.set_node(n.name());
      throw;
    }
    if (n.op().is_stateful && !calls) {
      std::lock_guard lock(state_.mutex);
      made = state_.stateful_kernels.try_emplace(key, made).first->second;
    }
    return keep(made);
  }

  /// The kernels of the nodes that n stands for.
  std::vector<FusedMember> members(const Node& n) {
    std::vector<FusedMember> out;
    if (!n.attrs().has("members")) return out;
    for (const FusedNode& f : plan_->program.fused[size_t(n.attr<int64_t>("members"))]) {
      const KernelEntry* entry = kernels_.find(f.op->name, device(n)->type(), f.attrs);
      TW_ASSERT(entry);
      KernelInit init{*f.op, f.attrs, f.name, f.input_dtypes, {f.dtype}, device(n)};
      out.push_back({entry->make(init), f.name, f.operands, f.dtype});
    }
    return out;
  }

  Kernel* keep(std::shared_ptr<Kernel> k) {
    plan_->kernels.push_back(std::move(k));
    return plan_->kernels.back().get();
  }

  /// Runs of updates of different variables become one step each: they change together or not at all, in one loop. What
  /// makes a gradient for nobody else becomes part of that step.
  void group_updates() {
    std::map<int, size_t> maker;  // by slot: the step of a weight gradient, which one update alone reads
    auto& steps = plan_->steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].node->op().name == "_WeightGradient") maker[steps[i].out[0]] = i;
    }
    std::vector<Step> grouped;
    std::vector<size_t> place;  // of a step in `grouped`
    std::set<size_t> taken;     // of `grouped`, into a group
    for (size_t i = 0; i < steps.size();) {
      size_t end = i + 1;
      std::vector<Step> members;
      if (updates(steps[i])) {
        std::set<const Variable*> changed;
        std::set<int> made(steps[i].out.begin(), steps[i].out.end());
        auto joins = [&](const Step& s) {
          auto is_new = [&](int in) { return !made.contains(in); };
          return updates(s) && s.device == steps[i].device && std::ranges::all_of(s.in, is_new) &&
                 std::ranges::none_of(variables(s), [&](const Variable* v) { return changed.contains(v); });
        };
        for (const Variable* v : variables(steps[i])) changed.insert(v);
        for (; end < steps.size() && joins(steps[end]); ++end) {
          for (const Variable* v : variables(steps[end])) changed.insert(v);
          made.insert(steps[end].out.begin(), steps[end].out.end());
        }
        for (size_t u = i; u < end; ++u) {
          for (int in : steps[u].in) {
            auto found = maker.find(in);
            if (found == maker.end()) continue;
            members.push_back(grouped[place[found->second]]);
            taken.insert(place[found->second]);
          }
        }
      }
      place.resize(end, grouped.size());
      members.insert(members.end(), steps.begin() + int64_t(i), steps.begin() + int64_t(end));
      grouped.push_back(members.size() > 1 ? group(members) : std::move(members[0]));
      i = end;
    }
    steps.clear();
    for (size_t i = 0; i < grouped.size(); ++i) {
      if (!taken.contains(i)) steps.push_back(std::move(grouped[i]));
    }
  }

  bool updates(const Step& s) const { return s.kernel && s.kernel->is_update() && s.ref_reads.empty(); }

  /// The variables behind a step's references.
  std::vector<const Variable*> variables(const Step& s) const {
    std::vector<const Variable*> out;
    for (int in : s.in) {
      if (const Variable* v = plan_->slots[size_t(in)].variable) out.push_back(v);
    }
    return out;
  }

  /// Weight gradients first, then the updates.
  Step group(std::span<const Step> steps) {
    const Step& update = *std::ranges::find_if(steps, [&](const Step& s) { return updates(s); });
    const KernelEntry* entry = kernels_.find("_UpdateGroup", update.device->type(), update.node->attrs());
    TW_ASSERT(entry);
    Step made = update;
    made.in.clear();
    made.out.clear();
    std::map<int, int> results;  // slots that members make for others, by member
    for (const Step& s : steps) {
      if (updates(s)) {
        made.out.insert(made.out.end(), s.out.begin(), s.out.end());
      } else {
        results[s.out[0]] = int(results.size());
      }
      for (int in : s.in) {
        if (!results.contains(in)) made.in.push_back(in);
      }
    }
    std::vector<FusedMember> members;
    int next = 0;
    for (const Step& s : steps) {
      auto owner = std::ranges::find(plan_->kernels, s.kernel, &std::shared_ptr<Kernel>::get);
      std::vector<int> operands;
      for (int in : s.in) {
        auto result = results.find(in);
        operands.push_back(result == results.end() ? next++ : int(made.in.size()) + result->second);
      }
      members.push_back({*owner, s.node->name(), operands, DType::invalid});
      made.group.push_back({s.node, std::move(operands)});
    }
    KernelInit init = kernel_init(*update.node, *update.device);
    init.members = members;
    made.kernel = keep(entry->make(init));
    return made;
  }

  /// A value slot is freed after the last step that touches it; fetched slots live on.
  void find_frees() {
    std::vector<int> last(plan_->slots.size(), -1);
    for (size_t i = 0; i < plan_->steps.size(); ++i) {
      for (int s : plan_->steps[i].in) last[size_t(s)] = int(i);
      for (int s : plan_->steps[i].out) last[size_t(s)] = int(i);
    }
    for (size_t s = 0; s < last.size(); ++s) {
      const Slot& slot = plan_->slots[s];
      // A list that was fed is given up too: who holds it alone changes it in place.
      if (last[s] >= 0 && !slot.fetched &&
          (slot.kind == SlotKind::Value || (slot.kind == SlotKind::Feed && slot.dtype == DType::variant))) {
        plan_->steps[size_t(last[s])].frees.push_back(int(s));
      }
    }
    for (Step& step : plan_->steps) {
      for (int s : step.in) {
        step.gives_up.push_back(std::ranges::find(step.frees, s) != step.frees.end() &&
                                std::ranges::count(step.in, s) == 1);
      }
    }
  }

  std::shared_ptr<Plan> plan_;
  const KernelRegistry& kernels_;
  SessionState& state_;
  const PlanOptions& options_;
  std::set<std::pair<const Node*, int>> read_;
  std::map<std::pair<const Node*, int>, int> slot_of_;
};

}  // namespace

KernelInit kernel_init(const Node& n, Device& device) {
  KernelInit init{n.op(), n.attrs(), n.name()};
  for (const Endpoint& e : n.inputs()) {
    init.input_dtypes.push_back(e.node->output(e.index).dtype);
    init.input_shapes.push_back(e.node->output(e.index).shape);
  }
  for (const OutputInfo& o : n.outputs()) init.output_dtypes.push_back(o.dtype);
  init.device = &device;
  return init;
}

std::shared_ptr<Plan> make_plan(Program program, const KernelRegistry& kernels, SessionState& state,
                                const PlanOptions& options) {
  return Planner(std::move(program), kernels, state, options).run();
}

}  // namespace thalweg
