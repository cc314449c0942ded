#include "thalweg/runtime/session.h"

#include <algorithm>
#include <iostream>

#include "thalweg/passes/cse.h"
#include "thalweg/passes/fold.h"
#include "thalweg/passes/place.h"
#include "thalweg/passes/prune.h"

namespace thalweg {
namespace {

constexpr size_t kMaxLayouts = 16;   // per plan: programs with more feed shapes re-plan memory, which is cheap
constexpr size_t kMaxRunners = 256;  // of Session::run

/// Handled by the executor itself, on any device.
bool needs_no_kernel(const Node& n) {
  const std::string& op = n.op().name;
  return op == "Const" || is_variable(n) || op == "_Copy" || op == "NoOp" || n.op().aliased_input >= 0;
}

/// Returns the frame to its layout, emptied, whatever happens.
class FrameLease {
 public:
  FrameLease(const Plan& plan, Layout& layout) : layout_(layout) {
    {
      std::lock_guard lock(layout.mutex);
      if (!layout.idle.empty()) {
        frame_ = std::move(layout.idle.back());
        layout.idle.pop_back();
      }
    }
    if (!frame_) frame_ = std::make_unique<Frame>(plan, layout);
  }
  ~FrameLease() {
    frame_->clear();
    std::lock_guard lock(layout_.mutex);
    layout_.idle.push_back(std::move(frame_));
  }
  FrameLease(const FrameLease&) = delete;
  FrameLease& operator=(const FrameLease&) = delete;
  Frame& operator*() const { return *frame_; }

 private:
  Layout& layout_;
  std::unique_ptr<Frame> frame_;
};

}  // namespace

std::shared_ptr<Plan> Runner::plan() {
  std::lock_guard lock(mutex_);
  if (!plan_) plan_ = session_.build(*this);
  return plan_;
}

std::shared_ptr<Layout> Runner::layout(Plan& plan, std::vector<Shape> feed_shapes) {
  auto fits = [&](const std::shared_ptr<Layout>& l) { return l->feed_shapes == feed_shapes; };
  std::lock_guard lock(plan.mutex);
  auto it = std::ranges::find_if(plan.layouts, fits);
  if (it != plan.layouts.end()) {
    if (it != plan.layouts.begin()) plan.layouts.splice(plan.layouts.begin(), plan.layouts, it);
    return plan.layouts.front();
  }
  plan.layouts.push_front(make_layout(plan, feed_shapes));
  if (plan.layouts.size() > kMaxLayouts) plan.layouts.pop_back();
  return plan.layouts.front();
}

std::vector<Tensor> Runner::run(std::span<const Tensor> feeds, const RunControl& control) {
  TW_CHECK(feeds.size() == feeds_.size(), "expected ", feeds_.size(), " feeds, got ", feeds.size());
  std::shared_ptr<Plan> plan = this->plan();
  std::vector<Shape> shapes;
  for (const Tensor& f : feeds) shapes.push_back(f.shape());
  std::shared_ptr<Layout> layout = this->layout(*plan, std::move(shapes));
  FrameLease lease(*plan, *layout);
  Frame& frame = *lease;
  for (size_t i = 0; i < feeds.size(); ++i) frame.slots[size_t(plan->feeds[i])] = feeds[i];
  RunControl with_cancel = control;
  with_cancel.cancelled = &session_.cancelled_;
  execute(*plan, *layout, frame, *session_.pool_, with_cancel);
  std::vector<Tensor> out;
  out.reserve(plan->fetches.size());
  for (size_t i = 0; i < plan->fetches.size(); ++i) {
    size_t s = size_t(plan->fetches[i]);
    bool again = std::find(plan->fetches.begin() + long(i) + 1, plan->fetches.end(), int(s)) != plan->fetches.end();
    Tensor t = frame.bound[s] || again ? frame.slots[s] : std::move(frame.slots[s]);
    out.push_back(!again && t.unique() ? std::move(t) : t.clone());
  }
  return out;
}

std::vector<StepInfo> Runner::steps(std::span<const Shape> feed_shapes) {
  std::shared_ptr<Plan> plan = this->plan();
  return step_infos(*plan, *layout(*plan, {feed_shapes.begin(), feed_shapes.end()}));
}

MemoryPlan Runner::memory_plan(std::span<const Shape> feed_shapes) {
  std::shared_ptr<Plan> plan = this->plan();
  return thalweg::memory_plan(*plan, *layout(*plan, {feed_shapes.begin(), feed_shapes.end()}));
}

size_t Runner::arena_bytes() const {
  if (!plan_) return 0;
  std::lock_guard lock(plan_->mutex);
  size_t total = 0;
  if (!plan_->layouts.empty()) {
    for (const auto& [device, bytes] : plan_->layouts.front()->arena_bytes) total += bytes;
  }
  return total;
}

Session::Session(const Graph& graph, const Library& library, SessionOptions options)
    : graph_(graph), library_(library), options_(options), homes_(graph, library.kernels) {
  for (int i = 0; i < std::max(options.cpu_devices, 1); ++i) devices_.push_back(&cpu_device(i));
  int gpus = 0;
  for (const auto& d : library.devices) {
    if (options.gpu_devices < 0 || gpus < options.gpu_devices) {
      devices_.push_back(d.get());
      ++gpus;
    }
  }
  if (options.threads > 0) own_pool_ = std::make_unique<ThreadPool>(options.threads);
  pool_ = own_pool_ ? own_pool_.get() : &ThreadPool::shared();
}

Session::~Session() = default;

std::shared_ptr<Plan> Session::build(const Runner& r) {
  Program p;
  {
    std::shared_lock lock(graph_.mutex());
    p = prune(graph_, r.feeds_, r.fetches_, r.targets_);
  }
  PlaceOptions place;
  place.devices = devices_;
  place.soft = options_.allow_soft_placement;
  place.has_kernel = [&](const Node& n, const Device& d) {
    if (!needs_no_kernel(n)) return library_.kernels.find(n.op().name, d.type(), n.attrs()) != nullptr;
    auto fits = [&](const OutputInfo& o) { return d.host_memory() || kPlain.has(o.dtype); };
    return std::ranges::all_of(n.outputs(), fits) && (!is_variable(n) || homes_.allows(n, d));
  };
  place.host_input = [&](const Node& n, int i) {
    const KernelEntry* k = library_.kernels.find(n.op().name, n.device().type, n.attrs());
    return k && std::ranges::find(k->host_inputs, i) != k->host_inputs.end();
  };
  if (options_.log_device_placement) {
    place.log = [&](const Node& n, const Device& d) {
      const Node* original = graph_.find(n.name());
      std::lock_guard lock(log_mutex_);
      size_t id = original ? size_t(original->id()) : 0;
      if (logged_.size() <= id) logged_.resize(id + 1);
      if (!original || std::exchange(logged_[id], 1)) return;
      std::cerr << n.name() << ": (" << n.op().name << "): " << d.name() << "\n";
    };
  }
  assign_devices(p, place);
  homes_.keep(p);
  if (options_.optimize) {
    eliminate_common_subexpressions(p);
    fold(p, [&](const Node& n, std::span<const Tensor> in) -> std::optional<std::vector<Tensor>> {
      try {
        return evaluate_node(n, in, library_.kernels, *pool_);
      } catch (const Error&) {
        return std::nullopt;
      }
    });
  }
  insert_copies(p, place);
  return make_plan(std::move(p), library_.kernels, state_);
}

std::shared_ptr<Runner> Session::prepare(std::vector<Endpoint> feeds, std::vector<Endpoint> fetches,
                                         std::vector<Node*> targets) {
  for (const Endpoint& e : feeds) TW_CHECK(e && &e.node->graph() == &graph_, "a feed is not an element of this graph");
  for (const Endpoint& e : fetches)
    TW_CHECK(e && &e.node->graph() == &graph_, "a fetch is not an element of this graph");
  return std::shared_ptr<Runner>(new Runner(*this, std::move(feeds), std::move(fetches), std::move(targets)));
}

std::vector<Tensor> Session::run(const std::vector<std::pair<Out, Tensor>>& feeds, const Outs& fetches,
                                 const Outs& targets) {
  std::vector<Endpoint> in, out;
  std::vector<Node*> run;
  std::vector<Tensor> values;
  for (const auto& [key, value] : feeds) {
    TW_CHECK(value.dtype() == key.dtype() && key.shape().compatible(value.shape()), "Cannot feed ", value, " for '",
             key.node().name(), "', which is ", key.dtype(), key.shape());
    in.push_back(key.endpoint());
    values.push_back(value);
  }
  for (const Out& f : fetches) out.push_back(f.endpoint());
  for (const Out& t : targets) run.push_back(&t.node());
  std::shared_ptr<Runner> runner;
  {
    std::lock_guard lock(mutex_);
    auto same = [&](const auto& r) { return r->feeds_ == in && r->fetches_ == out && r->targets_ == run; };
    auto it = std::ranges::find_if(runners_, same);
    if (it != runners_.end()) {
      runner = *it;
    } else {
      runner = prepare(in, out, run);
      if (runners_.size() >= kMaxRunners) runners_.erase(runners_.begin());
      runners_.push_back(runner);
    }
  }
  return runner->run(values);
}

}  // namespace thalweg
