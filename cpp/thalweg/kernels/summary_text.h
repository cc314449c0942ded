// Tensors as text, the way Print, Assert and StringFormat show them.
#pragma once

#include <string>

#include "thalweg/core/tensor.h"

namespace thalweg::kernels {

/// At most `limit` elements (all if it is negative) on one line: "1 2 3...", "[1 2][3...]...". The outermost brackets
/// are the caller's.
std::string summary_text(const Tensor& t, int64_t limit);
/// `edge` items at both ends of every axis (all if it is negative), strings in quotes, rows on lines of their own:
/// "[0 1 ... 8 9]".
std::string layout_text(const Tensor& t, int64_t edge);

/// The shorter of 6 and 9 digits (15 and 17 for double) that reads back as the same number.
std::string number_text(float x);
std::string number_text(double x);

}  // namespace thalweg::kernels
