#include "thalweg/formats/bundle_entry.h"

#include <array>
#include <cstdio>

#include "thalweg/formats/tensor_proto.h"

namespace thalweg {
namespace {

// Fields of BundleEntryProto.
constexpr uint32_t kType = 1, kShape = 2, kShard = 3, kOffset = 4, kSize = 5, kChecksum = 6, kSlices = 7;
// Fields of BundleHeaderProto.
constexpr uint32_t kShards = 1, kEndianness = 2, kVersion = 3;
// Fields of VersionDef.
constexpr uint32_t kProducer = 1, kMinConsumer = 2;
constexpr int32_t kOurVersion = 1;
constexpr int32_t kMostShards = 99999;  // what the file names have room for
// Fields of TensorSliceProto and its Extent.
constexpr uint32_t kExtent = 1, kStart = 1, kLength = 2;

uint64_t not_negative(const WireReader& r) {
  if (r.int64() < 0) r.fail(str("field ", r.field(), " is negative"));
  return r.varint();
}

BundleSlice read_slice(WireReader r) {
  BundleSlice slice;
  while (r.next()) {
    if (r.field() != kExtent) continue;
    if (slice.size() == size_t(kMaxRank)) r.fail(str("more than ", kMaxRank, " dimensions"));
    BundleExtent extent;
    for (WireReader e = r.message("TensorSliceProto.Extent"); e.next();) {
      if (e.field() == kStart) extent.start = int64_t(not_negative(e));
      if (e.field() == kLength) extent.length = int64_t(not_negative(e));
    }
    slice.push_back(extent);
  }
  return slice;
}

// TensorFlow's order-preserving code, as far as slice_key needs it.

/// A count of bytes, then the number's bytes from the highest.
void append_ordered(std::string& out, uint64_t value) {
  std::string digits;
  for (; value != 0; value >>= 8) digits.insert(digits.begin(), char(value));
  out += char(digits.size());
  out += digits;
}

void append_ordered(std::string& out, std::string_view text) {
  for (char c : text) {
    out += c;
    if (c == '\0') out += '\xff';
    if (c == '\xff') out += '\0';
  }
  out.append("\0\1", 2);
}

/// As many ones at the top as there are bytes, then the sign and the number; a negative one has all bits turned.
void append_ordered_signed(std::string& out, int64_t value) {
  uint64_t magnitude = uint64_t(value < 0 ? ~value : value);
  size_t size = 1;
  while (size < 10 && magnitude >> (7 * size - 1) != 0) ++size;
  std::array<unsigned char, 10> bytes;
  for (size_t i = 0; i < size; ++i) {
    size_t shift = 8 * (size - 1 - i);
    bytes[i] = static_cast<unsigned char>(shift < 64 ? value >> shift : value >> 63);
  }
  for (size_t bit = 0; bit < size; ++bit) bytes[bit / 8] ^= static_cast<unsigned char>(0x80 >> bit % 8);
  out.append(reinterpret_cast<const char*>(bytes.data()), size);
}

}  // namespace

std::string bundle_entry(const BundleEntry& e) {
  WireWriter w;
  w.varint(kType, e.type);
  w.message(kShape, shape_proto(e.shape));
  if (e.shard != 0) w.varint(kShard, uint64_t(e.shard));
  if (e.offset != 0) w.varint(kOffset, e.offset);
  if (e.size != 0) w.varint(kSize, e.size);
  if (e.checksum != 0) w.fixed32(kChecksum, e.checksum);
  for (const BundleSlice& slice : e.slices) {
    WireWriter s;
    for (const BundleExtent& x : slice) {
      WireWriter extent;
      if (x.start != 0) extent.varint(kStart, uint64_t(x.start));
      if (x.length != kUnknown) extent.varint(kLength, uint64_t(x.length));
      s.message(kExtent, extent);
    }
    w.message(kSlices, s);
  }
  return std::move(w).str();
}

BundleEntry read_bundle_entry(std::string_view bytes) {
  BundleEntry e;
  for (WireReader r(bytes, "BundleEntryProto"); r.next();) {
    if (r.field() == kType) e.type = r.varint();
    if (r.field() == kShape) {
      PartialShape shape = read_shape_proto(r.message("TensorShapeProto"));
      if (!shape.fully_known()) r.fail("a shape that is not known");
      e.shape = shape.shape();
    }
    if (r.field() == kShard) e.shard = r.int32();
    if (r.field() == kOffset) e.offset = not_negative(r);
    if (r.field() == kSize) e.size = not_negative(r);
    if (r.field() == kChecksum) e.checksum = std::bit_cast<uint32_t>(r.float32());
    if (r.field() == kSlices) e.slices.push_back(read_slice(r.message("TensorSliceProto")));
  }
  return e;
}

std::string bundle_header(int32_t shards) {
  WireWriter version, w;
  version.varint(kProducer, uint64_t(kOurVersion));
  w.varint(kShards, uint64_t(shards));
  w.message(kVersion, version);
  return std::move(w).str();
}

int32_t read_bundle_header(std::string_view bytes) {
  int32_t shards = 0;
  for (WireReader r(bytes, "BundleHeaderProto"); r.next();) {
    if (r.field() == kShards) {
      shards = r.int32();
      if (shards < 0 || shards > kMostShards) r.fail(str(shards, " shards"));
    }
    if (r.field() == kEndianness && r.varint() != 0) TW_FAIL(Unimplemented, "a checkpoint of a big-endian machine");
    if (r.field() != kVersion) continue;
    for (WireReader v = r.message("VersionDef"); v.next();) {
      if (v.field() == kMinConsumer && v.int32() > kOurVersion) {
        TW_FAIL(Unimplemented, "a checkpoint of version ", v.int32(), ", we read version ", kOurVersion);
      }
    }
  }
  return shards;
}

std::string slice_key(std::string_view key, const BundleSlice& slice) {
  std::string out;
  append_ordered(out, uint64_t(0));
  append_ordered(out, key);
  append_ordered(out, uint64_t(slice.size()));
  for (const BundleExtent& x : slice) {
    append_ordered_signed(out, x.start);
    append_ordered_signed(out, x.length);
  }
  return out;
}

std::string bundle_data_path(const std::string& prefix, int32_t shard, int32_t shards) {
  std::array<char, 40> name;
  std::snprintf(name.data(), name.size(), ".data-%05d-of-%05d", shard, shards);
  return prefix + name.data();
}

std::string bundle_index_path(const std::string& prefix) { return prefix + ".index"; }

}  // namespace thalweg
