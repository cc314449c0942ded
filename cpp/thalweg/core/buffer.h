// Memory with a reference count: from a device's allocator, or foreign memory with a release callback.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "thalweg/core/device.h"

namespace thalweg {

class THALWEG_API Buffer {
 public:
  using Release = void (*)(void* context) noexcept;

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device& device() const { return *device_; }
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }
  bool foreign() const { return release_ != nullptr; }
  /// Memory that a run gives to one value after the other (an arena): what is to last must be copied out of it.
  bool reused() const { return reused_; }
  void set_reused() { reused_ = true; }

 private:
  friend class BufferRef;
  Buffer() = default;
  ~Buffer() = default;
  void destroy() noexcept;

  std::atomic<int64_t> refs_{1};
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device* device_ = nullptr;
  Release release_ = nullptr;  // foreign memory only
  void* context_ = nullptr;
  bool reused_ = false;
};

/// A counted reference to a Buffer.
class THALWEG_API BufferRef {
 public:
  BufferRef() = default;
  BufferRef(const BufferRef& o) noexcept : b_(o.b_) {
    if (b_) b_->refs_.fetch_add(1, std::memory_order_relaxed);
  }
  BufferRef(BufferRef&& o) noexcept : b_(std::exchange(o.b_, nullptr)) {}
  BufferRef& operator=(BufferRef o) noexcept {
    std::swap(b_, o.b_);
    return *this;
  }
  ~BufferRef() { reset(); }

  static BufferRef allocate(size_t bytes, Device& device = cpu_device());
  /// Wraps memory owned elsewhere; `release(context)` runs when the last reference goes.
  static BufferRef adopt(void* data, size_t bytes, Device& device, Buffer::Release release, void* context);

  void reset() noexcept {
    if (b_ && b_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) b_->destroy();
    b_ = nullptr;
  }
  Buffer* operator->() const { return b_; }
  Buffer* get() const { return b_; }
  explicit operator bool() const { return b_ != nullptr; }
  bool operator==(const BufferRef& o) const { return b_ == o.b_; }

 private:
  explicit BufferRef(Buffer* b) : b_(b) {}
  Buffer* b_ = nullptr;
};

}  // namespace thalweg
