// A file that is written in pieces and comes into being whole: under a sibling's name until it is committed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "thalweg/formats/descriptor.h"

namespace thalweg {

class THALWEG_API OutputFile {
 public:
  /// Creates the sibling. Several writers of one path do not meet: the last to commit wins.
  explicit OutputFile(std::string path);
  /// Without commit() the sibling is removed and nothing has happened.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Small pieces are collected, large ones are written as they lie.
  void append(std::string_view bytes);
  /// Bytes appended so far.
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Writes out and syncs the sibling, renames it over the path and syncs the folder.
  void commit();

 private:
  void write_out();

  std::string path_, sibling_, pending_;
  size_t size_ = 0;
  std::unique_ptr<Descriptor> file_;  // null once committed
};

}  // namespace thalweg
