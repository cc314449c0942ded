// Checkpoints and what they are made of: round trips, and no input that crashes a reader.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "check.h"
#include "thalweg/core/attr.h"
#include "thalweg/formats/bundle.h"
#include "thalweg/formats/bundle_slices.h"
#include "thalweg/formats/bundle_string.h"
#include "thalweg/formats/bundle_writer.h"
#include "thalweg/formats/crc32c.h"
#include "thalweg/formats/file.h"
#include "thalweg/formats/snappy.h"
#include "thalweg/formats/table_writer.h"

using namespace thalweg;  // NOLINT(google-build-using-namespace)

namespace {

/// A folder that goes with its test.
class Folder {
 public:
  Folder() : path_(str("/tmp/thalweg_checkpoint_", ::getpid())) { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }
  size_t files() const {
    return size_t(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::string path_;
};

void walk(std::string_view file) {
  for (TableReader t(file, "f"); t.next();) {
  }
}

std::string key_of(int i) { return str("layer/", 100000 + i, "/kernel"); }

std::string with_checksum(std::string block, TableCompression compression) {
  block += char(compression);
  WireWriter checksum;
  checksum.raw_fixed32(masked_crc32c(block));
  return block + checksum.str();
}

std::string place(size_t offset, size_t size) {
  WireWriter w;
  w.raw_varint(offset);
  w.raw_varint(size);
  return w.str();
}

/// A table of blocks whose bytes are given, as they are.
std::string table_of(const std::vector<std::string>& blocks, TableCompression compression, size_t repeat = 1) {
  std::string file, index;
  for (const std::string& b : blocks) {
    for (size_t i = 0; i < repeat; ++i) {
      std::string handle = place(file.size(), b.size());
      index += std::string("\0\1", 2) + char(handle.size()) + "k" + handle;
    }
    file += with_checksum(b, compression);
  }
  index += std::string("\0\0\0\0\1\0\0\0", 8);
  std::string footer = place(0, 0) + place(file.size(), index.size());
  file += with_checksum(index, TableCompression::None);
  footer.resize(40);
  WireWriter magic;
  magic.raw_fixed64(kTableMagic);
  return file + footer + magic.str();
}

/// A block with one row, without restarts.
std::string block_of(char key, std::string_view value) {
  return std::string("\0\1", 2) + char(value.size()) + key + std::string(value) + std::string(4, '\0');
}

void write_sample(const std::string& prefix) {
  BundleWriter w(prefix);
  w.add("weights", Tensor::vector<float>({1, 2, 3, 4, 5, 6}).reshaped({2, 3}));
  w.add("names", Tensor::vector<std::string>({"a", "", std::string(300, 'x')}));
  w.add("step", Tensor::scalar<int64_t>(7));
  w.add("flags", Tensor::vector<bool>({true, false, true}));
  w.finish();
}

/// Reads all there is; whatever comes, it must not crash.
void read_all(const std::string& prefix) {
  check::error_of([&] {
    BundleReader r(prefix);
    for (const std::string& key : r.keys()) check::error_of([&] { r.read(key); });
  });
}

}  // namespace

TEST(snappy_blocks) {
  CHECK_EQ(snappy_decompress(std::string("\0", 1)), "");
  CHECK_EQ(snappy_decompress("\x05\x10hello"), "hello");
  CHECK_EQ(snappy_decompress(std::string("\x0c\x00"
                                         "a\x1d\x01",
                                         5)),
           std::string(12, 'a'));  // a copy that overlaps itself
  CHECK_EQ(snappy_decompress(std::string("\x0a\x08"
                                         "abc\x12\x03\x00\x04"
                                         "xy",
                                         11)),
           "abcabcabxy");
  CHECK_EQ(snappy_decompress("\x46\xf0\x3f" + std::string(64, 'z') + std::string("\x17\x40\x00\x00\x00", 5)),
           std::string(70, 'z'));
  CHECK_THROWS(snappy_decompress(""), "15 snappy: truncated at byte 0");
  CHECK_THROWS(snappy_decompress("\x05\x10hell"), "a literal runs past the end at byte 2");
  CHECK_THROWS(snappy_decompress("\x05\x01\x01"), "a copy from before the beginning at byte 3");
  CHECK_THROWS(snappy_decompress("\x06\x10hello"), "5 bytes instead of 6");
  CHECK_THROWS(snappy_decompress("\x04\x10hello"), "more bytes than the 4 it claims");
  CHECK_THROWS(snappy_decompress("\xff\xff\xff\xff\x0f\x10hello"), "claims 4294967295 bytes");
  CHECK_THROWS(snappy_decompress("\xff\xff\xff\xff\xff\xff"), "bad length");
}

TEST(tables_round_trip) {
  for (int n : {0, 1, 17, 20000}) {  // the last has several blocks
    TableWriter w;
    for (int i = 0; i < n; ++i) w.add(key_of(i), std::string(size_t(i % 40), char('a' + i % 26)));
    std::string file = w.finish();
    TableReader r(file, "f");
    for (int i = 0; i < n; ++i) {
      CHECK(r.next());
      CHECK_EQ(r.key(), key_of(i));
      CHECK_EQ(r.value(), std::string(size_t(i % 40), char('a' + i % 26)));
    }
    CHECK(!r.next());
  }
}

TEST(tables_may_be_compressed) {
  std::string plain = block_of('b', "value"),
              packed = char(plain.size()) + std::string(1, char((plain.size() - 1) << 2));
  std::string file = table_of({packed + plain}, TableCompression::Snappy);
  TableReader r(file, "f");
  CHECK(r.next() && r.key() == "b" && r.value() == "value");
  CHECK_THROWS(walk(table_of({"\x7f"}, TableCompression::Snappy)),
               "15 f: snappy: claims 127 bytes at byte 1 of the block");
  CHECK_THROWS(walk(table_of({plain}, TableCompression(7))), "unknown compression 7 at byte 0");
}

TEST(malformed_tables_name_the_byte) {
  auto one = [](const std::string& block) { walk(table_of({block}, TableCompression::None)); };
  CHECK_THROWS(walk("short"), "15 f: file is too short to be an sstable");
  CHECK_THROWS(walk(std::string(60, 'x')), "not an sstable (bad magic number) at byte 52");
  CHECK_THROWS(one("abc"), "a block without restarts at byte 0");
  CHECK_THROWS(one(std::string(4, '\xff')), "a block with 4294967295 restarts");
  CHECK_THROWS(one(std::string("\x05\x01\x00k\0\0\0\0", 8)), "a row that runs past its end");
  CHECK_THROWS(one(std::string("\x00\x01\x7fk\0\0\0\0", 8)), "a row that runs past its end");
  CHECK_THROWS(one(std::string("\x80\x80\0\0\0\0", 6)), "a truncated row");
  CHECK_THROWS(walk(table_of({block_of('b', ""), block_of('a', "")}, TableCompression::None)), "keys out of order");
  CHECK_THROWS(walk(table_of({block_of('a', ""), block_of('a', "")}, TableCompression::None)), "keys out of order");
  CHECK_THROWS(walk(table_of({std::string(4, '\0')}, TableCompression::None, 2)), "blocks out of order at byte 0");
  std::string damaged = table_of({block_of('a', "value")}, TableCompression::None);
  damaged[5] ^= 1;
  CHECK_THROWS(walk(damaged), "block checksum mismatch at byte 0");
}

TEST(small_tables_cannot_ask_for_much_memory) {
  // Rows of four bytes whose keys share 60000 with the one before.
  WireWriter first;
  first.raw_varint(0);
  first.raw_varint(60000);
  first.raw_varint(0);
  std::string block = first.str() + std::string(60000, 'k');
  for (int i = 0; i < 60000; ++i) {
    WireWriter row;
    row.raw_varint(60000);
    row.raw_varint(2);
    row.raw_varint(0);
    block += row.str() + char(i >> 8) + char(i);
  }
  CHECK_THROWS(walk(table_of({block + std::string(4, '\0')}, TableCompression::None)),
               "8 f: more than 64 times its size");
}

TEST(damaged_tables_are_refused_or_read) {
  TableWriter w;
  for (int i = 0; i < 60; ++i) w.add(key_of(i), "value");
  std::string file = w.finish();
  for (size_t n = 0; n < file.size(); ++n) {
    CHECK(!check::error_of([&] { walk(std::string_view(file).substr(0, n)); }).empty());
  }
  // Damage that the checksums cover up: what lies below them must hold by itself.
  std::mt19937 random(1);
  std::string block = file.substr(0, 700);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = block;
    for (int k = 0; k < 1 + i % 4; ++k) damaged[random() % damaged.size()] = char(random());
    auto compression = i % 2 ? TableCompression::None : TableCompression::Snappy;
    check::error_of([&] { walk(table_of({damaged.substr(0, random() % damaged.size())}, compression)); });
    std::string whole = file;
    for (int k = 0; k < 1 + i % 4; ++k) whole[whole.size() - 1 - random() % 60] = char(random());
    check::error_of([&] { walk(whole); });
  }
}

TEST(slice_keys_are_tensorflows) {
  // As TensorFlow 2.21 writes them, the last two by its rules.
  CHECK_EQ(slice_key("part", {{0, 4}, {0, 3}}), std::string("\0part\0\1\1\2\x80\x84\x80\x83", 13));
  CHECK_EQ(slice_key("wide", {{0, 2}, {100, 100}}), std::string("\0wide\0\1\1\2\x80\x82\xc0\x64\xc0\x64", 15));
  CHECK_EQ(slice_key("t", {{}, {64, 100000}}), std::string("\0t\0\1\1\2\x80\x7f\xc0\x40\xe1\x86\xa0", 13));
  CHECK_EQ(slice_key(std::string("\0\xff", 2), {}), std::string("\0\0\xff\xff\0\0\1\0", 8));
}

TEST(entries_round_trip) {
  BundleEntry e{.type = 3,
                .shape = {4, 5},
                .shard = 2,
                .offset = 100,
                .size = 80,
                .checksum = 0xdeadbeef,
                .slices = {{{0, 2}, {}}, {{2, 2}, {}}}};
  BundleEntry back = read_bundle_entry(bundle_entry(e));
  CHECK(back.type == e.type && back.shape == e.shape && back.shard == e.shard && back.offset == e.offset);
  CHECK(back.size == e.size && back.checksum == e.checksum && back.slices == e.slices);
  CHECK_EQ(read_bundle_header(bundle_header(12)), 12);
  CHECK_THROWS(read_bundle_header("\x08\xff\xff\x7f"), "2097151 shards");
  CHECK_THROWS(read_bundle_header("\x10\x01"), "12 a checkpoint of a big-endian machine");
  CHECK_THROWS(read_bundle_header("\x1a\x02\x10\x02"), "12 a checkpoint of version 2, we read version 1");
  std::string negative("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  CHECK_THROWS(read_bundle_entry(negative), "15 BundleEntryProto: field 4 is negative at byte 1");
  CHECK_EQ(bundle_data_path("p", 3, 12), "p.data-00003-of-00012");
}

TEST(strings_of_a_checkpoint) {
  std::vector<std::string> in{"a", "", std::string(200, 'b')}, out(3);
  BundleStrings stored = bundle_strings(in);
  std::string bytes = stored.head + in[0] + in[2];
  CHECK_EQ(read_bundle_strings(bytes, out), stored.checksum);
  CHECK(in == out);
  auto read = [&](std::string_view b) { return read_bundle_strings(b, out); };
  CHECK_THROWS(read(bytes.substr(0, 2)), "truncated lengths of strings at byte 2");
  CHECK_THROWS(read(bytes.substr(0, bytes.size() - 1)), "15 ");
  CHECK_THROWS(read(bytes + "x"), "strings of another total length");
  bytes[5] ^= 1;
  CHECK_THROWS(read(bytes), "The length checksum does not match");
  CHECK_THROWS(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "a string's length is too large");
}

TEST(checkpoints_round_trip) {
  Folder folder;
  std::string prefix = folder / "every";
  std::vector<Tensor> all;
  {
    BundleWriter w(prefix);
    for (int i = 1; i < kDTypeCount; ++i) {
      if (!kPlain.has(DType(i))) continue;
      for (int64_t n : {0, 1, 5}) {
        Tensor a(DType(i), Shape{n});
        for (size_t b = 0; b < a.bytes(); ++b) {
          static_cast<unsigned char*>(a.data())[b] = DType(i) == DType::boolean ? b & 1 : 200 + b;
        }
        w.add(str(name_of(DType(i)), "/", n), a);
        all.push_back(a);
      }
    }
    Tensor large(DType::float32, Shape{700000});  // more than one chunk
    for (int64_t i = 0; i < large.size(); ++i) large.ptr<float>()[i] = float(i);
    w.add("large", large);
    w.add("scalar", Tensor::scalar<std::string>("text"));
    CHECK_THROWS(w.add("large", large), "3 " + prefix + ": Adding duplicate key: large");
    CHECK_THROWS(w.add("", large), "a key of 0 bytes");
    CHECK_THROWS(w.add("r", Tensor(DType::resource, Shape())), "12 ");
    CHECK_EQ(folder.files(), 1u);  // nothing has appeared under its name
    w.finish();
    CHECK_THROWS(w.finish(), "9 ");
    CHECK_THROWS(w.add("more", large), "the checkpoint is finished");
  }
  BundleReader r(prefix);
  for (const Tensor& a : all) CHECK(Attrs::equal(a, r.read(str(name_of(a.dtype()), "/", a.size()))));
  CHECK_EQ(r.read("large").ptr<float>()[699999], 699999.0f);
  CHECK_EQ(r.read("scalar").item<std::string>(), "text");
  CHECK_EQ(r.dtype("large"), DType::float32);
  CHECK_THROWS(r.read("nobody"), "5 Key nobody not found in checkpoint");
  CHECK_EQ(r.keys().size(), all.size() + 2);
  CHECK_EQ(folder.files(), 2u);
}

TEST(a_writer_that_fails_leaves_nothing) {
  Folder folder;
  std::string prefix = folder / "x";
  {
    BundleWriter w(prefix);
  }
  CHECK_EQ(folder.files(), 0u);
  CHECK_THROWS(BundleWriter("/no/such/folder/x"), "5 /no/such/folder/x.data-00000-of-00001");
  CHECK_THROWS(BundleReader(prefix), "5 Unsuccessful TensorSliceReader constructor: Failed to find any matching files");
  write_file(prefix, "old");
  CHECK_THROWS(BundleReader{prefix}, "12 " + prefix);
}

TEST(damaged_checkpoints_name_the_file_and_the_byte) {
  Folder folder;
  std::string prefix = folder / "x", data = bundle_data_path(prefix, 0, 1);
  write_sample(prefix);
  std::string bytes = read_file(data);
  std::string damaged = bytes;
  damaged[3] ^= 1;
  write_file(data, damaged);
  CHECK_THROWS(BundleReader(prefix).read("weights"), "15 TensorBundle at " + prefix + " shard 0 (24 bytes): Checksum");
  CHECK_THROWS(BundleReader(prefix).read("weights"), "'weights' at byte 0 of " + data);
  write_file(data, bytes.substr(0, 20));
  CHECK_THROWS(BundleReader(prefix).read("weights"),
               "11 Read less bytes than requested: 'weights' at byte 0 of " + data);
  std::remove(data.c_str());
  CHECK_THROWS(BundleReader(prefix).read("weights"), "5 " + data + ": No such file or directory");
}

TEST(damaged_checkpoints_are_refused_or_read) {
  Folder folder;
  std::string prefix = folder / "x", data = bundle_data_path(prefix, 0, 1), index = bundle_index_path(prefix);
  write_sample(prefix);
  std::string data_bytes = read_file(data), index_bytes = read_file(index);
  std::mt19937 random(2);
  std::vector<std::pair<std::string, std::string>> rows;
  for (TableReader t(index_bytes, "f"); t.next();) rows.emplace_back(t.key(), t.value());
  for (int i = 0; i < 1500; ++i) {
    TableWriter w;  // rows that lie, under checksums that are right
    for (auto [key, value] : rows) {
      for (int k = 0; k < i % 3 && !value.empty(); ++k) value[random() % value.size()] = char(random());
      w.add(key, value);
    }
    write_file(index, w.finish());
    std::string damaged = data_bytes;
    if (i % 2) damaged[random() % damaged.size()] = char(random());
    write_file(data, damaged);
    read_all(prefix);
  }
}

TEST(slices_are_put_together) {
  Tensor whole(DType::int32, Shape{5, 4});
  for (int32_t i = 0; i < 20; ++i) whole.ptr<int32_t>()[i] = i;
  std::vector<BundleSlice> slices{{{0, 2}, {}}, {{2, 3}, {0, 1}}, {{2, 3}, {1, 3}}};
  SlicedTensor parts("t", whole.shape(), slices);
  parts.allocate(DType::int32);
  for (size_t s = 0; s < slices.size(); ++s) {
    Tensor part(DType::int32, parts.shape(s));
    for (int64_t i = 0; i < part.size(); ++i) {
      int64_t row = slices[s][0].start + i / part.dim(1), column = slices[s][1].start + i % part.dim(1);
      part.ptr<int32_t>()[i] = int32_t(row * 4 + column);
    }
    parts.put(s, part);
  }
  CHECK(Attrs::equal(parts.tensor(), whole));
  auto make = [](const std::vector<BundleSlice>& s) { return SlicedTensor("t", Shape{5, 4}, s); };
  CHECK_THROWS(make({{{0, 2}, {}}}), "15 t of shape [5,4] is not covered by its slices");
  CHECK_THROWS(make({{{0, 3}, {}}, {{2, 3}, {}}}), "slices that overlap");
  CHECK_THROWS(make({{{0, 6}, {}}}), "a slice outside of it");
  CHECK_THROWS(make({{{0, 5}}}), "a slice of another rank");
}
