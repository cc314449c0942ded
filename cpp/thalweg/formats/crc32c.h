// CRC-32C (Castagnoli), the checksum of TensorFlow's record files and checkpoints.
#pragma once

#include <cstdint>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// The checksum of the bytes whose checksum is `crc`, followed by `bytes`.
THALWEG_API uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);
/// As files store it: a checksum of data that holds checksums would be weak.
inline uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }
inline uint32_t masked_crc32c(std::string_view bytes) { return masked(crc32c(bytes)); }

}  // namespace thalweg
