// A PNG writer without compression: enough to show pictures, needs no zlib.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace thalweg::kernels {

/// 8 bits per channel, row by row; channels: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
std::string png(std::span<const uint8_t> pixels, int64_t height, int64_t width, int channels);

}  // namespace thalweg::kernels
