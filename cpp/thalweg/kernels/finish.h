// What happens to a block of a product's result right after it is complete, while it is still in cache: bias,
// activation, the product with an activation's derivative. The product only says which block; what is done to it is
// somebody else's.
#pragma once

#include <cstdint>

namespace thalweg::kernels {

/// Called on the thread that made the block, once for every element of the result, when no more will be added to it.
/// The result is a row-major matrix; that of a convolution has a row per pixel and a column per channel.
struct Finish {
  void (*call)(const void* context, const void* block, int64_t row, int64_t rows, int64_t col, int64_t cols) = nullptr;
  const void* context = nullptr;
  /// The result's memory holds what the finish reads: blocks are to be made elsewhere.
  bool apart = false;
  /// Matrices of the result's shape and type that the finish reads: worth fetching while a block is made.
  const void* const* reads = nullptr;
  int read_count = 0;

  explicit operator bool() const { return call != nullptr; }
  /// `block`: where the block lies, its rows end to end; null: in its place in the result.
  void operator()(int64_t row, int64_t rows, int64_t col, int64_t cols, const void* block = nullptr) const {
    call(context, block, row, rows, col, cols);
  }
};

/// Calls f(begin, end, at) for the elements of a block that lie end to end in a result of so many columns: [begin, end)
/// of the result, from element `at` of the block on.
template <class F>
void for_each_stretch(int64_t columns, int64_t row, int64_t rows, int64_t col, int64_t cols, F&& f) {
  if (cols == columns) return f(row * columns, (row + rows) * columns, int64_t(0));
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t begin = (row + r) * columns + col;
    f(begin, begin + cols, r * cols);
  }
}

}  // namespace thalweg::kernels
