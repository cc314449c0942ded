// The plugin's door: brings GPU devices and their kernels, or says why it cannot.
#include "thalweg/runtime/plugin.h"

#include "cuda/device.h"
#include "cuda/families.h"

extern "C" THALWEG_EXPORT int thalweg_plugin(thalweg::PluginApi* api) noexcept {
  if (api->abi != thalweg::kPluginAbi) return api->refuse("built for another version of Thalweg");
  return api->guard([&] {
    for (auto& device : thalweg::cuda::find_devices()) api->devices->push_back(std::move(device));
    thalweg::cuda::register_kernels(*api->kernels);
  });
}
