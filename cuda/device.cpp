#include "cuda/device.h"

namespace thalweg::cuda {
namespace {

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int index) : Device("GPU", index) {
    check(cudaSetDevice(index), "selecting a device");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
    size_t free = 0;
    check(cudaMemGetInfo(&free, &limit_), "asking for the device's memory");
    int pools = 0;
    check(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, index), "asking for memory pools");
    if (!pools) return;
    cudaMemPool_t pool = nullptr;
    check(cudaDeviceGetDefaultMemPool(&pool, index), "opening the memory pool");
    // What was freed stays in the pool: a steady step does not reach the driver's allocator.
    uint64_t keep = UINT64_MAX;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep), "setting up the memory pool");
    pooled_ = true;
  }
  // The stream is left to the driver: buffers may be released after static destruction has begun.

  void* allocate(size_t bytes) override {
    make_current(*this);
    void* data = nullptr;
    bytes = bytes ? bytes : 1;
    cudaError_t status = pooled_ ? cudaMallocAsync(&data, bytes, stream_) : cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // it is sticky; the next call would report it again
      TW_FAIL(ResourceExhausted, "out of memory: ", bytes, " bytes on ", name(), " (", memory_text(), ")");
    }
    check(status, "allocating memory");
    return data;
  }

  void deallocate(void* data, size_t) noexcept override {
    cudaSetDevice(index());
    if (pooled_) {
      cudaFreeAsync(data, stream_);
    } else {
      cudaFree(data);  // waits for the device
    }
  }

  bool host_memory() const override { return false; }

  void copy_from_host(void* dst, const void* src, size_t bytes) override {
    if (!bytes) return;
    make_current(*this);
    check(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyHostToDevice, stream_), "copying to the device");
    // Pageable memory has been read when the call returns; page-locked memory is read later, and the caller may change
    // it.
    cudaPointerAttributes kind{};
    if (cudaPointerGetAttributes(&kind, src) != cudaSuccess) {
      cudaGetLastError();
    } else if (kind.type == cudaMemoryTypeUnregistered) {
      return;
    }
    synchronize();
  }

  void copy_to_host(void* dst, const void* src, size_t bytes) override {
    if (!bytes) return;
    make_current(*this);
    check(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, stream_), "copying from the device");
    synchronize();
  }

  void copy(void* dst, const void* src, size_t bytes) override {
    if (!bytes) return;
    make_current(*this);
    check(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, stream_), "copying on the device");
  }

  void synchronize() override { check(cudaStreamSynchronize(stream_), "waiting for the device"); }
  size_t memory_limit() const override { return limit_; }
  void* stream() const override { return stream_; }

 private:
  static std::string memory_text() {
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "unknown";
    return str(free, " of ", total, " bytes free");
  }

  cudaStream_t stream_ = nullptr;
  size_t limit_ = 0;
  bool pooled_ = false;
};

std::string version_text(int v) { return str(v / 1000, ".", v % 1000 / 10); }

}  // namespace

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) [[likely]]
    return;
  if (status == cudaErrorMemoryAllocation)
    TW_FAIL(ResourceExhausted, "CUDA, ", doing, ": ", cudaGetErrorString(status));
  TW_FAIL(Internal, "CUDA, ", doing, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

void make_current(const Device& device) { check(cudaSetDevice(device.index()), "selecting a device"); }

std::vector<std::shared_ptr<Device>> find_devices() {
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    TW_FAIL(FailedPrecondition, "no CUDA driver on this machine");
  }
  if (driver / 1000 < CUDART_VERSION / 1000) {
    TW_FAIL(FailedPrecondition, "the CUDA driver supports CUDA ", version_text(driver), ", this plugin needs ",
            CUDART_VERSION / 1000, ".0");
  }
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    TW_FAIL(FailedPrecondition, "no CUDA device on this machine");
  }
  if (status != cudaSuccess) TW_FAIL(FailedPrecondition, "CUDA does not start: ", cudaGetErrorString(status));
  std::vector<std::shared_ptr<Device>> devices;
  std::string why;
  for (int i = 0; i < count; ++i) {
    // Indices are CUDA's own, so a GPU that cannot be used ends the list.
    status = cudaSetDevice(i);
    if (status == cudaSuccess) status = has_code_for_current_device();
    if (status != cudaSuccess) {
      why = cudaGetErrorString(status);
      cudaGetLastError();
      break;
    }
    devices.push_back(std::make_shared<CudaDevice>(i));
  }
  if (devices.empty()) TW_FAIL(FailedPrecondition, "no CUDA device that can be used: ", why);
  cudaSetDevice(0);
  return devices;
}

}  // namespace thalweg::cuda
