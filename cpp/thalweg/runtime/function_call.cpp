#include "thalweg/runtime/function_call.h"

#include <algorithm>

#include "thalweg/runtime/session.h"

namespace thalweg {
namespace {

class RunnerCall final : public FunctionCall {
 public:
  RunnerCall(Session& session, std::shared_ptr<const GraphFunction> f, std::vector<char> wanted, std::string path)
      : function_(std::move(f)), wanted_(std::move(wanted)) {
    std::vector<Endpoint> fetches;
    for (size_t i = 0; i < function_->outputs.size(); ++i) {
      if (wanted_[i]) fetches.push_back(function_->outputs[i]);
    }
    all_ = fetches.size() == wanted_.size();
    runner_ = session.prepare_function(*function_, std::move(fetches), std::move(path));
  }

  void call(std::span<Tensor> inputs, std::vector<Tensor>& outputs, const KernelContext& k) override {
    static const RunControl kNone;
    const RunControl& control = k.control() ? *k.control() : kNone;
    runner_->call(inputs, outputs, control);
    if (all_) return;
    outputs.resize(wanted_.size());
    size_t from = size_t(std::ranges::count(wanted_, 1));
    for (size_t i = wanted_.size(); i-- > 0;) outputs[i] = wanted_[i] ? std::move(outputs[--from]) : Tensor();
  }

 private:
  std::shared_ptr<const GraphFunction> function_;
  std::vector<char> wanted_;
  bool all_ = false;
  std::shared_ptr<Runner> runner_;
};

/// Graphs that were read from a file may name functions that do not fit.
void check_types(const Node& n, const GraphFunction& f, bool decides) {
  const size_t first = n.op().inputs.size() - 1;  // what chooses comes before the arguments
  bool fits = n.inputs().size() == first + f.inputs.size();
  auto type = [](const Endpoint& e) { return e.node->output(e.index).dtype; };
  for (size_t i = 0; fits && i < f.inputs.size(); ++i) fits = type(f.inputs[i]) == type(n.inputs()[first + i]);
  fits = fits && (decides ? f.outputs.size() == 1 : f.outputs.size() == n.outputs().size());
  for (size_t i = 0; fits && !decides && i < f.outputs.size(); ++i) {
    fits = type(f.outputs[i]) == n.output(int(i)).dtype;
  }
  TW_CHECK(fits, n.describe(), ": the inputs or outputs of function ", f.name, " are not those of the node");
}

}  // namespace

std::vector<std::vector<char>> SessionFunctions::needs(const std::string& name) {
  auto f = node_.graph().function(name);
  const auto all = functions_of(node_);
  check_types(node_, *f, node_.op().name.ends_with("While") && f == all[0]);
  std::vector<std::vector<char>> out;
  for (const Endpoint& e : f->outputs) out.push_back(inputs_needed(*f, {e.node}));
  out.push_back(inputs_needed(*f, f->targets));
  return out;
}

std::shared_ptr<FunctionCall> SessionFunctions::find(const std::string& name, std::vector<char> wanted) {
  auto f = node_.graph().function(name);
  auto all = functions_of(node_);
  check_types(node_, *f, node_.op().name.ends_with("While") && f == all[0]);
  // The place among the node's functions, not the name: a function that a gradient made more of draws on the same
  // random streams.
  std::string path = path_ + called_path(node_, size_t(std::ranges::find(all, f) - all.begin()));
  std::string key = path + name + "\n" + std::string(wanted.begin(), wanted.end());
  SessionState& state = session_.state();
  {
    std::lock_guard lock(state.mutex);
    if (auto it = state.functions.find(key); it != state.functions.end()) return it->second;
  }
  auto made = std::make_shared<RunnerCall>(session_, std::move(f), std::move(wanted), std::move(path));
  std::lock_guard lock(state.mutex);
  return state.functions.try_emplace(key, std::move(made)).first->second;
}

}  // namespace thalweg
