// A Library is what sessions run with: ops, kernels and devices. It is a value; nothing registers itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalweg/registry/kernel.h"
#include "thalweg/registry/op_def.h"

namespace thalweg {

struct THALWEG_API Library {
  OpRegistry ops;
  KernelRegistry kernels;
  std::vector<std::shared_ptr<Device>> devices;  // beyond the CPU: what plugins brought

  /// Loads a plugin and returns the names of the ops it brought. NotFound with the path if there is no such library,
  /// FailedPrecondition with the plugin's reason if it refuses. The library stays loaded for the life of the process.
  std::vector<std::string> load(const std::string& path);
};

/// The plugin among `paths` that scores best on this machine (its exported `int thalweg_score()`, 0: cannot run);
/// empty if none can run.
THALWEG_API std::string best_variant(const std::vector<std::string>& paths);

}  // namespace thalweg
