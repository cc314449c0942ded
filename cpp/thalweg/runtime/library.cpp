#include "thalweg/runtime/library.h"

#include <dlfcn.h>

#include "thalweg/runtime/plugin.h"

namespace thalweg {

std::vector<std::string> Library::load(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) TW_FAIL(NotFound, dlerror());
  auto entry = reinterpret_cast<int (*)(PluginApi*)>(dlsym(handle, "thalweg_plugin"));
  if (!entry) TW_FAIL(FailedPrecondition, path, " is not a Thalweg plugin: it does not export thalweg_plugin");
  size_t before = ops.all().size();
  PluginApi api;
  api.ops = &ops;
  api.kernels = &kernels;
  api.devices = &devices;
  if (entry(&api) != 0) TW_FAIL(FailedPrecondition, path, ": ", api.error);
  std::vector<std::string> added;
  auto all = ops.all();
  for (size_t i = before; i < all.size(); ++i) added.push_back(all[i]->name);
  return added;
}

std::string best_variant(const std::vector<std::string>& paths) {
  std::string best;
  int best_score = 0;
  for (const std::string& path : paths) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) continue;
    auto score = reinterpret_cast<int (*)()>(dlsym(handle, "thalweg_score"));
    int s = score ? score() : 0;
    if (s > best_score) {
      best_score = s;
      best = path;
    }
    dlclose(handle);
  }
  return best;
}

}  // namespace thalweg
