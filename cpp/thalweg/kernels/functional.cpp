// CPU kernels of the ops that call functions: they choose what is called; the runtime runs it.
#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

FunctionSource& functions(const KernelInit& init) {
  if (!init.functions) TW_FAIL(Unimplemented, init.op.name, ": there are no functions outside a session's run");
  return *init.functions;
}

std::shared_ptr<FunctionCall> function(const KernelInit& init, const char* attr) {
  return functions(init).find(init.attr<FuncName>(attr).name, init.read);
}

/// Calls f with inputs from `first` on and gives its results.
void call(FunctionCall& f, KernelContext& k, int first) {
  std::vector<Tensor> in, out;
  in.reserve(size_t(k.inputs() - first));
  for (int i = first; i < k.inputs(); ++i) in.push_back(k.borrow(i));
  f.call(in, out, k);
  for (int i = 0; i < k.outputs(); ++i) {
    if (out[size_t(i)]) k.set_out(i, std::move(out[size_t(i)]));
  }
}

/// Whether a condition holds, by TensorFlow's rules.
bool holds(const Tensor& t) {
  if (t.rank() > 0) return t.size() > 0;
  if (t.dtype() == DType::string) return !t.item<std::string>().empty();
  bool found = false;
  visit<kNumeric | kBool>(t.dtype(), [&]<class T>() { found = t.item<T>() != T(0); });
  return found;
}

struct If {
  static constexpr bool kGivesOutputs = true;
  std::shared_ptr<FunctionCall> yes, no;
  explicit If(const KernelInit& init) : yes(function(init, "then_branch")), no(function(init, "else_branch")) {}
  void operator()(KernelContext& k) const { call(holds(k.in(0)) ? *yes : *no, k, 1); }
};

struct Case {
  static constexpr bool kGivesOutputs = true;
  std::vector<std::shared_ptr<FunctionCall>> branches;
  explicit Case(const KernelInit& init) {
    for (const FuncName& f : init.attr<FuncNames>("branches")) {
      branches.push_back(functions(init).find(f.name, init.read));
    }
    TW_CHECK(!branches.empty(), init.op.name, ": there are no branches");
  }
  void operator()(KernelContext& k) const {
    int32_t i = k.in<int32_t>(0)[0], n = int32_t(branches.size());
    call(*branches[size_t(i >= 0 && i < n ? i : n - 1)], k, 1);
  }
};

struct Call {
  static constexpr bool kGivesOutputs = true;
  std::shared_ptr<FunctionCall> f;
  explicit Call(const KernelInit& init) : f(function(init, "f")) {}
  void operator()(KernelContext& k) const { call(*f, k, 0); }
};

struct While {
  static constexpr bool kGivesOutputs = true;
  std::shared_ptr<FunctionCall> cond, body;
  std::vector<char> live;  // by variable: read by somebody, or needed to go on
  std::vector<int> asked;  // variables that the condition looks at

  explicit While(const KernelInit& init) {
    FunctionSource& f = functions(init);
    const std::string &cond_name = init.attr<FuncName>("cond").name, &body_name = init.attr<FuncName>("body").name;
    auto cond_needs = f.needs(cond_name), body_needs = f.needs(body_name);
    TW_CHECK(cond_needs.size() == 2, init.op.name, ": cond must have one output");
    live = init.read;
    auto mark = [&](const std::vector<char>& needs) {
      bool fresh = false;
      for (size_t i = 0; i < live.size(); ++i) fresh |= needs[i] && !std::exchange(live[i], 1);
      return fresh;
    };
    for (const auto& needs : cond_needs) mark(needs);
    mark(body_needs.back());
    for (bool again = true; again;) {
      again = false;
      for (size_t i = 0; i < live.size(); ++i) again |= live[i] && mark(body_needs[i]);
    }
    for (size_t i = 0; i < live.size(); ++i) {
      if (cond_needs[0][i] || cond_needs[1][i]) asked.push_back(int(i));
    }
    cond = f.find(cond_name, {1});
    body = f.find(body_name, live);
  }

  void operator()(KernelContext& k) const {
    const int n = k.inputs();
    std::vector<Tensor> variables(static_cast<size_t>(n)), results, question(variables.size()), answer;
    for (int i = 0; i < n; ++i) {
      if (live[size_t(i)]) variables[size_t(i)] = k.borrow(i);
    }
    for (;;) {
      for (int i : asked) question[size_t(i)] = variables[size_t(i)];
      cond->call(question, answer, k);
      if (!holds(answer[0])) break;
      body->call(variables, results, k);
      variables.swap(results);
    }
    for (int i = 0; i < n; ++i) {
      if (live[size_t(i)]) k.set_out(i, std::move(variables[size_t(i)]));
    }
  }
};

}  // namespace

void register_functional(KernelRegistry& r) {
  for (const char* op : {"If", "StatelessIf"}) r.add<If>(op, kCpu);
  for (const char* op : {"Case", "StatelessCase"}) r.add<Case>(op, kCpu);
  for (const char* op : {"While", "StatelessWhile"}) r.add<While>(op, kCpu);
  for (const char* op : {"PartitionedCall", "StatefulPartitionedCall"}) r.add<Call>(op, kCpu);
}

}  // namespace thalweg::kernels
