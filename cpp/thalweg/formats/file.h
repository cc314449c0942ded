// Whole files: read with a cap, written so that a crash leaves the old file or the new one.
#pragma once

#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// Throws the Error that errno stands for: NotFound "path: No such file or directory", PermissionDenied, ...
[[noreturn]] THALWEG_API void fail_errno(const std::string& path, int error);

/// Writes a sibling file, syncs it, renames it over `path` and syncs the folder.
THALWEG_API void write_file(const std::string& path, std::string_view bytes);
/// ResourceExhausted when the file is larger than `limit` bytes.
THALWEG_API std::string read_file(const std::string& path, size_t limit = size_t(1) << 32);

}  // namespace thalweg
