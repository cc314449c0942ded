// Optimizer steps: Apply checks and runs a rule of rules.h over whole variables in one pass; UpdateGroup makes one step
// of several.
#include "thalweg/kernels/training.h"

#include <algorithm>
#include <memory>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/packet.h"
#include "thalweg/kernels/rules.h"
#include "thalweg/kernels/update.h"

namespace thalweg::kernels {
namespace {

template <class Rule, class T>
class Apply final : public UpdateKernel {
 public:
  explicit Apply(const KernelInit& init) : rule_(init) {
    for (const ArgDef& a : init.op.inputs) names_.push_back(a.name);
    TW_ASSERT(names_.size() <= UpdateStep::kMaxInputs);
  }

  int vars() const override { return kVars; }
  int inputs() const override { return int(names_.size()); }
  double cost() const override { return 0.05 * double(sizeof(T)) * kVars; }

  UpdateStep prepare(KernelContext& k, int first) const override {
    UpdateStep s;
    s.vars = kVars;
    const Shape& shape = initialized(k.variable(first)).shape();
    for (int i = 0; i < kVars; ++i) {
      Variable& v = k.variable(first + i);
      s.variable[size_t(i)] = &v;
      check_shape(shape, i, initialized(v).shape());
    }
    check_shape(shape, kGrad, k.in(first + kGrad).shape());
    for (int i = kVars; i < inputs(); ++i) {
      if (i == kGrad) continue;
      const Tensor& t = k.in(first + i);
      TW_CHECK(t.rank() == 0, names_[size_t(i)], " is not a scalar: ", t.shape());
      s.scalar[size_t(i)] = double(Compute<T>(*t.ptr<T>()));
    }
    s.gradient = k.in<T>(first + kGrad);
    s.size = shape.size();
    for (size_t i = 0; i < size_t(kVars); ++i) {
      Updated<T> u(*s.variable[i]);
      s.from[i] = u.from;
      s.to[i] = u.to;
      s.fresh[i] = u.take_fresh();
    }
    return s;
  }

  void run(const UpdateStep& s, int64_t begin, int64_t end) const override {
    using C = Compute<T>;
    std::array<C, UpdateStep::kMaxInputs> scalar;
    std::ranges::transform(s.scalar, scalar.begin(), [](double x) { return C(x); });
    auto step = rule_.step(scalar);
    const T* g = static_cast<const T*>(s.gradient);
    std::array<const T*, size_t(kVars)> from;
    std::array<T*, size_t(kVars)> to;
    for (size_t v = 0; v < size_t(kVars); ++v) {
      from[v] = static_cast<const T*>(s.from[v]);
      to[v] = static_cast<T*>(s.to[v]);
    }
    if constexpr (std::same_as<T, C>) {
      update<C>(from, to, g, step, begin, end);
    } else {  // 16-bit storage: a piece at a time in float
      constexpr int64_t kPiece = 256;
      C x[size_t(kVars)][kPiece], slope[kPiece];
      std::array<const C*, size_t(kVars)> old;
      std::array<C*, size_t(kVars)> fresh;
      for (size_t v = 0; v < size_t(kVars); ++v) old[v] = fresh[v] = x[v];
      for (int64_t i = begin; i < end; i += kPiece) {
        int64_t n = std::min(kPiece, end - i);
        for (size_t v = 0; v < size_t(kVars); ++v) convert(from[v] + i, x[v], n);
        convert(g + i, slope, n);
        update<C>(old, fresh, slope, step, 0, n);
        for (size_t v = 0; v < size_t(kVars); ++v) convert(x[v], to[v] + i, n);
      }
    }
  }

 private:
  static constexpr int kVars = Rule::kVars, kGrad = Rule::kGrad;

  template <class C>
  static void update(const std::array<const C*, size_t(kVars)>& from, const std::array<C*, size_t(kVars)>& to,
                     const C* g, const auto& step, int64_t begin, int64_t end) {
    // Elements do not depend on one another even where `from` and `to` are one memory.
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      C x[size_t(kVars)];
      for (size_t v = 0; v < size_t(kVars); ++v) x[v] = from[v][i];
      step(x, g[i]);
      for (size_t v = 0; v < size_t(kVars); ++v) to[v][i] = x[v];
    }
  }

  void check_shape(const Shape& var, int i, const Shape& other) const {
    TW_CHECK(var == other, names_[0], " and ", names_[size_t(i)], " do not have the same shape", var, " ", other);
  }

  Rule rule_;
  std::vector<std::string> names_;
};

/// Objects in a node's scratch memory.
template <class X>
class ScratchArray {
 public:
  ScratchArray(KernelContext& k, size_t count) : data_(k.scratch<X>(int64_t(count))), count_(count) {
    std::uninitialized_value_construct_n(data_, count);
  }
  ~ScratchArray() { std::destroy_n(data_, count_); }
  ScratchArray(const ScratchArray&) = delete;
  ScratchArray& operator=(const ScratchArray&) = delete;
  std::span<X> all() { return {data_, count_}; }

 private:
  X* data_;
  size_t count_;
};

// A piece of the loop ends at a multiple of this many elements of a variable, wherever threads share the loop out:
// whole packets, whole cache lines.
constexpr int64_t kBlock = 64;
int64_t blocks(const UpdateStep& s) { return (s.size + kBlock - 1) / kBlock; }

/// Blocks [begin, end) of all the steps laid end to end.
void run_blocks(std::span<const UpdateKernel* const> kernels, std::span<const UpdateStep> steps, int64_t begin,
                int64_t end) {
  for (size_t i = 0; i < steps.size() && end > 0; ++i) {
    int64_t count = blocks(steps[i]), from = std::max<int64_t>(begin, 0), to = std::min(end, count);
    if (from < to) kernels[i]->run(steps[i], from * kBlock, std::min(to * kBlock, steps[i].size));
    begin -= count;
    end -= count;
  }
}

/// The members as one step: the inputs of each follow those of the one before. All variables change or none. No
/// variable occurs in two members.
class UpdateGroup {
 public:
  explicit UpdateGroup(const KernelInit& init) {
    for (const FusedMember& m : init.members) {
      members_.push_back(std::dynamic_pointer_cast<UpdateKernel>(m.kernel));
      TW_ASSERT(members_.back());
      kernels_.push_back(members_.back().get());
      nodes_.push_back(m.node);
      variables_ += size_t(kernels_.back()->vars());
      cost_ = std::max(cost_, kernels_.back()->cost());
    }
  }

  void operator()(KernelContext& k) const {
    ScratchArray<Variable*> locked(k, variables_);
    auto next = locked.all().begin();
    int first = 0;
    for (const UpdateKernel* u : kernels_) {
      for (int i = 0; i < u->vars(); ++i) *next++ = &k.variable(first + i);
      first += u->inputs();
    }
    VariableLocks locks(locked.all());
    ScratchArray<UpdateStep> steps(k, kernels_.size());
    first = 0;
    int64_t total = 0;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      try {
        steps.all()[i] = kernels_[i]->prepare(k, first);
      } catch (Error& e) {
        e.set_node(nodes_[i]);
        throw;
      }
      first += kernels_[i]->inputs();
      total += blocks(steps.all()[i]);
    }
    k.parallel_for(total, cost_ * kBlock,
                   [&](int64_t begin, int64_t end) { run_blocks(kernels_, steps.all(), begin, end); });
    for (UpdateStep& s : steps.all()) s.commit();
  }

 private:
  std::vector<std::shared_ptr<UpdateKernel>> members_;
  std::vector<const UpdateKernel*> kernels_;
  std::vector<std::string> nodes_;
  size_t variables_ = 0;
  double cost_ = 0;
};

}  // namespace

void UpdateKernel::compute(KernelContext& k) {
  VariableLocks locks(k, vars());
  UpdateStep step = prepare(k, 0);
  const UpdateKernel* self = this;
  k.parallel_for(blocks(step), cost() * kBlock,
                 [&](int64_t begin, int64_t end) { run_blocks({&self, 1}, {&step, 1}, begin, end); });
  step.commit();
}

void register_training(KernelRegistry& r) {
  r.add<UpdateGroup>("_UpdateGroup", kCpu);
  rules::for_each_rule([&]<class Rule>(std::string_view op) {
    for_each_dtype<kFloating>([&]<class T>() {
      KernelEntry e{std::string(op), std::string(kCpu), "T", dtype_of<T>, {}, {}, {}};
      e.make = [](const KernelInit& init) -> std::unique_ptr<Kernel> { return std::make_unique<Apply<Rule, T>>(init); };
      r.add(std::move(e));
    });
  });
}

}  // namespace thalweg::kernels
