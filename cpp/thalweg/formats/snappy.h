// Snappy's block format, read only: some checkpoints have compressed tables, we write none.
#pragma once

#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// The bytes that `compressed` stands for. DataLoss "snappy: ... at byte N" for anything malformed; the size it claims
/// is believed only as far as the format can compress.
THALWEG_API std::string snappy_decompress(std::string_view compressed);

}  // namespace thalweg
