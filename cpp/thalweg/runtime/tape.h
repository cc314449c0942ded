// Followers see what is computed from the values they watch. A Tape remembers it and goes back through it: reverse-mode
// differentiation of programs that run as they are written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "thalweg/runtime/eager.h"
#include "thalweg/runtime/function.h"

namespace thalweg {

/// A tensor as tapes know it: by a number that it has for life. 0: no tape has met it.
struct Value {
  Tensor tensor;
  int64_t id = 0;
};

/// A tensor whose bits are all zero.
THALWEG_API Tensor zeros(DType dtype, const Shape& shape);
/// A number that no value has had.
THALWEG_API int64_t new_value_id();

/// A gradient: a whole tensor, or (with `indices`) the sum of `value`'s rows at the rows `indices` of a tensor of
/// `rows` rows, zero elsewhere.
struct Gradient {
  Gradient() = default;
  Gradient(Value whole) : value(std::move(whole)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return bool(value.tensor); }

  Value value;
  Tensor indices, rows;
};

/// The way back through one thing that was called: gradients of its inputs, from those of its outputs (no tensor where
/// none arrived). Only inputs that are `wanted` need one.
using Pullback = std::function<std::vector<Gradient>(std::span<const Value> dys, const std::vector<bool>& wanted)>;

/// Something was computed. By input and output its number, 0 for what can have no gradient.
struct Recorded {
  std::span<const int64_t> inputs, outputs;
  std::span<const Value> results;
  const Pullback& pullback;
};

/// What is followed on one thread.
struct Followers;

/// Not for several threads: it records what its own thread does, and is stopped and destroyed there.
class THALWEG_API Follower {
 public:
  Follower() = default;
  virtual ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Between start and stop, the calling thread's work is recorded. Followers nest in any order.
  void start();
  /// FailedPrecondition on another thread than start.
  void stop();
  bool recording() const { return thread_; }
  /// Whether it records what another thread does: it must not be destroyed then.
  bool records_elsewhere() const;

  virtual bool watches(int64_t id) const = 0;
  /// Of what depends on something that it watches.
  virtual void record(const Recorded& r) = 0;

 private:
  Followers* thread_ = nullptr;  // while it records
};

class THALWEG_API Tape : public Follower {
 public:
  Tape(const Library& library, bool persistent) : library_(library), persistent_(persistent) {}

  bool persistent() const { return persistent_; }
  void set_persistent(bool persistent) { persistent_ = persistent; }

  void watch(int64_t id) { watched_.try_emplace(id, int(watched_.size())); }
  bool watches(int64_t id) const final { return id && watched_.contains(id); }

  void record(const Recorded& r) final;

  /// The sum over targets of the seeds times d target / d source, by source; no tensor where none depends on it.
  /// Frees what it has passed unless the tape is persistent.
  /// FailedPrecondition if a pullback clears the tape.
  std::vector<Gradient> gradient(std::span<const int64_t> targets, std::span<const Value> seeds,
                                 std::span<const int64_t> sources);
  size_t size() const { return entries_.size(); }
  void clear();

 private:
  struct Entry {
    std::vector<int> inputs, outputs;  // in watched_; -1: not followed
    Pullback pullback;
  };
  int slot(int64_t id) const;
  Gradient sum(std::vector<Gradient>& parts) const;

  const Library& library_;
  bool persistent_;
  int64_t clears_ = 0;
  std::unordered_map<int64_t, int> watched_;  // value number -> slot
  std::vector<Entry> entries_;
};

/// What records on this thread, the first to start first.
THALWEG_API std::span<Follower* const> active_tapes();
/// Whether one of them watches one of these.
THALWEG_API bool followed(std::span<const int64_t> ids);

/// While it lives, nothing is recorded on this thread.
class THALWEG_API Untaped {
 public:
  Untaped();
  ~Untaped();
  Untaped(const Untaped&) = delete;
  Untaped& operator=(const Untaped&) = delete;

 private:
  std::vector<Follower*> hidden_;
};

/// While it lives, only those record on this thread that started before `follower`.
class THALWEG_API Before {
 public:
  explicit Before(const Follower* follower);
  ~Before();
  Before(const Before&) = delete;
  Before& operator=(const Before&) = delete;

 private:
  std::vector<Follower*> all_;
};

/// Tells the active followers that watch an input: numbers are given to those outputs that can have a gradient.
THALWEG_API void record(std::span<const Value> in, std::span<Value> out, const Pullback& pullback);
/// The same, but a follower that watches none of the inputs is told that `out` are the values `from`, one by one.
THALWEG_API void record_or_pass(std::span<const Value> in, std::span<const Value> from, std::span<Value> out,
                                const Pullback& pullback);

/// The way back through an op by a gradient that is written outside of the registry; null where there is none.
using ForeignGradient =
    std::function<Pullback(const EagerOp& op, std::span<const Value> in, std::span<const Value> out)>;
/// Asked before the registry for every op that is recorded, on any thread. To be set before anything is recorded.
THALWEG_API void set_foreign_gradient(ForeignGradient f);

/// As a whole tensor, which is recorded like any computation.
THALWEG_API Value dense(const Library& library, const Gradient& g);

/// Runs an op and records it. `op` must not take variables by reference.
THALWEG_API std::vector<Value> execute(const std::shared_ptr<EagerOp>& op, std::span<const Value> in);
/// Records an op that has run.
THALWEG_API void record_op(const std::shared_ptr<EagerOp>& op, std::span<const Value> in, std::span<Value> out);
/// Calls a function and records it. `variables` are the numbers of its variables, by Function::variables.
THALWEG_API std::vector<Value> call(const std::shared_ptr<Function>& f, std::span<const Value> in,
                                    std::span<const int64_t> variables = {}, const RunControl& control = {});

}  // namespace thalweg
