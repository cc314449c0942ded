#include "thalweg/formats/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "thalweg/formats/file.h"

namespace thalweg {

Descriptor::Descriptor(const std::string& path, int flags)
    : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
  if (fd_ < 0) fail_errno(path, errno);
}

Descriptor::~Descriptor() { ::close(fd_); }

size_t Descriptor::size() const {
  struct stat info;
  if (::fstat(fd_, &info) != 0) fail_errno(path_, errno);
  if (S_ISDIR(info.st_mode)) fail_errno(path_, EISDIR);
  return size_t(std::max<off_t>(info.st_size, 0));
}

void Descriptor::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path_, errno);
    bytes.remove_prefix(size_t(n));
  }
}

void Descriptor::read(size_t offset, void* to, size_t size) const {
  auto* out = static_cast<char*>(to);
  for (size_t done = 0; done < size;) {
    ssize_t n = ::pread(fd_, out + done, size - done, off_t(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path_, errno);
    if (n == 0) {
      TW_FAIL(OutOfRange, path_, ": Read less bytes than requested: ", done, " of ", size, " at byte ", offset);
    }
    done += size_t(n);
  }
}

void Descriptor::sync() {
  if (::fsync(fd_) != 0) fail_errno(path_, errno);
}

}  // namespace thalweg
