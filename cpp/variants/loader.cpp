// libthalweg_kernels.so where the kernels were built for several instruction sets: takes those of the best variant
// beside it. Code of different sets never shares a library, because the linker would keep one copy of every inline
// function.
#include <dlfcn.h>

#include "thalweg/kernels/families.h"
#include "thalweg/runtime/library.h"
#include "thalweg/runtime/plugin.h"

namespace thalweg {

void register_kernels(KernelRegistry& r) {
  Dl_info self;
  TW_ASSERT(dladdr(reinterpret_cast<void*>(&register_kernels), &self) != 0);
  std::string stem = self.dli_fname;
  stem.erase(stem.rfind(".so"));
  std::string path = best_variant({stem + "_v4.so", stem + "_v3.so", stem + "_v2.so"});
  if (path.empty()) TW_FAIL(FailedPrecondition, stem, "_v*.so: none of the CPU kernel libraries runs on this machine");
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) TW_FAIL(FailedPrecondition, dlerror());
  auto entry = reinterpret_cast<int (*)(PluginApi*)>(dlsym(library, "thalweg_plugin"));
  PluginApi api;
  api.kernels = &r;
  if (!entry || entry(&api) != 0) TW_FAIL(FailedPrecondition, path, ": ", api.error);
}

}  // namespace thalweg
