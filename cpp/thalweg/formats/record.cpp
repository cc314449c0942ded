#include "thalweg/formats/record.h"

#include <cstring>

#include "thalweg/formats/crc32c.h"

namespace thalweg {
namespace {

void append_number(std::string& out, const auto& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T number_at(std::string_view file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

}  // namespace

void append_record(std::string& out, std::string_view bytes) {
  uint64_t size = bytes.size();
  append_number(out, size);
  append_number(out, masked_crc32c({reinterpret_cast<const char*>(&size), sizeof size}));
  out += bytes;
  append_number(out, masked_crc32c(bytes));
}

bool next_record(std::string_view file, size_t& offset, std::string_view& bytes) {
  constexpr size_t kHeader = 12, kFooter = 4;
  if (offset >= file.size()) return false;
  size_t left = file.size() - offset;
  if (left < kHeader) TW_FAIL(DataLoss, "truncated record at ", offset);
  if (masked_crc32c(file.substr(offset, 8)) != number_at<uint32_t>(file, offset + 8)) {
    TW_FAIL(DataLoss, "corrupted record at ", offset);
  }
  uint64_t size = number_at<uint64_t>(file, offset);
  if (left - kHeader < kFooter || size > left - kHeader - kFooter) TW_FAIL(DataLoss, "truncated record at ", offset);
  bytes = file.substr(offset + kHeader, size);
  if (masked_crc32c(bytes) != number_at<uint32_t>(file, offset + kHeader + size)) {
    TW_FAIL(DataLoss, "corrupted record at ", offset);
  }
  offset += kHeader + size + kFooter;
  return true;
}

}  // namespace thalweg
