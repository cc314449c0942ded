// How a checkpoint stores a tensor of strings: their lengths, a checksum of those, their bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

struct BundleStrings {
  std::string head;   // lengths and their checksum; the strings follow
  uint32_t checksum;  // of all, masked
};

THALWEG_API BundleStrings bundle_strings(std::span<const std::string> strings);
/// Fills `strings` from what was stored and gives the checksum of all, masked. DataLoss, with the offset in `bytes`, if
/// they are not so many strings.
THALWEG_API uint32_t read_bundle_strings(std::string_view bytes, std::span<std::string> strings);

}  // namespace thalweg
