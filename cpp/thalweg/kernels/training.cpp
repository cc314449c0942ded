// Optimizer steps: Apply checks and runs a rule of rules.h over whole variables in one pass, SparseApply over some of
// their rows; UpdateGroup makes one step of several.
#include "thalweg/kernels/training.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/indices.h"
#include "thalweg/kernels/packet.h"
#include "thalweg/kernels/rules.h"
#include "thalweg/kernels/update.h"
#include "thalweg/kernels/weight_gradient.h"

namespace thalweg::kernels {
namespace {

using Names = std::vector<std::string>;

/// The inputs' names in the order that rules count them: IndexedSlices are one gradient.
Names names_of(const OpDef& op) {
  Names names;
  for (const ArgDef& a : op.inputs) {
    if (a.name != "indices") names.push_back(a.name);
  }
  TW_ASSERT(names.size() <= UpdateStep::kMaxInputs);
  return names;
}

/// The positions of a node's inputs, one after the other.
constexpr auto kInOrder = [] {
  std::array<int, UpdateStep::kMaxInputs> at;
  std::iota(at.begin(), at.end(), 0);
  return at;
}();

/// A step over the variables at these inputs, which have one shape. The caller holds their locks.
UpdateStep step_over(KernelContext& k, std::span<const int> vars, const Names& names) {
  UpdateStep s;
  s.vars = int(vars.size());
  const Shape& shape = initialized(k.variable(vars[0])).shape();
  s.size = shape.size();
  for (size_t i = 0; i < vars.size(); ++i) {
    s.variable[i] = &k.variable(vars[i]);
    const Shape& other = initialized(*s.variable[i]).shape();
    TW_CHECK(shape == other, names[0], " and ", names[i], " do not have the same shape", shape, " ", other);
  }
  return s;
}

template <class T>
double scalar_value(const Tensor& t, const std::string& name) {
  TW_CHECK(t.rank() == 0, name, " is not a scalar: ", t.shape());
  return double(Compute<T>(*t.ptr<T>()));
}

template <class T>
void take_memory(UpdateStep& s) {
  for (size_t i = 0; i < size_t(s.vars); ++i) {
    Updated<T> u(*s.variable[i]);
    s.from[i] = u.from;
    s.to[i] = u.to;
    s.fresh[i] = u.take_fresh();
  }
}

/// A rule as a loop over elements.
template <class Rule, class T>
class Loop {
 public:
  static constexpr size_t kVars = size_t(Rule::kVars);
  using From = std::array<const T*, kVars>;
  using To = std::array<T*, kVars>;

  Loop(const Rule& rule, const UpdateStep& s) : step_(rule.step(scalars(s))) {}

  /// Elements [begin, end).
  void operator()(const From& from, const To& to, const T* g, int64_t begin, int64_t end) const {
    if constexpr (std::same_as<T, C>) {
      update(from, to, g, begin, end);
    } else {  // 16-bit storage: a piece at a time in float
      constexpr int64_t kPiece = 256;
      C x[kVars][kPiece], slope[kPiece];
      std::array<const C*, kVars> old;
      std::array<C*, kVars> fresh;
      for (size_t v = 0; v < kVars; ++v) old[v] = fresh[v] = x[v];
      for (int64_t i = begin; i < end; i += kPiece) {
        int64_t n = std::min(kPiece, end - i);
        for (size_t v = 0; v < kVars; ++v) convert(from[v] + i, x[v], n);
        convert(g + i, slope, n);
        update(old, fresh, slope, 0, n);
        for (size_t v = 0; v < kVars; ++v) convert(x[v], to[v] + i, n);
      }
    }
  }

 private:
  using C = Compute<T>;

  static std::array<C, UpdateStep::kMaxInputs> scalars(const UpdateStep& s) {
    std::array<C, UpdateStep::kMaxInputs> out;
    std::ranges::transform(s.scalar, out.begin(), [](double x) { return C(x); });
    return out;
  }

  void update(const std::array<const C*, kVars>& from, const std::array<C*, kVars>& to, const C* g, int64_t begin,
              int64_t end) const {
    // Elements do not depend on one another even where `from` and `to` are one memory.
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      C x[kVars];
      for (size_t v = 0; v < kVars; ++v) x[v] = from[v][i];
      step_(x, g[i]);
      for (size_t v = 0; v < kVars; ++v) to[v][i] = x[v];
    }
  }

  decltype(std::declval<Rule>().step(std::declval<std::array<C, UpdateStep::kMaxInputs>>())) step_;
};

template <class Rule, class T>
class Apply final : public UpdateKernel {
 public:
  explicit Apply(const KernelInit& init) : rule_(init), names_(names_of(init.op)) {}

  int vars() const override { return Rule::kVars; }
  int inputs() const override { return int(names_.size()); }
  int gradient() const override { return Rule::kGrad; }
  double cost() const override { return 0.05 * double(sizeof(T)) * Rule::kVars; }

  UpdateStep prepare(KernelContext& k, std::span<const int> at, const UpdateGradient& gradient) const override {
    UpdateStep s = step_over(k, at.first(Rule::kVars), names_);
    const Shape& shape = s.variable[0]->value.shape();
    for (int i = vars(); i < inputs(); ++i) {
      if (i != Rule::kGrad) s.scalar[size_t(i)] = scalar_value<T>(k.in(at[size_t(i)]), names_[size_t(i)]);
    }
    TW_CHECK(shape == gradient.shape, names_[0], " and ", names_[Rule::kGrad], " do not have the same shape", shape,
             " ", gradient.shape);
    s.gradient = gradient.data;
    take_memory<T>(s);
    return s;
  }

  void run(const UpdateStep& s, int64_t begin, int64_t end) const override {
    run_block(s, begin, end, static_cast<const T*>(s.gradient) + begin);
  }

  void run_block(const UpdateStep& s, int64_t begin, int64_t end, const void* gradient) const override {
    typename Loop<Rule, T>::From from;
    typename Loop<Rule, T>::To to;
    for (size_t v = 0; v < from.size(); ++v) {
      from[v] = static_cast<const T*>(s.from[v]) + begin;
      to[v] = static_cast<T*>(s.to[v]) + begin;
    }
    Loop<Rule, T>(rule_, s)(from, to, static_cast<const T*>(gradient), 0, end - begin);
  }

 private:
  Rule rule_;
  Names names_;
};

/// The rule on the rows that `indices`, the input after the gradient, names; others and their slots stay as they are.
/// A row that is named twice takes two steps, in this order.
template <class Rule, class T>
class SparseApply final : public Kernel {
 public:
  explicit SparseApply(const KernelInit& init) : rule_(init), names_(names_of(init.op)) {}

  void compute(KernelContext& k) override {
    VariableLocks locks(k, Rule::kVars);
    UpdateStep s = step_over(k, std::span(kInOrder).first(Rule::kVars), names_);
    for (int i = Rule::kVars; i < int(names_.size()); ++i) {
      if (i != Rule::kGrad) s.scalar[size_t(i)] = scalar_value<T>(k.in(i > Rule::kGrad ? i + 1 : i), names_[size_t(i)]);
    }
    const Indices at(k.in(Rule::kGrad + 1));
    const Shape& shape = s.variable[0]->value.shape();
    check_rows(shape, k.in(Rule::kGrad).shape(), at);
    take_memory<T>(s);
    for (size_t v = 0; v < kVars; ++v) {
      if (s.fresh[v]) std::copy_n(static_cast<const T*>(s.from[v]), s.size, static_cast<T*>(s.to[v]));
    }
    const int64_t width = at.size ? s.size / shape[0] : 0;
    const T* g = k.in<T>(Rule::kGrad);
    Loop<Rule, T> loop(rule_, s);
    // By columns, so that threads need not know which rows are named twice.
    k.parallel_for(width, 0.05 * double(sizeof(T)) * double(kVars) * double(at.size), [&](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < at.size; ++i) {
        typename Loop<Rule, T>::From from;
        typename Loop<Rule, T>::To to;
        for (size_t v = 0; v < kVars; ++v) from[v] = to[v] = static_cast<T*>(s.to[v]) + at[i] * width;
        loop(from, to, g + i * width, begin, end);
      }
    });
    s.commit();
  }

 private:
  static constexpr size_t kVars = size_t(Rule::kVars);

  static void check_rows(const Shape& var, const Shape& grad, const Indices& at) {
    TW_CHECK(var.rank() >= 1, "var must be at least 1-dimensional, got shape ", var);
    TW_CHECK(at.shape.rank() == 1, "indices must be one-dimensional, got shape ", at.shape);
    TW_CHECK(grad.rank() == var.rank() && std::ranges::equal(grad.dims().subspan(1), var.dims().subspan(1)) &&
                 grad[0] == at.size,
             "grad must have a row of the shape of var's for each index, got var ", var, ", grad ", grad, ", indices ",
             at.shape);
    for (int64_t i = 0; i < at.size; ++i) {
      TW_CHECK(at[i] >= 0 && at[i] < var[0], "Index ", at[i], " at offset ", i, " in indices is out of range [0, ",
               var[0], ")");
    }
  }

  Rule rule_;
  Names names_;
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

/// A gradient that comes in blocks of its rows, on its way into the variable's update.
struct BlockUpdate {
  const UpdateKernel& kernel;
  const UpdateStep& step;
  int64_t columns;

  Finish finish() const {
    return {[](const void* context, const void* block, int64_t row, int64_t rows, int64_t col, int64_t cols) {
              static_cast<const BlockUpdate*>(context)->take(static_cast<const char*>(block), row, rows, col, cols);
            },
            this, false, step.from.data(), step.vars};
  }

 private:
  void take(const char* block, int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    const auto size = int64_t(size_of(step.variable[0]->dtype));
    for_each_stretch(columns, row, rows, col, cols, [&](int64_t begin, int64_t end, int64_t at) {
      kernel.run_block(step, begin, end, block + at * size);
    });
  }
};

/// Updates as one step: all variables change or none. No variable occurs in two of them. Weight gradients that come
/// before them are made for one each.
class UpdateGroup {
 public:
  explicit UpdateGroup(const KernelInit& init) {
    const int inputs = count_inputs(init.members);
    for (const FusedMember& m : init.members) {
      if (auto made = std::dynamic_pointer_cast<WeightGradient>(m.kernel)) {
        gradients_.push_back({std::move(made), m.node, m.operands});
        continue;
      }
      auto kernel = std::dynamic_pointer_cast<UpdateKernel>(m.kernel);
      TW_ASSERT(kernel);
      const int made = m.operands[size_t(kernel->gradient())] - inputs;
      variables_ += size_t(kernel->vars());
      cost_ = std::max(cost_, kernel->cost());
      updates_.push_back({std::move(kernel), m.node, m.operands, made});
    }
    // Those whose gradients are inputs come first: one loop runs over them.
    std::ranges::stable_partition(updates_, [](const Update& u) { return u.made < 0; });
    for (const Update& u : updates_) {
      if (u.made < 0) whole_.push_back(u.kernel.get());
    }
  }

  void operator()(KernelContext& k) const {
    ScratchArray<Variable*> locked(k, variables_);
    auto next = locked.all().begin();
    for (const Update& u : updates_) {
      for (int i = 0; i < u.kernel->vars(); ++i) *next++ = &k.variable(u.operands[size_t(i)]);
    }
    VariableLocks locks(locked.all());
    ScratchArray<UpdateStep> steps(k, updates_.size());
    ScratchArray<void*> reserved(k, gradients_.size());
    int64_t total = 0;
    for (size_t i = 0; i < updates_.size(); ++i) {
      const Update& u = updates_[i];
      steps.all()[i] =
          u.made < 0 ? prepare(k, u) : prepare(k, u, gradients_[size_t(u.made)], reserved.all()[size_t(u.made)]);
      if (u.made < 0) total += blocks(steps.all()[i]);
    }
    for (size_t i = whole_.size(); i < updates_.size(); ++i) {
      const Update& u = updates_[i];
      const Gradient& g = gradients_[size_t(u.made)];
      const UpdateStep& step = steps.all()[i];
      const BlockUpdate update{*u.kernel, step, step.variable[0]->value.dim(1)};
      g.kernel->make(k, k.in(g.operands[0]), k.in(g.operands[1]), reserved.all()[size_t(u.made)], update.finish());
    }
    k.parallel_for(total, cost_ * kBlock, [&](int64_t begin, int64_t end) {
      run_blocks(whole_, steps.all().first(whole_.size()), begin, end);
    });
    for (UpdateStep& s : steps.all()) s.commit();
  }

 private:
  struct Update {
    std::shared_ptr<UpdateKernel> kernel;
    std::string node;
    std::vector<int> operands;  // positions among the inputs
    int made;                   // its gradient, by number; negative: an input
  };
  struct Gradient {
    std::shared_ptr<WeightGradient> kernel;
    std::string node;
    std::vector<int> operands;
  };

  /// The node's: operands from here on are results of members, of which each is read once.
  static int count_inputs(std::span<const FusedMember> members) {
    int count = 0;
    for (const FusedMember& m : members) {
      count += int(m.operands.size()) - int(dynamic_cast<const WeightGradient*>(m.kernel.get()) != nullptr);
    }
    return count;
  }

  /// Errors name the node among the group's that they are about.
  template <class F>
  static auto named(const std::string& node, F&& f) {
    try {
      return f();
    } catch (Error& e) {
      e.set_node(node);
      throw;
    }
  }

  static UpdateStep prepare(KernelContext& k, const Update& u) {
    const Tensor& gradient = k.in(u.operands[size_t(u.kernel->gradient())]);
    return named(u.node, [&] { return u.kernel->prepare(k, u.operands, {gradient.shape(), gradient.data()}); });
  }

  static UpdateStep prepare(KernelContext& k, const Update& u, const Gradient& g, void*& reserved) {
    const Tensor &x = k.in(g.operands[0]), &dy = k.in(g.operands[1]);
    const Shape shape = named(g.node, [&] { return g.kernel->shape(x, dy); });
    reserved = g.kernel->reserve(k, x, dy);
    return named(u.node, [&] { return u.kernel->prepare(k, u.operands, {shape}); });
  }

  std::vector<Gradient> gradients_;
  std::vector<Update> updates_;
  std::vector<const UpdateKernel*> whole_;
  size_t variables_ = 0;
  double cost_ = 0;
};

}  // namespace

void UpdateKernel::compute(KernelContext& k) {
  VariableLocks locks(k, vars());
  const Tensor& g = k.in(gradient());
  UpdateStep step = prepare(k, std::span(kInOrder).first(size_t(inputs())), {g.shape(), g.data()});
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
      r.add(e);
      if constexpr (Rule::kSparse) {
        e.op = "Sparse" + e.op;
        e.make = [](const KernelInit& init) -> std::unique_ptr<Kernel> {
          return std::make_unique<SparseApply<Rule, T>>(init);
        };
        r.add(std::move(e));
      }
    });
  });
}

}  // namespace thalweg::kernels
