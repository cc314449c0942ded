#include "thalweg/formats/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "thalweg/formats/file.h"

namespace thalweg {
namespace {

constexpr size_t kBlock = 1 << 16;

std::string sibling_of(const std::string& path) {
  static std::atomic<int> count{0};  // two threads may write one path: each has a sibling of its own
  return str(path, ".tmp", ::getpid(), "_", count++);
}

}  // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)),
      sibling_(sibling_of(path_)),
      file_(std::make_unique<Descriptor>(sibling_, O_WRONLY | O_CREAT | O_TRUNC)) {}

OutputFile::~OutputFile() {
  if (file_) ::unlink(sibling_.c_str());
}

void OutputFile::append(std::string_view bytes) {
  TW_ASSERT(file_);
  size_ += bytes.size();
  if (pending_.size() + bytes.size() < kBlock) {
    pending_ += bytes;
    return;
  }
  write_out();
  file_->write(bytes);
}

void OutputFile::write_out() {
  file_->write(pending_);
  pending_.clear();
}

void OutputFile::commit() {
  TW_ASSERT(file_);
  write_out();
  file_->sync();
  if (std::rename(sibling_.c_str(), path_.c_str()) != 0) fail_errno(path_, errno);
  file_.reset();
  size_t slash = path_.rfind('/');
  Descriptor folder(slash == path_.npos ? "." : path_.substr(0, slash + 1), O_RDONLY | O_DIRECTORY);
  ::fsync(folder);  // some file systems have no such thing for folders; the file itself is safe
}

}  // namespace thalweg
