// Functions as kernels call them: a runner over the function's graph, in the session of the caller.
#pragma once

#include <memory>
#include <string>

#include "thalweg/graph/function.h"
#include "thalweg/registry/kernel.h"

namespace thalweg {

class Session;

/// The functions that `node` calls. `path` says where in the session's graph that is: what a function's kernels keep
/// from run to run is kept under it.
class SessionFunctions final : public FunctionSource {
 public:
  SessionFunctions(Session& session, const Node& node, std::string path)
      : session_(session), node_(node), path_(std::move(path)) {}

  std::vector<std::vector<char>> needs(const std::string& name) override;
  std::shared_ptr<FunctionCall> find(const std::string& name, std::vector<char> wanted) override;

 private:
  Session& session_;
  const Node& node_;
  std::string path_;
};

}  // namespace thalweg
