// The ABI of shared libraries that bring ops, kernels or devices: one exported function,
//   extern "C" THALWEG_EXPORT int thalweg_plugin(thalweg::PluginApi* api) noexcept;
// which returns 0, or api->refuse("why"). CUDA, the CPU variants and a user's own ops all have this shape.
#pragma once

#include <string>
#include <vector>

#include "thalweg/registry/kernel.h"
#include "thalweg/registry/op_def.h"

#define THALWEG_EXPORT __attribute__((visibility("default")))

namespace thalweg {

/// Bumped when a plugin built for the old headers would misbehave.
inline constexpr int kPluginAbi = 1;

struct PluginApi {
  int abi = kPluginAbi;  // always the first member; the plugin compares it before it touches the rest
  OpRegistry* ops = nullptr;
  KernelRegistry* kernels = nullptr;
  std::vector<std::shared_ptr<Device>>* devices = nullptr;
  std::string error;

  int refuse(std::string why) noexcept {
    error = std::move(why);
    return 1;
  }
  /// Runs f, which may throw; a plugin must not let an exception cross its border.
  template <class F>
  int guard(F&& f) noexcept {
    try {
      f();
      return 0;
    } catch (const std::exception& e) {
      return refuse(e.what());
    }
  }
};

}  // namespace thalweg
