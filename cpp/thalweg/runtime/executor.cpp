#include "thalweg/runtime/executor.h"

#include <chrono>
#include <new>

#include "thalweg/runtime/loose_host.h"

namespace thalweg {
namespace {

int64_t steady_ns() {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace)
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

class Run final : public KernelHost {
 public:
  Run(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control)
      : plan_(plan),
        layout_(layout),
        frame_(frame),
        pool_(pool),
        control_(control),
        watched_(control.deadline_us || !control.times.empty()) {}

  void run() {
    try {
      for (const Frame::Work& w : frame_.work) {
        work_ = &w;
        if (control_.cancelled->load(std::memory_order_relaxed)) [[unlikely]] {
          TW_FAIL(Cancelled, "the run was cancelled");
        }
        if (watched_) [[unlikely]] {
          watch();
        } else {
          step();
        }
      }
    } catch (Error& e) {
      e.set_node(now().node->name());
      const Node* n = plan_.program.graph->find(e.node());  // of a group, the member at fault
      if (n && !n->site().empty()) e.note(str("[[", n->name(), "]] created at ", n->site()));
      throw;
    } catch (const std::bad_alloc&) {
      Error e(Code::ResourceExhausted, str(now().node->op().name, ": out of memory"));
      e.set_node(now().node->name());
      throw e;
    }
  }

  // KernelHost
  Tensor& allocate(int output, const Shape& shape) override {
    size_t s = size_t(now().out[size_t(output)]);
    Tensor& t = frame_.slots[s];
    if (frame_.bound[s]) {
      TW_CHECK(t.shape() == shape, now().node->op().name, ": inference said output ", output, " has shape ", t.shape(),
               " but the kernel makes ", shape);
      return t;
    }
    t = Tensor(plan_.slots[s].dtype, shape, *plan_.slots[s].device);
    return t;
  }
  void give(int output, Tensor value) override {
    size_t s = size_t(now().out[size_t(output)]);
    if (!frame_.bound[s]) {
      if (const auto& place = layout_.places[s]; place.known && !(place.shape == value.shape())) {
        TW_FAIL(InvalidArgument, now().node->op().name, ": output ", output, " was to have shape ", place.shape,
                " but has ", value.shape());
      }
      frame_.slots[s] = value && value.buffer()->reused() ? value.clone() : std::move(value);
      return;
    }
    Tensor& t = allocate(output, value.shape());
    if (value.bytes() && !value.shares_memory(t)) t.device().copy(t.data(), value.data(), value.bytes());
  }
  void* scratch(size_t bytes) override {
    if (frame_.scratch.size() == scratch_used_) frame_.scratch.emplace_back();
    BufferRef& b = frame_.scratch[scratch_used_++];
    if (!b || b->bytes() < bytes || &b->device() != work_->device) b = BufferRef::allocate(bytes, *work_->device);
    return b->data();
  }
  Variable& variable(int input) override {
    Variable* v = plan_.slots[size_t(now().in[size_t(input)])].variable;
    TW_ASSERT(v);
    return *v;
  }
  bool cancelled() const override { return control_.cancelled->load(std::memory_order_relaxed); }
  Tensor release(int input, const Tensor& value) override {
    const Step& s = now();
    size_t slot = size_t(s.in[size_t(input)]);
    if (frame_.bound[slot] || s.gives_up.empty() || !s.gives_up[size_t(input)]) return value;
    return std::move(frame_.slots[slot]);
  }
  const RunControl* control() const override { return &control_; }

 private:
  const Step& now() const { return plan_.steps[size_t(work_->step)]; }
  bool is_static() const { return layout_.static_step[size_t(work_->step)]; }

  void step() {
    switch (work_->kind) {
      case Frame::Work::Kind::Ready:
        compute();
        break;
      case Frame::Work::Kind::Variable:
        read_variable(size_t(now().in[0]), frame_.slots[size_t(now().out[0])]);
        break;
      case Frame::Work::Kind::General:
        general();
        break;
    }
    for (int i = work_->first_free, end = i + work_->frees; i < end; ++i) {
      frame_.slots[size_t(frame_.frees[size_t(i)])] = Tensor();
    }
  }

  void general() {
    const Step& s = now();
    for (int r : s.ref_reads) {
      size_t slot = size_t(s.in[size_t(r)]);
      read_variable(slot, frame_.slots[slot]);
    }
    switch (s.kind) {
      case Step::Kind::Alias:
        alias();
        break;
      case Step::Kind::Copy:
        copy();
        break;
      case Step::Kind::Kernel:
        kernel();
        break;
    }
    for (int r : s.ref_reads) frame_.slots[size_t(s.in[size_t(r)])] = Tensor();
  }

  void read_variable(size_t slot, Tensor& to) {
    Variable& v = *plan_.slots[slot].variable;
    std::lock_guard lock(v.mutex);
    if (!v.value) TW_FAIL(FailedPrecondition, "Attempting to use uninitialized value ", v.name);
    // Places and static shapes were laid out for the declared shape.
    if (const auto& place = layout_.places[slot]; place.known && !(place.shape == v.value.shape())) {
      TW_FAIL(Unimplemented, "variable ", v.name, " was declared with shape ", place.shape,
              " and given a value of shape ", v.value.shape(),
              "; declare it with validate_shape=False to change its shape");
    }
    to = v.value;
  }

  void alias() {
    const Step& s = now();
    size_t out = size_t(s.out[0]);
    if (frame_.bound[out] || plan_.slots[out].variable) return;
    const Tensor& in = frame_.slots[size_t(s.in[size_t(s.node->op().aliased_input)])];
    if (!is_static()) infer();
    const Shape& shape = is_static() ? layout_.places[out].shape : inferred_[0];
    frame_.slots[out] = alias_of(in, plan_.slots[out].dtype, shape);
    // From here on only the new name counts: with it gone, a writer may work in place.
  }

  void copy() {
    const Tensor& in = frame_.slots[size_t(now().in[0])];
    size_t out = size_t(now().out[0]);
    if (!frame_.bound[out]) {
      frame_.slots[out] = in.copy_to(*work_->device);
      return;
    }
    Tensor& to = frame_.slots[out];
    Device &a = in.device(), &b = to.device();
    if (a.host_memory()) {
      b.copy_from_host(to.data(), in.data(), in.bytes());
    } else if (b.host_memory()) {
      a.copy_to_host(to.data(), in.data(), in.bytes());
    } else {
      to = in.copy_to(b);
    }
  }

  void kernel() {
    const Step& s = now();
    if (!is_static()) infer();
    for (size_t o = 0; o < s.out.size(); ++o) {
      size_t slot = size_t(s.out[o]);
      if (frame_.bound[slot] || plan_.slots[slot].variable || s.kernel->gives_outputs()) continue;
      if (is_static()) {
        frame_.slots[slot] = Tensor(plan_.slots[slot].dtype, layout_.places[slot].shape, *plan_.slots[slot].device);
      } else if (inferred_known_[o]) {
        frame_.slots[slot] = Tensor(plan_.slots[slot].dtype, inferred_[o], *plan_.slots[slot].device);
      }
    }
    compute();
    if (s.kernel->gives_outputs()) return;  // those that are read
    for (int slot : s.out) TW_ASSERT(frame_.slots[size_t(slot)] || plan_.slots[size_t(slot)].variable);
  }

  void compute() {
    scratch_used_ = 0;
    KernelContext k(work_->in, work_->inputs, work_->out, work_->outputs, *this, *work_->device, pool_);
    work_->kernel->compute(k);
  }

  /// Shapes of this step's outputs from the actual inputs.
  void infer() {
    const Step& s = now();
    std::vector<InferInput> in;
    std::vector<Tensor> host;  // keeps copies of device values alive
    host.reserve(s.in.size());
    for (int slot : s.in) {
      const Slot& info = plan_.slots[size_t(slot)];
      const Tensor& t = frame_.slots[size_t(slot)];
      if (!t && info.variable) {
        in.push_back({info.variable->shape, info.dtype, nullptr, nullptr});
      } else if (t.device().host_memory()) {
        in.push_back({t.shape(), t.dtype(), &t, nullptr});
      } else {
        host.push_back(kIndex.has(t.dtype()) && t.size() <= kMaxValues ? t.copy_to(cpu_device()) : Tensor());
        in.push_back({t.shape(), t.dtype(), host.back() ? &host.back() : nullptr, nullptr});
      }
    }
    auto out = infer_node(s.node->op(), s.node->attrs(), in, s.out.size(), true);
    inferred_.assign(s.out.size(), Shape());
    inferred_known_.assign(s.out.size(), 0);
    for (size_t o = 0; o < out.size(); ++o) {
      if (!out[o].shape.fully_known()) continue;
      inferred_[o] = out[o].shape.shape();
      inferred_known_[o] = 1;
    }
  }

  /// A step with an eye on the clock.
  void watch() {
    if (control_.deadline_us && steady_ns() / 1000 > control_.deadline_us) {
      TW_FAIL(DeadlineExceeded, "Timed out: the run took longer than timeout_in_ms allows");
    }
    if (control_.times.empty()) return step();
    // One look at the clock a step: each begins where the one before ended.
    int64_t start = last_ns_ ? last_ns_ : steady_ns();
    step();
    work_->device->synchronize();
    last_ns_ = steady_ns();
    control_.times[size_t(work_->step)] = {start, last_ns_};
  }

  const Plan& plan_;
  const Layout& layout_;
  Frame& frame_;
  ThreadPool& pool_;
  const RunControl& control_;
  const bool watched_;
  const Frame::Work* work_ = nullptr;
  size_t scratch_used_ = 0;
  int64_t last_ns_ = 0;
  std::vector<Shape> inferred_;
  std::vector<char> inferred_known_;
};

}  // namespace

void execute(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control) {
  Run(plan, layout, frame, pool, control).run();
}

std::vector<Tensor> evaluate_node(const Node& n, std::span<const Tensor> in, const KernelRegistry& kernels,
                                  ThreadPool& pool) {
  const KernelEntry* entry = kernels.find(n.op().name, kCpu, n.attrs());
  if (!entry) TW_FAIL(Unimplemented, kernels.explain(n.op().name, kCpu, n.attrs()));
  KernelInit init = kernel_init(n, cpu_device());
  std::vector<InferInput> facts;
  std::vector<const Tensor*> in_ptrs;
  for (const Tensor& t : in) {
    facts.push_back({t.shape(), t.dtype(), &t, nullptr});
    in_ptrs.push_back(&t);
  }
  auto shapes = infer_node(n.op(), n.attrs(), facts, n.outputs().size(), true);
  std::vector<Tensor> out(n.outputs().size());
  std::vector<Tensor*> out_ptrs;
  for (size_t i = 0; i < out.size(); ++i) {
    if (shapes[i].shape.fully_known()) out[i] = Tensor(n.output(int(i)).dtype, shapes[i].shape.shape());
    out_ptrs.push_back(&out[i]);
  }
  LooseHost host(n, cpu_device(), out.data());
  KernelContext k(in_ptrs.data(), int(in.size()), out_ptrs.data(), int(out.size()), host, cpu_device(), pool);
  entry->make(init)->compute(k);
  return out;
}

}  // namespace thalweg
