#include "thalweg/runtime/executor.h"

#include <chrono>
#include <new>

namespace thalweg {
namespace {

int64_t steady_ns() {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace)
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

class Run final : public KernelHost {
 public:
  Run(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control)
      : plan_(plan), layout_(layout), frame_(frame), pool_(pool), control_(control) {}

  void run() {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      step_ = &plan_.steps[i];
      index_ = i;
      try {
        if (control_.cancelled && control_.cancelled->load(std::memory_order_relaxed)) [[unlikely]] {
          TW_FAIL(Cancelled, "the run was cancelled");
        }
        if (control_.deadline_us && steady_ns() / 1000 > control_.deadline_us) [[unlikely]] {
          TW_FAIL(DeadlineExceeded, "Timed out: the run took longer than timeout_in_ms allows");
        }
        if (i < control_.times.size()) [[unlikely]] {
          timed();
        } else {
          step();
        }
      } catch (Error& e) {
        e.set_node(step_->node->name());
        if (!step_->node->site().empty()) e.note(str("[[", step_->node->name(), "]] created at ", step_->node->site()));
        throw;
      } catch (const std::bad_alloc&) {
        Error e(Code::ResourceExhausted, str(step_->node->op().name, ": out of memory"));
        e.set_node(step_->node->name());
        throw e;
      }
    }
  }

  // KernelHost
  Tensor& allocate(int output, const Shape& shape) override {
    size_t s = size_t(step_->out[size_t(output)]);
    Tensor& t = frame_.slots[s];
    if (frame_.bound[s]) {
      TW_CHECK(t.shape() == shape, step_->node->op().name, ": inference said output ", output, " has shape ", t.shape(),
               " but the kernel makes ", shape);
      return t;
    }
    t = Tensor(plan_.slots[s].dtype, shape, *plan_.slots[s].device);
    return t;
  }
  void give(int output, Tensor value) override {
    size_t s = size_t(step_->out[size_t(output)]);
    if (!frame_.bound[s]) {
      frame_.slots[s] = std::move(value);
      return;
    }
    Tensor& t = allocate(output, value.shape());
    if (value.bytes() && !value.shares_memory(t)) t.device().copy(t.data(), value.data(), value.bytes());
  }
  void* scratch(size_t bytes) override {
    if (frame_.scratch.size() == scratch_used_) frame_.scratch.emplace_back();
    BufferRef& b = frame_.scratch[scratch_used_++];
    if (!b || b->bytes() < bytes || &b->device() != step_->device) b = BufferRef::allocate(bytes, *step_->device);
    return b->data();
  }
  Variable& variable(int input) override {
    Variable* v = plan_.slots[size_t(step_->in[size_t(input)])].variable;
    TW_ASSERT(v);
    return *v;
  }
  bool cancelled() const override { return control_.cancelled && control_.cancelled->load(std::memory_order_relaxed); }

 private:
  void step() {
    const Step& s = *step_;
    for (int r : s.ref_reads) read_variable(size_t(s.in[size_t(r)]));
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
    for (int f : s.frees) {
      if (!frame_.bound[size_t(f)]) frame_.slots[size_t(f)] = Tensor();
    }
  }

  void read_variable(size_t slot) {
    Variable& v = *plan_.slots[slot].variable;
    std::lock_guard lock(v.mutex);
    if (!v.value) TW_FAIL(FailedPrecondition, "Attempting to use uninitialized value ", v.name);
    // Places and static shapes were laid out for the declared shape.
    if (const auto& place = layout_.places[slot]; place.known && !(place.shape == v.value.shape())) {
      TW_FAIL(Unimplemented, "variable ", v.name, " was declared with shape ", place.shape,
              " and given a value of shape ", v.value.shape(),
              "; declare it with validate_shape=False to change its shape");
    }
    frame_.slots[slot] = v.value;
  }

  void alias() {
    size_t out = size_t(step_->out[0]);
    if (frame_.bound[out]) return;  // shares its source's place in the arena
    if (plan_.slots[out].variable) return;
    const Tensor& in = frame_.slots[size_t(step_->in[size_t(step_->node->op().aliased_input)])];
    if (!layout_.static_step[index_]) infer();
    Shape shape = layout_.static_step[index_] ? layout_.places[out].shape : inferred_[0];
    if (DType t = plan_.slots[out].dtype; t == in.dtype()) {
      frame_.slots[out] = in.reshaped(shape);
    } else {  // Bitcast
      auto offset = static_cast<const char*>(in.data()) - static_cast<const char*>(in.buffer()->data());
      frame_.slots[out] = Tensor(t, shape, in.buffer(), size_t(offset));
    }
    // From here on only the new name counts: with it gone, a writer may work in place.
  }

  void copy() {
    const Tensor& in = frame_.slots[size_t(step_->in[0])];
    size_t out = size_t(step_->out[0]);
    if (!frame_.bound[out]) {
      frame_.slots[out] = in.copy_to(*step_->device);
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
    const Step& s = *step_;
    bool is_static = layout_.static_step[index_];
    if (!is_static) infer();
    for (size_t o = 0; o < s.out.size(); ++o) {
      size_t slot = size_t(s.out[o]);
      if (frame_.bound[slot] || plan_.slots[slot].variable) continue;
      if (is_static) {
        frame_.slots[slot] = Tensor(plan_.slots[slot].dtype, layout_.places[slot].shape, *plan_.slots[slot].device);
      } else if (inferred_known_[o]) {
        frame_.slots[slot] = Tensor(plan_.slots[slot].dtype, inferred_[o], *plan_.slots[slot].device);
      }
    }
    scratch_used_ = 0;
    KernelContext k(frame_.in.data() + frame_.first_in[index_], int(s.in.size()),
                    frame_.out.data() + frame_.first_out[index_], int(s.out.size()), *this, *s.device, pool_);
    s.kernel->compute(k);
  }

  /// Shapes of this step's outputs from the actual inputs.
  void infer() {
    const Step& s = *step_;
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

  /// One look at the clock a step: each begins where the one before ended.
  void timed() {
    int64_t start = index_ == 0 ? steady_ns() : control_.times[index_ - 1].end_ns;
    step();
    step_->device->synchronize();
    control_.times[index_] = {start, steady_ns()};
  }

  const Plan& plan_;
  const Layout& layout_;
  Frame& frame_;
  ThreadPool& pool_;
  const RunControl& control_;
  const Step* step_ = nullptr;
  size_t index_ = 0, scratch_used_ = 0;
  std::vector<Shape> inferred_;
  std::vector<char> inferred_known_;
};

/// The host of a kernel that runs alone.
class Alone final : public KernelHost {
 public:
  Alone(std::vector<Tensor>& out, const std::vector<OutputInfo>& info) : out_(out), info_(info) {}
  Tensor& allocate(int output, const Shape& shape) override {
    return out_[size_t(output)] = Tensor(info_[size_t(output)].dtype, shape);
  }
  void give(int output, Tensor value) override { out_[size_t(output)] = std::move(value); }
  void* scratch(size_t bytes) override { return scratch_.emplace_back(BufferRef::allocate(bytes))->data(); }
  Variable& variable(int) override { TW_FAIL(Internal, "no variables outside a session"); }
  bool cancelled() const override { return false; }

 private:
  std::vector<Tensor>& out_;
  const std::vector<OutputInfo>& info_;
  std::vector<BufferRef> scratch_;
};

}  // namespace

void execute(const Plan& plan, const Layout& layout, Frame& frame, ThreadPool& pool, const RunControl& control) {
  Run(plan, layout, frame, pool, control).run();
}

std::vector<Tensor> evaluate_node(const Node& n, std::span<const Tensor> in, const KernelRegistry& kernels,
                                  ThreadPool& pool) {
  const KernelEntry* entry = kernels.find(n.op().name, kCpu, n.attrs());
  if (!entry) TW_FAIL(Unimplemented, kernels.explain(n.op().name, kCpu, n.attrs()));
  KernelInit init{n.op(), n.attrs(), n.name(), {}, {}, &cpu_device()};
  std::vector<InferInput> facts;
  std::vector<const Tensor*> in_ptrs;
  for (const Tensor& t : in) {
    init.input_dtypes.push_back(t.dtype());
    facts.push_back({t.shape(), t.dtype(), &t, nullptr});
    in_ptrs.push_back(&t);
  }
  for (const OutputInfo& o : n.outputs()) init.output_dtypes.push_back(o.dtype);
  auto shapes = infer_node(n.op(), n.attrs(), facts, n.outputs().size(), true);
  std::vector<Tensor> out(n.outputs().size());
  std::vector<Tensor*> out_ptrs;
  for (size_t i = 0; i < out.size(); ++i) {
    if (shapes[i].shape.fully_known()) out[i] = Tensor(n.output(int(i)).dtype, shapes[i].shape.shape());
    out_ptrs.push_back(&out[i]);
  }
  Alone host(out, n.outputs());
  KernelContext k(in_ptrs.data(), int(in.size()), out_ptrs.data(), int(out.size()), host, cpu_device(), pool);
  entry->make(init)->compute(k);
  return out;
}

}  // namespace thalweg
