// What a checkpoint's index says: a header about the files, and an entry per tensor. Messages BundleHeaderProto and
// BundleEntryProto.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/shape.h"
#include "thalweg/formats/wire.h"

namespace thalweg {

/// The row of the header; no tensor has this key.
inline constexpr std::string_view kBundleHeaderKey = "";

/// Part of a dimension; length kUnknown: all of it.
struct BundleExtent {
  int64_t start = 0, length = kUnknown;
  bool operator==(const BundleExtent&) const = default;
};
using BundleSlice = std::vector<BundleExtent>;

struct BundleEntry {
  uint64_t type = 0;  // a DType's number, or one of a type that we do not have
  Shape shape;
  int32_t shard = 0;
  uint64_t offset = 0, size = 0;    // bytes in the shard's file
  uint32_t checksum = 0;            // masked
  std::vector<BundleSlice> slices;  // not empty: the values lie under keys of their own, slice_key() of each
};

THALWEG_API std::string bundle_entry(const BundleEntry& e);
THALWEG_API BundleEntry read_bundle_entry(std::string_view bytes);
THALWEG_API std::string bundle_header(int32_t shards);
/// The number of shards. Unimplemented for big-endian files and for versions after ours.
THALWEG_API int32_t read_bundle_header(std::string_view bytes);
/// The key of one slice of the tensor `key`: sorts like (key, rank, start and length of each dimension).
THALWEG_API std::string slice_key(std::string_view key, const BundleSlice& slice);
/// "prefix.data-00000-of-00001"
THALWEG_API std::string bundle_data_path(const std::string& prefix, int32_t shard, int32_t shards);
THALWEG_API std::string bundle_index_path(const std::string& prefix);

}  // namespace thalweg
