// A file descriptor that closes itself, and reads and writes that do not stop half way.
#pragma once

#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

class THALWEG_API Descriptor {
 public:
  /// `flags` are open(2)'s. Throws fail_errno.
  Descriptor(const std::string& path, int flags);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes of the file as it is now; FailedPrecondition for a folder.
  size_t size() const;
  void write(std::string_view bytes);
  /// Bytes [offset, offset + size); OutOfRange if the file ends before. Threads may read at a time.
  void read(size_t offset, void* to, size_t size) const;
  void sync();
  operator int() const { return fd_; }  // NOLINT(google-explicit-constructor)

 private:
  std::string path_;
  int fd_;
};

}  // namespace thalweg
