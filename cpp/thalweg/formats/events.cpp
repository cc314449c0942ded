#include "thalweg/formats/events.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "thalweg/formats/file.h"
#include "thalweg/formats/record.h"
#include "thalweg/formats/wire.h"

namespace thalweg {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr uint32_t kWallTime = 1, kFileVersion = 3;  // fields of Event

}  // namespace

EventWriter::EventWriter(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (fd_ < 0) fail_errno(path_, errno);
  std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  WireWriter version;
  version.float64(kWallTime, now.count());
  version.bytes(kFileVersion, "brain.Event:2");
  append_record(pending_, version.str());
  // A reader that polls the folder finds a whole record from the start.
  try {
    write_out();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

EventWriter::~EventWriter() {
  try {
    close();
  } catch (const Error&) {
    // The disk is full or gone: whoever cares calls close().
  }
}

void EventWriter::write_out() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int error = errno;
      pending_.erase(0, pending_.size() - rest.size());  // what was written is not written again
      fail_errno(path_, error);
    }
    rest.remove_prefix(size_t(n));
  }
  pending_.clear();
}

void EventWriter::add_event(std::string_view event) {
  std::lock_guard lock(mutex_);
  if (fd_ < 0) TW_FAIL(FailedPrecondition, path_, ": the event file is closed");
  append_record(pending_, event);
  if (pending_.size() > kBufferBytes) write_out();
}

void EventWriter::flush() {
  std::lock_guard lock(mutex_);
  if (fd_ >= 0) write_out();
}

void EventWriter::close() {
  std::lock_guard lock(mutex_);
  if (fd_ < 0) return;
  int fd = fd_;
  try {
    write_out();
  } catch (...) {
    fd_ = -1;
    ::close(fd);
    throw;
  }
  fd_ = -1;
  if (::close(fd) != 0) fail_errno(path_, errno);
}

}  // namespace thalweg
