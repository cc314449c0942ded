// The plugin border of libthalweg_kernels_v<level>.so: all CPU kernels, compiled for one instruction set, which the
// compiler's own macros tell.
#include "thalweg/kernels/families.h"
#include "thalweg/runtime/plugin.h"

/// How good this variant is on this machine; 0 where it cannot run.
extern "C" THALWEG_EXPORT int thalweg_score() noexcept {
  __builtin_cpu_init();
#if defined(__AVX512VL__)
  return __builtin_cpu_supports("x86-64-v4") ? 4 : 0;
#elif defined(__AVX2__)
  return __builtin_cpu_supports("x86-64-v3") ? 3 : 0;
#else
  return __builtin_cpu_supports("x86-64-v2") ? 2 : 0;
#endif
}

extern "C" THALWEG_EXPORT int thalweg_plugin(thalweg::PluginApi* api) noexcept {
  if (api->abi != thalweg::kPluginAbi) return api->refuse("built for another plugin ABI");
  return api->guard([&] { thalweg::register_kernels(*api->kernels); });
}
