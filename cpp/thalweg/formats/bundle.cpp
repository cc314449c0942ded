#include "thalweg/formats/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "thalweg/formats/bundle_slices.h"
#include "thalweg/formats/bundle_string.h"
#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/file.h"
#include "thalweg/formats/table.h"

namespace thalweg {
namespace {

constexpr size_t kMostIndex = size_t(1) << 30;
constexpr size_t kChunk = 1 << 20;  // read, then checksummed while it is in cache

std::string read_index(const std::string& prefix) {
  std::string path = bundle_index_path(prefix);
  if (::access(path.c_str(), F_OK) != 0) {
    if (std::error_code none; std::filesystem::is_regular_file(prefix, none)) {
      TW_FAIL(Unimplemented, prefix, ": no ", path, " beside it; checkpoints of format V1 are not supported");
    }
    TW_FAIL(NotFound, "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for ", prefix);
  }
  return read_file(path, kMostIndex);
}

}  // namespace

BundleReader::BundleReader(std::string prefix) : prefix_(std::move(prefix)) {
  std::string index = read_index(prefix_);
  TableReader table(index, bundle_index_path(prefix_));
  if (!table.next() || table.key() != kBundleHeaderKey) table.fail("no header row", 0);
  auto row = [&](auto read) {
    try {
      return read(table.value());
    } catch (const Error& e) {
      if (e.code() == Code::Unimplemented) throw Error(e.code(), str(prefix_, ": ", e.message()));
      table.fail(str(e.message(), " of the row '", table.key(), "' in the block"), table.offset());
    }
  };
  shards_ = row(read_bundle_header);
  std::set<std::string, std::less<>> slices;
  while (table.next()) {
    BundleEntry e = row(read_bundle_entry);
    if (e.slices.empty() && (e.shard < 0 || e.shard >= shards_)) {
      table.fail(str("'", table.key(), "' in shard ", e.shard, " of ", shards_, ", in the block"), table.offset());
    }
    for (const BundleSlice& s : e.slices) slices.insert(slice_key(table.key(), s));
    entries_.emplace_hint(entries_.end(), table.key(), std::move(e));
  }
  for (const auto& [key, e] : entries_) {
    if (!slices.contains(key)) keys_.push_back(key);
  }
  files_.resize(size_t(shards_));
}

const BundleEntry& BundleReader::entry(std::string_view key) const {
  auto found = entries_.find(key);
  if (found == entries_.end()) TW_FAIL(NotFound, "Key ", key, " not found in checkpoint");
  return found->second;
}

DType BundleReader::dtype(std::string_view key) const {
  uint64_t type = entry(key).type;
  if (type == 0 || type >= uint64_t(kDTypeCount)) {
    TW_FAIL(Unimplemented, prefix_, ": '", key, "' has data type ", type, ", which is not supported");
  }
  return DType(type);
}

const Descriptor& BundleReader::shard(const BundleEntry& e) const {
  std::lock_guard lock(mutex_);
  auto& file = files_[size_t(e.shard)];
  if (!file) file = std::make_unique<Descriptor>(bundle_data_path(prefix_, e.shard, shards_), O_RDONLY);
  return *file;
}

std::string BundleReader::where(std::string_view key, const BundleEntry& e) const {
  return str("'", key, "' at byte ", e.offset, " of ", bundle_data_path(prefix_, e.shard, shards_));
}

DType BundleReader::check(std::string_view key, const BundleEntry& e) const {
  DType type = dtype(key);
  if (!(kPlain | kString).has(type)) {
    TW_FAIL(Unimplemented, prefix_, ": '", key, "' is a ", name_of(type), ", which is not supported");
  }
  size_t end = shard(e).size();
  if (e.offset > end || e.size > end - e.offset) {
    TW_FAIL(OutOfRange, "Read less bytes than requested: ", where(key, e), ", ", e.size, " bytes of a file of ", end);
  }
  auto size = uint64_t(e.shape.size());  // a string takes a byte or more
  if (type != DType::string && __builtin_mul_overflow(size, size_of(type), &size)) size = UINT64_MAX;
  if (type == DType::string ? e.size < size : e.size != size) {
    TW_FAIL(DataLoss, "Invalid size in bundle entry: ", e.size, " bytes for ", type, e.shape, ": ", where(key, e));
  }
  return type;
}

Tensor BundleReader::read(std::string_view key) const {
  const BundleEntry& e = entry(key);
  return e.slices.empty() ? read_whole(key, e) : read_slices(key, e);
}

Tensor BundleReader::read_whole(std::string_view key, const BundleEntry& e) const {
  DType type = check(key, e);
  const Descriptor& file = shard(e);
  Tensor t(type, e.shape);
  uint32_t checksum = 0;
  if (type == DType::string) {
    std::string bytes(e.size, '\0');
    file.read(e.offset, bytes.data(), bytes.size());
    try {
      checksum = read_bundle_strings(bytes, t.flat<std::string>());
    } catch (const Error& error) {
      throw Error(error.code(), str(error.message(), " of ", where(key, e)));
    }
  } else {
    auto* out = static_cast<char*>(t.data());
    for (size_t done = 0; done < e.size; done += kChunk) {
      size_t n = std::min(kChunk, e.size - done);
      file.read(e.offset + done, out + done, n);
      checksum = crc32c({out + done, n}, checksum);
    }
    checksum = masked(checksum);
  }
  if (checksum != e.checksum) {
    TW_FAIL(DataLoss, "TensorBundle at ", prefix_, " shard ", e.shard, " (", e.size,
            " bytes): Checksum does not match: stored ", e.checksum, " vs. calculated on the restored bytes ", checksum,
            ": ", where(key, e));
  }
  if (type == DType::boolean) {  // another byte than 0 and 1 would be undefined behaviour as a bool
    auto* out = static_cast<unsigned char*>(t.data());
    for (size_t i = 0; i < e.size; ++i) out[i] = out[i] != 0;
  }
  return t;
}

Tensor BundleReader::read_slices(std::string_view key, const BundleEntry& e) const {
  SlicedTensor whole(str(prefix_, ": '", key, "'"), e.shape, e.slices);
  DType type = dtype(key);
  struct Bytes {
    int32_t shard;
    uint64_t begin, end;
  };
  std::vector<Bytes> bytes;
  std::vector<std::string> keys;
  for (size_t i = 0; i < e.slices.size(); ++i) {
    keys.push_back(slice_key(key, e.slices[i]));
    const auto& part = entry(keys.back());
    if (part.type != e.type || part.shape != whole.shape(i) || !part.slices.empty()) {
      TW_FAIL(DataLoss, prefix_, ": slice ", i, " of '", key, "' is not what the tensor says");
    }
    check(keys.back(), part);
    if (part.size) bytes.push_back({part.shard, part.offset, part.offset + part.size});
  }
  std::ranges::sort(bytes, {}, [](const Bytes& b) { return std::pair(b.shard, b.begin); });
  for (size_t i = 1; i < bytes.size(); ++i) {
    if (bytes[i].shard == bytes[i - 1].shard && bytes[i].begin < bytes[i - 1].end) {
      TW_FAIL(DataLoss, prefix_, ": slices of '", key, "' share bytes");  // or few bytes would ask for much memory
    }
  }
  whole.allocate(type);
  for (size_t i = 0; i < keys.size(); ++i) whole.put(i, read_whole(keys[i], entry(keys[i])));
  return whole.tensor();
}

}  // namespace thalweg
