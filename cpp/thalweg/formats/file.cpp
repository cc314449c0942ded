#include "thalweg/formats/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "thalweg/formats/descriptor.h"
#include "thalweg/formats/output_file.h"

namespace thalweg {

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
  OutputFile file(path);
  file.append(bytes);
  file.commit();
}

std::string read_file(const std::string& path, size_t limit) {
  Descriptor file(path, O_RDONLY);
  std::string bytes;
  size_t size = file.size();
  if (size > 0 && size <= limit) bytes.reserve(size + 1);
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
