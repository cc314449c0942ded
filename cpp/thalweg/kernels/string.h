// What the files of string kernels share.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// The other case of a code point of the Latin-1, Greek and Cyrillic blocks; itself if it has none.
char32_t changed_case(char32_t c, bool upper);

// The part of the family that has a file of its own; called by register_string.
void register_string_regex(KernelRegistry& r);

}  // namespace thalweg::kernels
