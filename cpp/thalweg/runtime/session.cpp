#include "thalweg/runtime/session.h"

#include <algorithm>
#include <iostream>

#include "thalweg/passes/cse.h"
#include "thalweg/passes/fold.h"
#include "thalweg/passes/fuse.h"
#include "thalweg/passes/place.h"
#include "thalweg/passes/prune.h"
#include "thalweg/passes/simplify.h"
#include "thalweg/runtime/function_call.h"

namespace thalweg {
namespace {

constexpr size_t kMaxOwnPlans = 16;  // per signature: feed shapes that get a plan of their own
constexpr size_t kMaxLayouts = 16;   // of the general plan: further shapes re-plan memory, which is cheap
constexpr size_t kMaxRunners = 256;  // of Session::run

/// Handled by the executor itself, on any device.
bool needs_no_kernel(const Node& n) {
  const std::string& op = n.op().name;
  return op == "Const" || is_variable(n) || op == "_Copy" || op == "NoOp" || n.op().aliased_input >= 0;
}

/// Returns the frame to its layout, emptied, whatever happens.
class FrameLease {
 public:
  FrameLease(const Plan& plan, Layout& layout) : layout_(layout), frame_(layout.ready.exchange(nullptr)) {
    if (frame_) return;
    {
      std::lock_guard lock(layout.mutex);
      if (!layout.idle.empty()) {
        frame_ = layout.idle.back().release();
        layout.idle.pop_back();
      }
    }
    if (!frame_) frame_ = new Frame(plan, layout);
  }
  ~FrameLease() {
    frame_->clear();
    Frame* none = nullptr;
    if (layout_.ready.compare_exchange_strong(none, frame_)) return;
    std::lock_guard lock(layout_.mutex);
    layout_.idle.emplace_back(frame_);
  }
  FrameLease(const FrameLease&) = delete;
  FrameLease& operator=(const FrameLease&) = delete;
  Frame& operator*() const { return *frame_; }

 private:
  Layout& layout_;
  Frame* frame_;
};

}  // namespace

Prepared Runner::prepared(std::span<const Shape> feed_shapes) {
  TW_CHECK(feed_shapes.size() == feeds_.size(), "expected ", feeds_.size(), " feeds, got ", feed_shapes.size());
  auto fits = [&](const Layout& l) { return std::ranges::equal(l.feed_shapes, feed_shapes); };
  std::lock_guard lock(mutex_);
  for (const auto& p : own_) {
    if (!fits(*p->layout)) continue;
    latest_.store(p.get(), std::memory_order_release);
    return *p;
  }
  // A shape that once went to the general plan stays there: a plan of its own that could not be made is not tried
  // again.
  if (general_) {
    auto& layouts = general_->layouts;  // most recently used first
    auto it = std::ranges::find_if(layouts, [&](const auto& l) { return fits(*l); });
    if (it != layouts.end()) {
      layouts.splice(layouts.begin(), layouts, it);
      latest_.store(nullptr, std::memory_order_release);
      return {general_, layouts.front()};
    }
  }
  const std::vector<Shape> shapes(feed_shapes.begin(), feed_shapes.end());
  if (own_.size() < kMaxOwnPlans) {
    try {
      Prepared made;
      made.plan = session_.build(*this, feed_shapes);
      made.layout = make_layout(*made.plan, shapes);
      own_.push_back(std::make_unique<Prepared>(made));
      latest_.store(own_.back().get(), std::memory_order_release);
      return made;
    } catch (const Error&) {
      // The graph cannot take these shapes, or something is missing: the general plan says so in the right place.
    }
  }
  if (!general_) general_ = session_.build(*this, {});
  latest_.store(nullptr, std::memory_order_release);
  general_->layouts.push_front(make_layout(*general_, shapes));
  if (general_->layouts.size() > kMaxLayouts) general_->layouts.pop_back();
  return {general_, general_->layouts.front()};
}

std::vector<StepInfo> Runner::steps(std::span<const Shape> feed_shapes) {
  Prepared p = prepared(feed_shapes);
  return step_infos(*p.plan, *p.layout);
}

MemoryPlan Runner::memory_plan(std::span<const Shape> feed_shapes) {
  Prepared p = prepared(feed_shapes);
  return thalweg::memory_plan(*p.plan, *p.layout);
}

const Prepared& Runner::prepared(std::span<const Tensor> feeds, Prepared& found) {
  TW_CHECK(feeds.size() == feeds_.size(), "expected ", feeds_.size(), " feeds, got ", feeds.size());
  const Prepared* p = latest_.load(std::memory_order_acquire);
  for (size_t i = 0; p && i < feeds.size(); ++i) {
    if (p->layout->feed_shapes[i] != feeds[i].shape()) p = nullptr;
  }
  if (p) return *p;
  std::vector<Shape> shapes;
  for (const Tensor& f : feeds) shapes.push_back(f.shape());
  return found = prepared(shapes);
}

void Runner::call(std::span<Tensor> feeds, std::vector<Tensor>& results, const RunControl& control) {
  Prepared found;
  const Prepared& p = prepared(feeds, found);
  const Plan& plan = *p.plan;
  FrameLease lease(plan, *p.layout);
  Frame& frame = *lease;
  ThreadPool::Active active(p.layout->worth_threads ? session_.pool_ : nullptr);
  for (size_t i = 0; i < feeds.size(); ++i) frame.slots[size_t(plan.feeds[i])] = std::move(feeds[i]);
  RunControl inner;  // its steps are none of the outer run's
  inner.cancelled = &session_.cancelled_;
  inner.deadline_us = control.deadline_us;
  execute(plan, *p.layout, frame, *session_.pool_, inner);
  results.resize(plan.fetches.size());
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    const size_t s = size_t(plan.fetches[i]);
    Tensor& t = frame.slots[s];
    const bool again = std::find(plan.fetches.begin() + long(i) + 1, plan.fetches.end(), int(s)) != plan.fetches.end();
    if (t && t.buffer()->reused()) {  // this frame's arena, or an outer one's that a feed lies in
      results[i] = frame.bound[s] ? t.clone() : t;
    } else if (frame.bound[s] || again) {
      results[i] = t;
    } else {
      results[i] = std::move(t);
    }
  }
}

std::vector<Tensor> Runner::run(std::span<const Tensor> feeds, const RunControl& control) {
  Prepared found;
  const Prepared& p = prepared(feeds, found);
  const Plan& plan = *p.plan;
  FrameLease lease(plan, *p.layout);
  Frame& frame = *lease;
  ThreadPool::Active active(p.layout->worth_threads ? session_.pool_ : nullptr);
  for (size_t i = 0; i < feeds.size(); ++i) frame.slots[size_t(plan.feeds[i])] = feeds[i];
  RunControl with_cancel = control;
  with_cancel.cancelled = &session_.cancelled_;
  execute(plan, *p.layout, frame, *session_.pool_, with_cancel);
  std::vector<Tensor> out;
  out.reserve(plan.fetches.size());
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    size_t s = size_t(plan.fetches[i]);
    bool again = std::find(plan.fetches.begin() + long(i) + 1, plan.fetches.end(), int(s)) != plan.fetches.end();
    Tensor t = frame.bound[s] || again ? frame.slots[s] : std::move(frame.slots[s]);
    bool in_arena = frame.bound[s] && plan.slots[s].kind == SlotKind::Value;
    bool give = shares_results_ ? !in_arena : !again && t.unique();
    out.push_back(give ? std::move(t) : t.clone());
  }
  return out;
}

size_t Runner::arena_bytes() const {
  std::lock_guard lock(mutex_);
  const Prepared* p = latest_.load(std::memory_order_acquire);
  if (!p && (!general_ || general_->layouts.empty())) return 0;  // never run
  const Layout& layout = p ? *p->layout : *general_->layouts.front();
  size_t total = 0;
  for (const auto& [device, bytes] : layout.arena_bytes) total += bytes;
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

std::shared_ptr<Plan> Session::build(const Runner& r, std::span<const Shape> feed_shapes) {
  Program p;
  {
    std::shared_lock lock(r.graph_.mutex());
    p = prune(r.graph_, r.feeds_, r.fetches_, r.targets_, {feed_shapes, options_.optimize});
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
      std::lock_guard lock(log_mutex_);
      if (!r.graph_.find(n.name()) || !logged_.insert(r.path_ + n.name()).second) return;
      std::cerr << r.path_ << n.name() << ": (" << n.op().name << "): " << d.name() << "\n";
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
  if (options_.optimize) {
    simplify(p);
    fuse(p, fuse_options());
  }
  insert_copies(p, place);
  PlanOptions options;
  options.optimize = options_.optimize;
  options.path = r.path_;
  options.functions = [&](const Node& n) { return std::make_unique<SessionFunctions>(*this, n, r.path_); };
  return make_plan(std::move(p), library_.kernels, state_, options);
}

FuseOptions Session::fuse_options() const {
  FuseOptions o;
  o.row_loop = [&](const Node& n) -> RowLoop {
    const KernelEntry* entry = library_.kernels.find(n.op().name, n.device().type, n.attrs());
    if (!entry || calls_functions(n)) return {};
    return entry->make(kernel_init(n, *devices_[0]))->row_loop();
  };
  o.has_kernel = [&](std::string_view op, const Node& n) {
    Attrs type{{"T", n.output(0).dtype}};
    return library_.kernels.find(op, n.device().type, type) != nullptr;
  };
  return o;
}

std::shared_ptr<Runner> Session::prepare(std::vector<Endpoint> feeds, std::vector<Endpoint> fetches,
                                         std::vector<Node*> targets) {
  for (const Endpoint& e : feeds) TW_CHECK(e && &e.node->graph() == &graph_, "a feed is not an element of this graph");
  for (const Endpoint& e : fetches)
    TW_CHECK(e && &e.node->graph() == &graph_, "a fetch is not an element of this graph");
  return std::shared_ptr<Runner>(new Runner(*this, graph_, std::move(feeds), std::move(fetches), std::move(targets)));
}

std::shared_ptr<Runner> Session::prepare_function(const GraphFunction& f, std::vector<Endpoint> fetches,
                                                  std::string path) {
  return std::shared_ptr<Runner>(new Runner(*this, *f.graph, f.inputs, std::move(fetches), f.targets, std::move(path)));
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
