#include "cuda_on_host.h"

#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace cuda_on_host {
namespace {

constexpr size_t kStack = 128 << 10;

enum class State { Idle, Running, AtBlock, AtWarp, Done };

struct Thread {
  State state = State::Idle;
  size_t fiber = 0;
  unsigned mask = 0;              // lanes waited for
  unsigned long long slots[2]{};  // what this lane offers; used in turn, so that a slow reader still finds the last one
  int turn = 0;
};

/// A stack on which threads run one after the other until one has to wait; then the next fiber takes over.
struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
};

/// One block at work.
class Engine {
 public:
  void run(dim3 grid, dim3 block, const std::function<void()>& body) {
    body_ = &body;
    gridDim = grid;
    blockDim = block;
    size_t n = size_t(block.x) * block.y * block.z;
    if (n == 0 || n > 1024) throw std::logic_error("a block has 1 to 1024 threads");
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) throw std::logic_error("an empty grid cannot be launched");
    if (grid.y > 65535 || grid.z > 65535) throw std::logic_error("a grid is at most 65535 blocks deep");
    for (unsigned z = 0; z < grid.z; ++z) {
      for (unsigned y = 0; y < grid.y; ++y) {
        for (unsigned x = 0; x < grid.x; ++x) {
          blockIdx = {x, y, z};
          threads_.assign(n, Thread());
          run_block();
        }
      }
    }
    ++launches;
  }

  void wait(State state, unsigned mask) {
    threads_[current_].state = state;
    threads_[current_].mask = mask;
    size_t me = current_;
    swapcontext(&fibers_[threads_[me].fiber].context, &home_);
  }

  unsigned long long exchange(unsigned mask, unsigned long long mine, int from) {
    size_t me = current_, warp = me / 32 * 32;
    int turn = threads_[me].turn;
    threads_[me].turn = 1 - turn;
    threads_[me].slots[turn] = mine;
    wait(State::AtWarp, mask);
    return threads_[warp + size_t(from)].slots[turn];
  }

  int lane() const { return int(current_ % 32); }

  /// What a fiber does: threads, until all have been started.
  void work(size_t fiber) {
    while (next_ < threads_.size()) {
      current_ = next_++;
      Thread& t = threads_[current_];
      t.state = State::Running;
      t.fiber = fiber;
      set_index();
      (*body_)();
      threads_[current_].state = State::Done;
    }
  }

  long launches = 0;

 private:
  void run_block() {
    next_ = 0;
    used_ = 0;
    while (next_ < threads_.size()) start_fiber();
    while (release()) {
      for (size_t i = 0; i < threads_.size(); ++i) {
        if (threads_[i].state != State::Running) continue;
        current_ = i;
        set_index();
        swapcontext(&home_, &fibers_[threads_[i].fiber].context);
      }
    }
    for (const Thread& t : threads_) {
      if (t.state != State::Done) throw std::logic_error("threads of a block wait at different barriers");
    }
  }

  void start_fiber() {
    if (used_ == fibers_.size()) {
      fibers_.emplace_back();
      fibers_.back().stack = std::make_unique<char[]>(kStack);
    }
    Fiber& f = fibers_[used_++];
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = kStack;
    f.context.uc_link = &home_;
    makecontext(&f.context, reinterpret_cast<void (*)()>(+[](int fiber) { engine().work(size_t(fiber)); }), 1,
                int(used_ - 1));
    swapcontext(&home_, &f.context);
  }

  /// Lets go of those whose wait is over; false if there are none.
  bool release() {
    bool any = false, all_at_block = true, some_at_block = false;
    for (const Thread& t : threads_) {
      some_at_block |= t.state == State::AtBlock;
      all_at_block &= t.state == State::AtBlock || t.state == State::Done;
    }
    if (some_at_block && all_at_block) {
      for (Thread& t : threads_) t.state = t.state == State::Done ? State::Done : State::Running;
      return true;
    }
    for (size_t warp = 0; warp < threads_.size(); warp += 32) {
      for (size_t i = warp; i < std::min(warp + 32, threads_.size()); ++i) {
        if (threads_[i].state != State::AtWarp || !complete(warp, threads_[i].mask)) continue;
        unsigned mask = threads_[i].mask;
        for (size_t l = 0; l < 32; ++l) {
          if (mask >> l & 1u) threads_[warp + l].state = State::Running;
        }
        any = true;
      }
    }
    return any;
  }

  bool complete(size_t warp, unsigned mask) const {
    for (size_t l = 0; l < 32; ++l) {
      if (!(mask >> l & 1u)) continue;
      if (warp + l >= threads_.size()) throw std::logic_error("a warp operation names lanes that do not exist");
      const Thread& t = threads_[warp + l];
      if (t.state != State::AtWarp || t.mask != mask) return false;
    }
    return true;
  }

  void set_index() {
    unsigned i = unsigned(current_);
    threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
  }

 public:
  static Engine& engine() {
    static Engine e;
    return e;
  }

 private:
  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;
  std::deque<Fiber> fibers_;  // contexts point into themselves and must not move
  ucontext_t home_{};
  size_t next_ = 0, used_ = 0, current_ = 0;
};

std::mutex g_mutex;  // blockIdx and the rest are globals: one grid at a time

}  // namespace

void launch(dim3 grid, dim3 block, const std::function<void()>& body) {
  std::lock_guard lock(g_mutex);
  Engine::engine().run(grid, block, body);
}
void wait_for_block() { Engine::engine().wait(State::AtBlock, 0); }
unsigned long long exchange(unsigned mask, unsigned long long mine, int lane) {
  return Engine::engine().exchange(mask, mine, lane);
}
int lane() { return Engine::engine().lane(); }
long launches() { return Engine::engine().launches; }

}  // namespace cuda_on_host
