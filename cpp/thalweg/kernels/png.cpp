#include "thalweg/kernels/png.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace thalweg::kernels {
namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    table[b] = crc;
  }
  return table;
}();

void append_big_endian(std::string& out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += char(v >> shift);
}

void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_big_endian(out, uint32_t(data.size()));
  uint32_t crc = ~0u;
  for (std::string_view part : {type, data}) {
    for (char c : part) crc = crc >> 8 ^ kCrcTable[(crc ^ uint32_t(c)) & 255];
    out += part;
  }
  append_big_endian(out, ~crc);
}

/// A zlib stream of stored blocks.
std::string stored(std::string_view data) {
  constexpr size_t kBlock = 65535;
  std::string out = "\x78\x01";
  for (size_t at = 0; at == 0 || at < data.size(); at += kBlock) {
    std::string_view block = data.substr(at, kBlock);
    out += char(at + kBlock >= data.size());
    for (size_t n : {block.size(), ~block.size()}) {
      out += char(n);
      out += char(n >> 8);
    }
    out += block;
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  append_big_endian(out, b << 16 | a);
  return out;
}

}  // namespace

std::string png(std::span<const uint8_t> pixels, int64_t height, int64_t width, int channels) {
  constexpr std::array<char, 5> kColorType{0, 0, 4, 2, 6};  // by channels
  std::string header;
  append_big_endian(header, uint32_t(width));
  append_big_endian(header, uint32_t(height));
  header += 8;  // bits per channel
  header += kColorType[size_t(channels)];
  header.append(3, '\0');  // deflate, no filter choice, no interlacing
  std::string rows;
  size_t row = size_t(width) * size_t(channels);
  for (size_t y = 0; y < size_t(height); ++y) {
    rows += '\0';  // this row is not filtered
    rows.append(reinterpret_cast<const char*>(pixels.data()) + y * row, row);
  }
  std::string out = "\x89PNG\r\n\x1a\n";
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", stored(rows));
  append_chunk(out, "IEND", "");
  return out;
}

}  // namespace thalweg::kernels
