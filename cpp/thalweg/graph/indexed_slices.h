// Gradients that are rows of a larger tensor, such as those of a table of which a few rows were read.
#pragma once

#include <optional>

#include "thalweg/graph/out.h"

namespace thalweg {

/// A tensor of `rows` rows that is the sum of `values` [k, ...] at the rows `indices` [k], zero elsewhere.
struct IndexedSlices {
  Out values, indices, rows;

  /// The whole tensor, as a node that tells what it was made of: whoever can do with the slices takes these, and it is
  /// never computed.
  THALWEG_API Out dense() const;
};

/// What `dense` was made of, if it was made by IndexedSlices::dense.
THALWEG_API std::optional<IndexedSlices> slices_of(const Out& dense);

/// The sum of gradients: again of slices if all of them are.
THALWEG_API Out sum_of_gradients(std::span<const Out> parts);

}  // namespace thalweg
