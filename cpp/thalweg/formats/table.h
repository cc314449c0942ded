// The sorted table of LevelDB, which TensorFlow's checkpoints index their tensors with: one file's bytes, walked in
// order of keys.
//
// A table is data blocks, a block that indexes them, and a footer that says where that is. A block holds rows (key,
// value) in order of keys, each key without what it shares with the one before, and after them the offsets of rows that
// share nothing. The index has a row per data block, whose value is the block's place. Every block is followed by a
// byte that tells its compression and by a checksum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

inline constexpr uint64_t kTableMagic = 0xdb4775248b80fb57u;
inline constexpr size_t kTableFooter = 48, kTableBlockTrailer = 5;
enum class TableCompression : uint8_t { None = 0, Snappy = 1 };

/// A cursor over all rows. Whatever is malformed is DataLoss with the path and the offset; the size of what small files
/// may expand to is bounded.
class THALWEG_API TableReader {
 public:
  /// `file` must outlive the reader.
  TableReader(std::string_view file, std::string path);
  TableReader(const TableReader&) = delete;  // rows point into the reader
  TableReader& operator=(const TableReader&) = delete;

  /// Moves to the next row; false at the end. Keys come in strictly increasing order.
  bool next();
  std::string_view key() const { return rows_.key; }
  /// Lives until next().
  std::string_view value() const { return rows_.value; }
  /// Of the block that holds the current row.
  size_t offset() const { return rows_.offset; }
  [[noreturn]] void fail(std::string_view why, size_t offset) const;

 private:
  /// One block that is being walked.
  struct Rows {
    std::string unpacked;   // the block, if it was compressed
    std::string_view left;  // rows not read yet
    std::string key;
    std::string_view value;
    size_t offset = 0;
  };
  struct Place {
    uint64_t offset = 0, size = 0;
  };

  Place place(std::string_view& bytes, size_t offset) const;
  void open(const Place& place, Rows& rows);
  bool step(Rows& rows);
  void spend(size_t bytes, size_t offset);

  std::string_view file_;
  std::string path_, last_;
  Rows index_, rows_;
  bool first_ = true;
  size_t end_ = 0;  // of the data blocks walked so far
  size_t budget_;
};

}  // namespace thalweg
