// The record framing of TensorFlow's TFRecord and event files: length, its checksum, the bytes, their checksum.
#pragma once

#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// Appends one framed record to `out`.
THALWEG_API void append_record(std::string& out, std::string_view bytes);
/// Reads the record that begins at `offset` of a file's bytes and moves `offset` past it; false at the end. DataLoss
/// with the offset for a truncated or damaged record.
THALWEG_API bool next_record(std::string_view file, size_t& offset, std::string_view& bytes);

}  // namespace thalweg
