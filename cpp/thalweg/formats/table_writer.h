// Writes the sorted table that table.h reads, uncompressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/formats/table.h"

namespace thalweg {

class THALWEG_API TableWriter {
 public:
  /// Keys must come in strictly increasing order of their bytes.
  void add(std::string_view key, std::string_view value);
  /// The file's bytes.
  std::string finish();

 private:
  /// A block that is being filled.
  struct Block {
    explicit Block(size_t restart_every) : every(restart_every) {}
    void add(std::string_view key, std::string_view value);
    size_t size() const { return bytes.size() + 4 * restarts.size() + 4; }

    size_t every, since_restart = 0;
    std::string bytes, last_key;
    std::vector<uint32_t> restarts{0};
  };

  /// Appends the block to the file; its place as a handle.
  std::string flush(Block& block);
  void end_data_block();
  /// Adds the index row of the block that was ended last.
  void index(std::string_view key);

  static constexpr size_t kBlockBytes = 1 << 18;

  std::string file_, last_key_;
  std::string ended_;  // the handle of a block whose row waits for the key that follows it
  Block data_{16}, index_{1};
};

}  // namespace thalweg
