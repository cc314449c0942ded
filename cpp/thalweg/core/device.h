// Device names as users write them ("/job:worker/task:1/device:GPU:0"), and devices as the runtime uses them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// A device name with possibly missing parts.
struct THALWEG_API DeviceSpec {
  std::string job;   // empty: not given
  int replica = -1;  // -1: not given
  int task = -1;
  std::string type;  // "CPU", "GPU"; empty: not given
  int index = -1;    // -1: any

  /// Accepts "/cpu:0", "/device:GPU:1", "/job:w/task:1" ...; InvalidArgument for anything else.
  static DeviceSpec parse(std::string_view text);
  /// Canonical form: "/job:worker/task:1/device:CPU:0"; empty if nothing is given.
  std::string to_string() const;
  /// This spec where it says something, `outer` elsewhere.
  DeviceSpec merged_over(const DeviceSpec& outer) const;
  bool empty() const { return job.empty() && replica < 0 && task < 0 && type.empty() && index < 0; }
  bool operator==(const DeviceSpec&) const = default;
};

/// A place with memory of its own. Implementations are thread-safe.
class THALWEG_API Device {
 public:
  Device(std::string type, int index) : type_(std::move(type)), index_(index) {}
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const std::string& type() const { return type_; }
  int index() const { return index_; }
  /// "/job:localhost/replica:0/task:0/device:CPU:0"
  std::string name() const;

  /// 64-byte aligned memory of this device; ResourceExhausted when there is none left.
  virtual void* allocate(size_t bytes) = 0;
  virtual void deallocate(void* data, size_t bytes) noexcept = 0;
  /// True if the host may dereference this device's pointers.
  virtual bool host_memory() const = 0;
  virtual void copy_from_host(void* dst, const void* src, size_t bytes) = 0;
  virtual void copy_to_host(void* dst, const void* src, size_t bytes) = 0;
  /// Within this device.
  virtual void copy(void* dst, const void* src, size_t bytes) = 0;
  /// Returns once all work given to the device is done.
  virtual void synchronize() {}
  /// Bytes of memory, 0 if unknown.
  virtual size_t memory_limit() const { return 0; }
  /// The device's stream (a cudaStream_t for GPUs), null for the host.
  virtual void* stream() const { return nullptr; }

 private:
  std::string type_;
  int index_;
};

/// The host: CPU:0. Its allocator keeps freed blocks in size classes, so that steady work does not reach malloc.
THALWEG_API Device& cpu_device();
/// CPU:index, virtual for index > 0: the same memory, but placement and copies treat it as a device of its own.
THALWEG_API Device& cpu_device(int index);
/// Blocks asked from the operating system by CPU devices so far; a steady state does not change it.
THALWEG_API size_t cpu_allocation_count();

}  // namespace thalweg
