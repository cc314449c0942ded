// Writes a checkpoint as bundle.h reads it, with one shard.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "thalweg/core/tensor.h"
#include "thalweg/formats/bundle_entry.h"
#include "thalweg/formats/output_file.h"

namespace thalweg {

/// All of it may be called from several threads.
class THALWEG_API BundleWriter {
 public:
  /// The folder must exist.
  explicit BundleWriter(std::string prefix);

  /// Writes the values at once; nothing of the tensor is kept. InvalidArgument for a key that is there already.
  void add(std::string_view key, const Tensor& value);
  /// Makes the files appear: the data first, so that an index never stands without it. A checkpoint of the same prefix
  /// is replaced; between the two files a reader sees the old index, and checksums that do not match.
  void finish();

 private:
  std::mutex mutex_;
  std::string prefix_;
  OutputFile data_;
  std::map<std::string, BundleEntry, std::less<>> entries_;
  bool finished_ = false;
};

}  // namespace thalweg
