// Which runs are over so soon that the interpreter lock may be kept: giving it up and taking it back costs as much.
#pragma once

#include <span>
#include <vector>

#include "thalweg/runtime/session.h"

namespace thalweg::python {

/// Learns it for one runner, from the shapes of its first run. Guarded by the interpreter lock.
class Brief {
 public:
  /// Whether a run with these feeds is known to be brief.
  bool operator()(std::span<const Tensor> feeds) const;
  /// After a run: only a program that keeps to one set of shapes is brief, because its runs find their plan without a
  /// lock that somebody who plans may hold.
  void learn(Runner& runner, std::span<const Tensor> feeds);

 private:
  std::vector<Shape> shapes_;
  bool brief_ = false, learned_ = false;
};

}  // namespace thalweg::python
