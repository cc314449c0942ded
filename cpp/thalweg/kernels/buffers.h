// Scratch memory for the pieces of a loop that is shared out.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace thalweg::kernels {

/// As many buffers as there are pieces of work, of which each thread takes the first that is free: few are touched, and
/// a thread finds its own again while that is in its cache. At most 31 buffers.
class Buffers {
 public:
  explicit Buffers(int64_t count) : free_((uint32_t(1) << count) - 1) {}

  /// One buffer while a piece is at work.
  class Lease {
   public:
    explicit Lease(Buffers& from) : from_(from) {
      uint32_t free = from_.free_.load(std::memory_order_acquire);
      while (!from_.free_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire)) {
      }
      index_ = std::countr_zero(free);
    }
    ~Lease() { from_.free_.fetch_or(uint32_t(1) << index_, std::memory_order_release); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    int64_t index() const { return index_; }

   private:
    Buffers& from_;
    int index_;
  };

 private:
  std::atomic<uint32_t> free_;
};

}  // namespace thalweg::kernels
