#include "thalweg/formats/table.h"

#include <cstring>

#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/snappy.h"

namespace thalweg {
namespace {

constexpr size_t kMostKey = 1 << 16;
// Keys that share long beginnings are larger in memory than in the file. Real tables stay below 20 times.
constexpr size_t kMostExpansion = 64;

template <class T>
T number_at(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Takes a varint from the front of `bytes`; false if there is none.
bool take_varint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
    uint64_t b = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && b > 1) return false;
    value |= (b & 127) << shift;
    if (b < 128) return true;
  }
  return false;
}

}  // namespace

void TableReader::fail(std::string_view why, size_t offset) const {
  TW_FAIL(DataLoss, path_, ": ", why, " at byte ", offset);
}

TableReader::TableReader(std::string_view file, std::string path)
    : file_(file), path_(std::move(path)), budget_(kMostExpansion * file.size()) {
  if (file.size() < kTableFooter) TW_FAIL(DataLoss, path_, ": file is too short to be an sstable");
  size_t footer = file.size() - kTableFooter;
  if (number_at<uint64_t>(file, file.size() - 8) != kTableMagic) fail("not an sstable (bad magic number)", footer + 40);
  std::string_view places = file.substr(footer, 40);
  place(places, footer);  // of a block about the table, which has nothing in it
  open(place(places, footer), index_);
}

TableReader::Place TableReader::place(std::string_view& bytes, size_t offset) const {
  Place p;
  if (!take_varint(bytes, p.offset) || !take_varint(bytes, p.size)) fail("bad block handle", offset);
  size_t body = file_.size() - kTableFooter;
  if (p.offset > body || body - p.offset < kTableBlockTrailer || p.size > body - p.offset - kTableBlockTrailer) {
    fail(str("a block of ", p.size, " bytes at ", p.offset, " runs past the end, says the handle"), offset);
  }
  return p;
}

void TableReader::spend(size_t bytes, size_t offset) {
  if (bytes > budget_) {
    TW_FAIL(ResourceExhausted, path_, ": more than ", kMostExpansion, " times its size in memory at byte ", offset);
  }
  budget_ -= bytes;
}

void TableReader::open(const Place& place, Rows& rows) {
  rows.offset = place.offset;
  rows.key.clear();
  std::string_view checked = file_.substr(place.offset, place.size + 1);
  if (masked_crc32c(checked) != number_at<uint32_t>(file_, place.offset + place.size + 1)) {
    fail("block checksum mismatch", place.offset);
  }
  std::string_view block = checked.substr(0, place.size);
  auto compression = TableCompression(checked.back());
  if (compression == TableCompression::Snappy) {
    try {
      rows.unpacked = snappy_decompress(block);
    } catch (const Error& e) {
      fail(e.message() + " of the block", place.offset);
    }
    spend(rows.unpacked.size(), place.offset);
    block = rows.unpacked;
  } else if (compression != TableCompression::None) {
    fail(str("unknown compression ", int(compression)), place.offset);
  }
  if (block.size() < 4) fail("a block without restarts", place.offset);
  uint64_t restarts = number_at<uint32_t>(block, block.size() - 4);
  if (restarts > (block.size() - 4) / 4) fail(str("a block with ", restarts, " restarts"), place.offset);
  rows.left = block.substr(0, block.size() - 4 - 4 * restarts);
}

bool TableReader::step(Rows& rows) {
  if (rows.left.empty()) return false;
  uint64_t shared, rest, size;
  if (!take_varint(rows.left, shared) || !take_varint(rows.left, rest) || !take_varint(rows.left, size)) {
    fail("a truncated row in the block", rows.offset);
  }
  if (shared > rows.key.size() || rest > rows.left.size() || size > rows.left.size() - rest) {
    fail("a row that runs past its end in the block", rows.offset);
  }
  if (shared + rest > kMostKey) {
    TW_FAIL(ResourceExhausted, path_, ": a key of ", shared + rest, " bytes in the block at byte ", rows.offset);
  }
  spend(shared, rows.offset);
  rows.key.resize(shared);
  rows.key += rows.left.substr(0, rest);
  rows.value = rows.left.substr(rest, size);
  rows.left.remove_prefix(rest + size);
  return true;
}

bool TableReader::next() {
  while (!step(rows_)) {
    if (!step(index_)) return false;
    std::string_view handle = index_.value;
    Place block = place(handle, index_.offset);
    if (block.offset < end_) fail("blocks out of order", block.offset);  // or one block could be walked many times
    end_ = block.offset + block.size + kTableBlockTrailer;
    open(block, rows_);
  }
  if (!first_ && rows_.key <= last_) fail("keys out of order in the block", rows_.offset);
  first_ = false;
  last_ = rows_.key;
  return true;
}

}  // namespace thalweg
