// Several neighbouring diagonals of a matrix as the rows of another, as MatrixDiagV3 and its like take them.
#pragma once

#include <algorithm>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg::ops {

/// Diagonals `lower` to `upper` of rows x cols; above 0 they lie right of the main one. Packed, diagonal `upper` is row
/// 0, and all rows are as long as the longest.
struct Diagonals {
  int64_t rows, cols, lower, upper;
  bool super_left, sub_left;  // at which end of their rows shorter ones lie

  Diagonals(int64_t rows, int64_t cols, int64_t lower, int64_t upper, std::string_view align)
      : rows(rows),
        cols(cols),
        lower(lower),
        upper(upper),
        super_left(align.starts_with("LEFT")),
        sub_left(align.ends_with("LEFT")) {
    check(lower, "lower");
    check(upper, "upper");
    TW_CHECK(lower <= upper, "lower_diag_index must not be larger than upper_diag_index: ", lower, " > ", upper);
  }

  int64_t count() const { return upper - lower + 1; }
  int64_t longest() const { return std::min(rows + std::min<int64_t>(upper, 0), cols - std::max<int64_t>(lower, 0)); }
  int64_t length(int64_t d) const { return std::min(rows + std::min<int64_t>(d, 0), cols - std::max<int64_t>(d, 0)); }
  /// Where diagonal d begins in its row.
  int64_t offset(int64_t d) const {
    bool left = (d >= 0 && super_left) || (d <= 0 && sub_left);
    return left ? 0 : longest() - length(d);
  }
  /// Where diagonal d begins in the matrix.
  int64_t start(int64_t d) const { return d >= 0 ? d : -d * cols; }

 private:
  void check(int64_t d, std::string_view which) const {
    TW_CHECK((-rows < d && d < cols) || d == 0, which, "_diag_index is out of bound: ", d, ". It must be between ",
             -rows, " and ", cols);
  }
};

/// The sides of a matrix whose diagonals `lower` to `upper` are packed in rows of `longest`; -1 is to be inferred.
inline std::pair<int64_t, int64_t> matrix_sides(int64_t longest, int64_t lower, int64_t upper, int64_t rows,
                                                int64_t cols) {
  int64_t least_rows = longest - std::min<int64_t>(upper, 0), least_cols = longest + std::max<int64_t>(lower, 0);
  TW_CHECK(rows < 0 || rows >= least_rows, "The number of rows is too small: ", rows, " < ", least_rows);
  TW_CHECK(cols < 0 || cols >= least_cols, "The number of columns is too small: ", cols, " < ", least_cols);
  if (rows < 0 && cols < 0) rows = cols = std::max(least_rows, least_cols);
  if (rows < 0) rows = least_rows;
  if (cols < 0) cols = least_cols;
  TW_CHECK(rows == least_rows || cols == least_cols,
           "The number of rows or columns is not consistent with the specified d_lower, d_upper, and diagonal: ", rows,
           " and ", cols, ", one of which must be ", least_rows, " or ", least_cols, " respectively");
  return {rows, cols};
}

}  // namespace thalweg::ops
