// TensorFlow's checkpoints ("tensor bundles", format V2), read: prefix.index says what lies where in
// prefix.data-00000-of-00001 and further shards. Names and arrays; what objects they belong to is not known here.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/tensor.h"
#include "thalweg/formats/bundle_entry.h"
#include "thalweg/formats/descriptor.h"

namespace thalweg {

/// All of it may be called from several threads.
class THALWEG_API BundleReader {
 public:
  /// Reads the index. NotFound without one, DataLoss for a damaged one.
  explicit BundleReader(std::string prefix);

  const std::string& prefix() const { return prefix_; }
  /// In order; without the keys of slices.
  const std::vector<std::string>& keys() const { return keys_; }
  bool has(std::string_view key) const { return entries_.find(key) != entries_.end(); }
  const BundleEntry& entry(std::string_view key) const;
  /// Unimplemented for a type that we do not have.
  DType dtype(std::string_view key) const;
  /// The value, its checksum verified: DataLoss if it does not match, OutOfRange if the file ends before.
  Tensor read(std::string_view key) const;

 private:
  const Descriptor& shard(const BundleEntry& e) const;
  /// Where an entry's bytes are, for errors.
  std::string where(std::string_view key, const BundleEntry& e) const;
  /// The type of values that are in the file as the entry says. Before anything of their size is allocated: small files
  /// cannot ask for much memory.
  DType check(std::string_view key, const BundleEntry& e) const;
  Tensor read_whole(std::string_view key, const BundleEntry& e) const;
  Tensor read_slices(std::string_view key, const BundleEntry& e) const;

  std::string prefix_;
  int32_t shards_ = 0;
  std::map<std::string, BundleEntry, std::less<>> entries_;
  std::vector<std::string> keys_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Descriptor>> files_;  // opened when first read; guarded by mutex_
};

}  // namespace thalweg
