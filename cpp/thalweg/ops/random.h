// What the files of random ops share: rules for the shapes and seeds that they take.
#pragma once

#include "thalweg/registry/infer.h"

namespace thalweg::ops {

/// The shape that input 0 holds. -1 is an unknown dimension while the graph is built, and wrong in a run.
inline PartialShape wanted_shape(Infer& s) {
  PartialShape shape = s.shape_from(0);
  if (s.running()) {
    if (auto dims = s.values(0)) {
      for (int64_t d : *dims) s.require(d >= 0 || d == kUnknownValue, "Dimension ", d, " must be >= 0");
    }
  }
  return shape;
}

/// A seed of two numbers at input 1.
inline void require_seed(Infer& s) {
  PartialShape seed = s.rank(1, 1);
  if (seed.known_rank()) s.merge(seed[0], 2);
}

/// A key of one number, a counter of one or two and an algorithm at inputs 1, 2 and 3.
inline void require_key(Infer& s) {
  s.rank(1, 1);
  s.rank(2, 1);
  s.rank(3, 0);
}

// Parts of the family that have files of their own; called by register_random.
void register_rejection(OpRegistry& r);
void register_candidates(OpRegistry& r);

}  // namespace thalweg::ops
