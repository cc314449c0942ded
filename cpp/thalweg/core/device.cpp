#include "thalweg/core/device.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace thalweg {
namespace {

[[noreturn]] void bad_spec(std::string_view attribute, std::string_view spec) {
  TW_FAIL(InvalidArgument, "Unknown attribute '", attribute, "' is encountered while parsing the device spec: '", spec,
          "'.");
}

int number(std::string_view digits, std::string_view attribute, std::string_view spec) {
  int n = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size() || n < 0) bad_spec(attribute, spec);
  return n;
}

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = char(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

DeviceSpec DeviceSpec::parse(std::string_view text) {
  DeviceSpec d;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest.front() == '/') rest.remove_prefix(1);
    if (rest.empty()) break;
    std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    size_t colon = part.find(':');
    std::string_view key = part.substr(0, colon);
    std::string_view value = colon == part.npos ? std::string_view() : part.substr(colon + 1);
    std::string kind = upper(key);
    if (key == "job") {
      d.job = value;
    } else if (key == "replica") {
      d.replica = number(value, key, text);
    } else if (key == "task") {
      d.task = number(value, key, text);
    } else if (kind == "DEVICE") {
      size_t second = value.find(':');
      d.type = upper(value.substr(0, second));
      if (d.type.empty()) bad_spec(key, text);
      std::string_view index = second == value.npos ? std::string_view("*") : value.substr(second + 1);
      d.index = index == "*" ? -1 : number(index, key, text);
    } else if (kind == "CPU" || kind == "GPU" || kind == "TPU") {
      d.type = kind;
      d.index = value.empty() || value == "*" ? -1 : number(value, key, text);
    } else {
      bad_spec(key, text);
    }
  }
  return d;
}

std::string DeviceSpec::to_string() const {
  std::string out;
  if (!job.empty()) out += "/job:" + job;
  if (replica >= 0) out += "/replica:" + std::to_string(replica);
  if (task >= 0) out += "/task:" + std::to_string(task);
  if (!type.empty()) out += "/device:" + type + ":" + (index < 0 ? "*" : std::to_string(index));
  return out;
}

DeviceSpec DeviceSpec::merged_over(const DeviceSpec& outer) const {
  DeviceSpec d = *this;
  if (d.job.empty()) d.job = outer.job;
  if (d.replica < 0) d.replica = outer.replica;
  if (d.task < 0) d.task = outer.task;
  if (d.type.empty()) {
    d.type = outer.type;
    d.index = outer.index;
  }
  return d;
}

std::string Device::name() const { return str("/job:localhost/replica:0/task:0/device:", type_, ":", index_); }

namespace {

std::atomic<size_t> g_allocations{0};

/// Blocks come in power-of-two sizes (quarter steps above 4 kB).
int size_class(size_t bytes) {
  if (bytes <= 64) return 0;
  int log = std::bit_width(bytes - 1) - 1;  // 2^log <= bytes - 1 < 2^(log + 1)
  if (log < 12) return log - 5;             // (64, 128] -> 1 ... (2048, 4096] -> 6
  size_t quarter = ((bytes - 1) >> (log - 2)) & 3;
  return 7 + (log - 12) * 4 + int(quarter);
}
size_t class_bytes(int c) {
  if (c <= 6) return size_t(64) << c;
  int log = 12 + (c - 7) / 4, quarter = (c - 7) % 4;
  return (size_t(1) << log) + ((size_t(quarter) + 1) << (log - 2));
}

/// Freed blocks wait by class; a class keeps at most kKeep bytes. Of a larger block one may wait, so that a steady step
/// finds its spare, as long as all of these together stay below kKeepLarge: what was large once is given back.
class CpuAllocator {
 public:
  void* allocate(int c) {
    {
      std::lock_guard lock(mutex_);
      auto& list = free_[size_t(c)];
      if (!list.empty()) {
        void* p = list.back();
        list.pop_back();
        if (class_bytes(c) > kKeep) large_kept_ -= class_bytes(c);
        return p;
      }
    }
    size_t size = class_bytes(c);
    void* p = std::aligned_alloc(64, size);
    if (!p) TW_FAIL(ResourceExhausted, "out of memory: ", size, " bytes on the CPU");
    g_allocations.fetch_add(1, std::memory_order_relaxed);
    return p;
  }

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

  void deallocate(void* p, int c) noexcept {
    size_t size = class_bytes(c);
    {
      std::lock_guard lock(mutex_);
      auto& list = free_[size_t(c)];
      bool large = size > kKeep;
      bool keep = large ? list.empty() && large_kept_ + size <= kKeepLarge : list.size() < kKeep / size;
      if (keep && (list.capacity() > list.size() || grow(list))) {
        list.push_back(p);
        if (large) large_kept_ += size;
        return;
      }
    }
    std::free(p);
  }

 private:
  static constexpr size_t kKeep = 32 << 20, kKeepLarge = 256 << 20;

  static bool grow(std::vector<void*>& list) noexcept {
    try {
      list.reserve(list.size() * 2 + 8);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, 7 + 4 * 52> free_;
  size_t large_kept_ = 0;
};

CpuAllocator& cpu_allocator() {
  static auto* allocator = [] {
    // A child forked while another thread is in here must not find the lock taken for ever.
    pthread_atfork([] { cpu_allocator().lock(); }, [] { cpu_allocator().unlock(); }, [] { cpu_allocator().unlock(); });
    return new CpuAllocator();  // never destroyed: buffers may outlive static destruction
  }();
  return *allocator;
}

/// A few small blocks that this thread freed last, which it takes again without a lock.
class ThreadBlocks {
 public:
  static constexpr int kClasses = 23;  // up to 64 kB

  ~ThreadBlocks() {
    gone = true;
    for (int c = 0; c < kClasses; ++c) {
      while (void* p = take(c)) cpu_allocator().deallocate(p, c);
    }
  }
  void* take(int c) {
    uint8_t& n = count_[size_t(c)];
    return n ? blocks_[size_t(c)][--n] : nullptr;
  }
  bool put(void* p, int c) {
    uint8_t& n = count_[size_t(c)];
    if (n == kMost) return false;
    blocks_[size_t(c)][n++] = p;
    return true;
  }
  static ThreadBlocks* mine() {
    thread_local ThreadBlocks blocks;
    return gone ? nullptr : &blocks;  // destructors of other thread-local objects may come after ours
  }

 private:
  static constexpr uint8_t kMost = 4;
  static thread_local bool gone;
  std::array<uint8_t, kClasses> count_{};
  std::array<std::array<void*, kMost>, kClasses> blocks_;
};
thread_local bool ThreadBlocks::gone = false;

void* allocate_block(size_t bytes) {
  int c = size_class(bytes);
  if (c < ThreadBlocks::kClasses) {
    ThreadBlocks* mine = ThreadBlocks::mine();
    if (void* p = mine ? mine->take(c) : nullptr) return p;
  }
  return cpu_allocator().allocate(c);
}

void free_block(void* p, size_t bytes) noexcept {
  int c = size_class(bytes);
  if (c < ThreadBlocks::kClasses) {
    ThreadBlocks* mine = ThreadBlocks::mine();
    if (mine && mine->put(p, c)) return;
  }
  cpu_allocator().deallocate(p, c);
}

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(int index) : Device("CPU", index) {}
  void* allocate(size_t bytes) override { return allocate_block(bytes); }
  void deallocate(void* data, size_t bytes) noexcept override { free_block(data, bytes); }
  bool host_memory() const override { return true; }
  void copy_from_host(void* dst, const void* src, size_t bytes) override { copy(dst, src, bytes); }
  void copy_to_host(void* dst, const void* src, size_t bytes) override { copy(dst, src, bytes); }
  void copy(void* dst, const void* src, size_t bytes) override {
    if (bytes) std::memcpy(dst, src, bytes);
  }
};

}  // namespace

Device& cpu_device() {
  static Device& cpu = cpu_device(0);
  return cpu;
}

Device& cpu_device(int index) {
  static std::mutex mutex;
  static auto* devices = new std::map<int, std::unique_ptr<Device>>();  // lives as long as any buffer
  std::lock_guard lock(mutex);
  auto& d = (*devices)[index];
  if (!d) d = std::make_unique<CpuDevice>(index);
  return *d;
}

size_t cpu_allocation_count() { return g_allocations.load(std::memory_order_relaxed); }

}  // namespace thalweg
