#include "thalweg/formats/table_writer.h"

#include <algorithm>
#include <utility>

#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/wire.h"

namespace thalweg {
namespace {

/// A short key that is not before `last` and before `next`.
std::string between(const std::string& last, std::string_view next) {
  size_t at = 0, most = std::min(last.size(), next.size());
  while (at < most && last[at] == next[at]) ++at;
  auto byte = [&](std::string_view s) { return static_cast<unsigned char>(s[at]); };
  if (at == most || byte(last) == 0xff || byte(last) + 1 >= byte(next)) return last;
  return last.substr(0, at) + char(byte(last) + 1);
}

/// A short key that is not before `last`.
std::string after(const std::string& last) {
  size_t at = last.find_first_not_of('\xff');
  if (at == last.npos) return last;
  return last.substr(0, at) + char(static_cast<unsigned char>(last[at]) + 1);
}

}  // namespace

void TableWriter::Block::add(std::string_view key, std::string_view value) {
  size_t shared = 0;
  if (since_restart == every) {
    restarts.push_back(uint32_t(bytes.size()));
    since_restart = 0;
  } else {
    size_t most = std::min(last_key.size(), key.size());
    while (shared < most && key[shared] == last_key[shared]) ++shared;
  }
  WireWriter row;
  row.raw_varint(shared);
  row.raw_varint(key.size() - shared);
  row.raw_varint(value.size());
  bytes += row.str();
  bytes += key.substr(shared);
  bytes += value;
  last_key = key;
  ++since_restart;
}

std::string TableWriter::flush(Block& block) {
  WireWriter handle, end;
  for (uint32_t r : block.restarts) end.raw_fixed32(r);
  end.raw_fixed32(uint32_t(block.restarts.size()));
  block.bytes += end.str();
  handle.raw_varint(file_.size());
  handle.raw_varint(block.bytes.size());
  block.bytes += char(TableCompression::None);
  WireWriter checksum;
  checksum.raw_fixed32(masked_crc32c(block.bytes));
  file_ += block.bytes;
  file_ += checksum.str();
  block = Block(block.every);
  return std::move(handle).str();
}

void TableWriter::end_data_block() {
  if (!data_.bytes.empty()) ended_ = flush(data_);
}

void TableWriter::index(std::string_view key) {
  if (!ended_.empty()) index_.add(key, std::exchange(ended_, {}));
}

void TableWriter::add(std::string_view key, std::string_view value) {
  TW_ASSERT((data_.bytes.empty() && ended_.empty()) || key > last_key_);
  index(between(last_key_, key));
  data_.add(key, value);
  last_key_ = key;
  if (data_.size() >= kBlockBytes) end_data_block();
}

std::string TableWriter::finish() {
  end_data_block();
  index(after(last_key_));
  Block about(1);
  std::string footer = flush(about);
  footer += flush(index_);
  footer.resize(kTableFooter - sizeof kTableMagic);
  WireWriter magic;
  magic.raw_fixed64(kTableMagic);
  return std::exchange(file_, {}) + footer + magic.str();
}

}  // namespace thalweg
