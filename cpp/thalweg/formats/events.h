// TensorBoard event files: a sequence of framed Event messages.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

/// Appends to one file. All of it may be called from several threads.
class THALWEG_API EventWriter {
 public:
  /// Creates the file and writes the event that names its version.
  explicit EventWriter(std::string path);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  /// `event` is a serialized Event. FailedPrecondition after close().
  void add_event(std::string_view event);
  /// Hands what was added to the operating system.
  void flush();
  void close();
  const std::string& path() const { return path_; }

 private:
  void write_out();

  std::string path_, pending_;
  std::mutex mutex_;
  int fd_;
};

}  // namespace thalweg
