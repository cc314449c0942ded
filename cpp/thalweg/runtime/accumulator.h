// An Accumulator carries derivatives along with the values of a program as it runs: forward-mode differentiation.
#pragma once

#include <optional>
#include <unordered_map>

#include "thalweg/runtime/tape.h"

namespace thalweg {

/// Every op has a way back, which is linear in what arrives: dys -> J^T dys. Its derivative is J, so what goes forward
/// needs no rules of its own. This work is seen by those followers only that started before this one: one that both
/// saw itself and was seen by itself would never end.
class THALWEG_API Accumulator final : public Follower {
 public:
  explicit Accumulator(const Library& library) : library_(library) {}

  /// The derivative of the value numbered `id`, of its dtype and shape.
  void watch(int64_t id, Value tangent) { tangents_[id] = {std::move(tangent), std::nullopt}; }
  bool watches(int64_t id) const override { return id && tangents_.contains(id); }
  void record(const Recorded& r) override;

  /// No tensor if the value does not depend on what is watched. Throws if an op on the way has no gradient.
  Value tangent(int64_t id) const;

 private:
  struct Tangent {
    Value value;
    std::optional<Error> missing;
  };
  std::vector<Value> push(const Recorded& r) const;

  const Library& library_;
  std::unordered_map<int64_t, Tangent> tangents_;  // by the number of the value
};

}  // namespace thalweg
