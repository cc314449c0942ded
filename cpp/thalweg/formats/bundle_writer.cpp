#include "thalweg/formats/bundle_writer.h"

#include <algorithm>

#include "thalweg/formats/bundle_string.h"
#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/file.h"
#include "thalweg/formats/table_writer.h"

namespace thalweg {
namespace {

constexpr size_t kChunk = 1 << 20;  // checksummed, then written while it is in cache
constexpr size_t kMostKey = 1 << 16;

}  // namespace

BundleWriter::BundleWriter(std::string prefix) : prefix_(std::move(prefix)), data_(bundle_data_path(prefix_, 0, 1)) {}

void BundleWriter::add(std::string_view key, const Tensor& value) {
  std::lock_guard lock(mutex_);
  if (finished_) TW_FAIL(FailedPrecondition, prefix_, ": the checkpoint is finished");
  TW_CHECK(!key.empty() && key.size() < kMostKey, prefix_, ": a key of ", key.size(), " bytes");
  TW_CHECK(!entries_.contains(key), prefix_, ": Adding duplicate key: ", key);
  if (!(kPlain | kString).has(value.dtype())) {
    TW_FAIL(Unimplemented, prefix_, ": '", key, "' is a ", name_of(value.dtype()), ", which cannot be saved");
  }
  BundleEntry e;
  e.type = uint64_t(value.dtype());
  e.shape = value.shape();
  e.offset = data_.size();
  if (value.dtype() == DType::string) {
    auto strings = value.flat<std::string>();
    BundleStrings stored = bundle_strings(strings);
    e.checksum = stored.checksum;
    data_.append(stored.head);
    for (const std::string& s : strings) data_.append(s);
  } else {
    std::string_view rest(static_cast<const char*>(value.data()), value.bytes());
    uint32_t crc = 0;
    while (!rest.empty()) {
      std::string_view chunk = rest.substr(0, kChunk);
      crc = crc32c(chunk, crc);
      data_.append(chunk);
      rest.remove_prefix(chunk.size());
    }
    e.checksum = masked(crc);
  }
  e.size = data_.size() - e.offset;
  entries_.emplace(key, std::move(e));
}

void BundleWriter::finish() {
  std::lock_guard lock(mutex_);
  if (finished_) TW_FAIL(FailedPrecondition, prefix_, ": the checkpoint is finished");
  finished_ = true;
  TableWriter table;
  table.add(kBundleHeaderKey, bundle_header(1));
  for (const auto& [key, entry] : entries_) table.add(key, bundle_entry(entry));
  data_.commit();
  write_file(bundle_index_path(prefix_), table.finish());
}

}  // namespace thalweg
