// A plugin with a device GPU:0 that is none: memory of its own that the host claims it cannot read, and the CUDA
// plugin's kernels run by cuda_on_host. Every test of the GPU's kernels can be run with it, on any machine.
#include "thalweg/runtime/plugin.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/cublaslt.h"
#include "cuda/families.h"

namespace thalweg::cuda {
namespace {

/// Blocks lie between fences; a kernel that writes outside its output breaks one, which is noticed when the block is
/// freed.
class HostGpu final : public Device {
 public:
  HostGpu() : Device("GPU", 0) {}

  void* allocate(size_t bytes) override {
    auto* p = static_cast<unsigned char*>(std::aligned_alloc(64, (bytes + 2 * kFence + 63) / 64 * 64));
    if (!p) TW_FAIL(ResourceExhausted, "out of memory: ", bytes, " bytes on ", name());
    std::memset(p, kMark, bytes + 2 * kFence);  // also the memory itself: what a kernel forgets to write shows
    return p + kFence;
  }
  void deallocate(void* data, size_t bytes) noexcept override {
    auto* p = static_cast<unsigned char*>(data);
    for (size_t i = 0; i < kFence; ++i) {
      if (p[-1 - long(i)] == kMark && p[bytes + i] == kMark) continue;
      std::fprintf(stderr, "a GPU kernel wrote outside its memory, a block of %zu bytes\n", bytes);
      std::abort();
    }
    std::free(p - kFence);
  }
  bool host_memory() const override { return false; }
  void copy_from_host(void* dst, const void* src, size_t bytes) override { copy(dst, src, bytes); }
  void copy_to_host(void* dst, const void* src, size_t bytes) override { copy(dst, src, bytes); }
  void copy(void* dst, const void* src, size_t bytes) override {
    if (bytes) std::memcpy(dst, src, bytes);
  }
  size_t memory_limit() const override { return size_t(1) << 30; }

 private:
  static constexpr size_t kFence = 64;
  static constexpr unsigned char kMark = 0xb5;
};

}  // namespace

bool LtMatMul::run(KernelContext&, DType, const Product&, const void*, const void*, void*) { return false; }

}  // namespace thalweg::cuda

extern "C" THALWEG_EXPORT int thalweg_plugin(thalweg::PluginApi* api) noexcept {
  if (api->abi != thalweg::kPluginAbi) return api->refuse("built for another version of Thalweg");
  return api->guard([&] {
    api->devices->push_back(std::make_shared<thalweg::cuda::HostGpu>());
    thalweg::cuda::register_kernels(*api->kernels);
  });
}
