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

}  // namespace

std::vector<std::vector<char>> SessionFunctions::needs(const std::string& name) {
  auto f = node_.graph().function(name);
  std::vector<std::vector<char>> out;
  for (const Endpoint& e : f->outputs) out.push_back(inputs_needed(*f, {e.node}));
  out.push_back(inputs_needed(*f, f->targets));
  return out;
}

std::shared_ptr<FunctionCall> SessionFunctions::find(const std::string& name, std::vector<char> wanted) {
  auto f = node_.graph().function(name);
  TW_ASSERT(wanted.size() == f->outputs.size());
  // The place among the node's functions, not the name: a function that a gradient made more of draws on the same
  // random streams.
  auto all = functions_of(node_);
  std::string path = str(path_, node_.name(), "#", std::ranges::find(all, f) - all.begin(), "/");
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
