#include "thalweg/formats/bundle_string.h"

#include <cstring>
#include <vector>

#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/wire.h"

namespace thalweg {
namespace {

/// The checksum covers lengths as numbers of four bytes, or of eight where they need them, not as they are written.
uint32_t with_length(uint32_t crc, uint64_t length) {
  size_t size = length <= UINT32_MAX ? 4 : 8;
  return crc32c({reinterpret_cast<const char*>(&length), size}, crc);
}

uint32_t with_number(uint32_t crc, uint32_t number) {
  return crc32c({reinterpret_cast<const char*>(&number), sizeof number}, crc);
}

}  // namespace

BundleStrings bundle_strings(std::span<const std::string> strings) {
  WireWriter head;
  uint32_t crc = 0;
  for (const std::string& s : strings) {
    head.raw_varint(s.size());
    crc = with_length(crc, s.size());
  }
  uint32_t lengths = masked(crc);
  head.raw_fixed32(lengths);
  crc = with_number(crc, lengths);
  for (const std::string& s : strings) crc = crc32c(s, crc);
  return {std::move(head).str(), masked(crc)};
}

uint32_t read_bundle_strings(std::string_view bytes, std::span<std::string> strings) {
  size_t at = 0;
  auto fail = [&](std::string_view why) { TW_FAIL(DataLoss, why, " at byte ", at); };
  std::vector<uint64_t> lengths(strings.size());
  uint64_t total = 0;
  uint32_t crc = 0;
  for (uint64_t& n : lengths) {
    n = 0;
    for (int shift = 0;; shift += 7) {
      if (at == bytes.size()) fail("truncated lengths of strings");
      if (shift > 56) fail("a string's length is too large");
      uint64_t b = static_cast<unsigned char>(bytes[at++]);
      n |= (b & 127) << shift;
      if (b < 128) break;
    }
    if (n > bytes.size() - total) fail("strings that run past the end");
    total += n;
    crc = with_length(crc, n);
  }
  uint32_t stored = 0;
  if (bytes.size() - at != sizeof stored + total) fail("strings of another total length than stored");
  std::memcpy(&stored, bytes.data() + at, sizeof stored);
  if (stored != masked(crc)) {
    fail(str("The length checksum does not match: expected ", stored, " but actual is ", masked(crc)));
  }
  at += sizeof stored;
  crc = with_number(crc, stored);
  for (size_t i = 0; i < strings.size(); ++i) {
    strings[i] = bytes.substr(at, lengths[i]);
    at += lengths[i];
    crc = crc32c(strings[i], crc);
  }
  return masked(crc);
}

}  // namespace thalweg
