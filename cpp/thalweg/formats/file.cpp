#include "thalweg/formats/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace thalweg {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) fail_errno(path, errno);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }  // NOLINT(google-explicit-constructor)

 private:
  int fd_;
};

void write_and_sync(const std::string& path, std::string_view bytes) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  while (!bytes.empty()) {
    ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, errno);
    bytes.remove_prefix(size_t(n));
  }
  if (::fsync(file) != 0) fail_errno(path, errno);
}

}  // namespace

void fail_errno(const std::string& path, int error) {
  Code code = Code::Unknown;
  if (error == ENOENT || error == ENOTDIR) code = Code::NotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::PermissionDenied;
  if (error == EEXIST) code = Code::AlreadyExists;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENOMEM) code = Code::ResourceExhausted;
  if (error == EISDIR) code = Code::FailedPrecondition;
  fail(code, str(path, ": ", std::strerror(error)));
}

void write_file(const std::string& path, std::string_view bytes) {
  static std::atomic<int> count{0};  // two threads may write one path: each has a sibling of its own
  std::string sibling = str(path, ".tmp", ::getpid(), "_", count++);
  try {
    write_and_sync(sibling, bytes);
    if (::rename(sibling.c_str(), path.c_str()) != 0) fail_errno(path, errno);
  } catch (...) {
    ::unlink(sibling.c_str());
    throw;
  }
  size_t slash = path.rfind('/');
  Descriptor folder(slash == path.npos ? "." : path.substr(0, slash + 1), O_RDONLY | O_DIRECTORY);
  ::fsync(folder);  // some file systems have no such thing for folders; the file itself is safe
}

std::string read_file(const std::string& path, size_t limit) {
  Descriptor file(path, O_RDONLY);
  std::string bytes;
  struct stat info;
  if (::fstat(file, &info) == 0 && S_ISDIR(info.st_mode)) fail_errno(path, EISDIR);
  if (info.st_size > 0 && size_t(info.st_size) <= limit) bytes.reserve(size_t(info.st_size) + 1);
  char block[1 << 16];
  while (true) {
    ssize_t n = ::read(file, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, errno);
    if (n == 0) return bytes;
    bytes.append(block, size_t(n));
    if (bytes.size() > limit) TW_FAIL(ResourceExhausted, path, ": larger than the limit of ", limit, " bytes");
  }
}

}  // namespace thalweg
