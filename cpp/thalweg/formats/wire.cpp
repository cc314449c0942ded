#include "thalweg/formats/wire.h"

#include <cstring>

namespace thalweg {

static_assert(std::endian::native == std::endian::little, "fixed-width fields are copied as they lie in memory");

namespace {

/// Length of the UTF-8 sequence at the start of s; 0 if it is none. Overlong forms and surrogates are refused.
size_t utf8_length(std::string_view s) {
  auto at = [&](size_t i) { return uint32_t(static_cast<unsigned char>(s[i])); };
  auto more = [&](size_t i) { return i < s.size() && (at(i) & 0xc0) == 0x80; };
  if (at(0) < 0x80) return 1;
  if (at(0) >= 0xc2 && at(0) < 0xe0) return more(1) ? 2 : 0;
  if (at(0) >= 0xe0 && at(0) < 0xf0) {
    if (!more(1) || !more(2)) return 0;
    uint32_t code = (at(0) & 15) << 12 | (at(1) & 63) << 6 | (at(2) & 63);
    return code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 3 : 0;
  }
  if (at(0) >= 0xf0 && at(0) < 0xf5) {
    if (!more(1) || !more(2) || !more(3)) return 0;
    uint32_t code = (at(0) & 7) << 18 | (at(1) & 63) << 12 | (at(2) & 63) << 6 | (at(3) & 63);
    return code >= 0x10000 && code < 0x110000 ? 4 : 0;
  }
  return 0;
}

}  // namespace

void WireReader::fail(std::string_view why) const { TW_FAIL(DataLoss, what_, ": ", why, " at byte ", offset()); }

bool WireReader::next() {
  start_ = at_;
  if (at_ == bytes_.size()) return false;
  uint64_t tag = scalar(WireType::Varint);
  if (tag >> 3 == 0 || tag >> 32 != 0) fail("bad field number");
  field_ = uint32_t(tag >> 3);
  type_ = WireType(tag & 7);
  start_ = at_;
  if (type_ == WireType::Bytes) {
    uint64_t size = scalar(WireType::Varint);
    if (size > bytes_.size() - at_) fail(str("field ", field_, " of ", size, " bytes runs past the end"));
    start_ = at_;
    payload_ = bytes_.substr(at_, size);
    at_ += size;
  } else if (type_ == WireType::Varint || type_ == WireType::Fixed32 || type_ == WireType::Fixed64) {
    value_ = scalar(type_);
  } else {
    fail(str("field ", field_, " has unknown wire type ", int(type_)));
  }
  return true;
}

uint64_t WireReader::scalar(WireType type) {
  if (type == WireType::Varint) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == bytes_.size()) fail("truncated varint");
      uint64_t byte = static_cast<unsigned char>(bytes_[at_++]);
      if (shift == 63 && byte > 1) fail("varint of more than 64 bits");
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    fail("varint of more than 64 bits");
  }
  size_t size = type == WireType::Fixed32 ? 4 : 8;
  if (bytes_.size() - at_ < size) fail("truncated number");
  uint64_t value = 0;
  std::memcpy(&value, bytes_.data() + at_, size);
  at_ += size;
  return value;
}

void WireReader::expect(WireType type) const {
  if (type_ != type) fail(str("field ", field_, " has wire type ", int(type_), ", expected ", int(type)));
}

uint64_t WireReader::varint() const {
  expect(WireType::Varint);
  return value_;
}

int32_t WireReader::int32() const {
  int64_t v = int64();
  if (v != int32_t(v)) fail(str("field ", field_, " does not fit 32 bits: ", v));
  return int32_t(v);
}

float WireReader::float32() const {
  expect(WireType::Fixed32);
  return std::bit_cast<float>(uint32_t(value_));
}

double WireReader::float64() const {
  expect(WireType::Fixed64);
  return std::bit_cast<double>(value_);
}

std::string_view WireReader::bytes() const {
  expect(WireType::Bytes);
  return payload_;
}

std::string WireReader::text() const {
  std::string_view rest = bytes();
  while (!rest.empty()) {
    size_t n = utf8_length(rest);
    if (n == 0) fail(str("field ", field_, " is not UTF-8"));
    rest.remove_prefix(n);
  }
  return std::string(payload_);
}

WireReader WireReader::message(const char* what) const {
  WireReader inner(bytes(), what);
  inner.base_ = offset();
  inner.depth_ = depth_ + 1;
  if (inner.depth_ > kMaxDepth) fail("messages nested too deep");
  return inner;
}

void WireWriter::raw_varint(uint64_t value) {
  while (value >= 128) {
    out_ += char(value | 128);
    value >>= 7;
  }
  out_ += char(value);
}

void WireWriter::raw_fixed32(uint32_t value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }

void WireWriter::raw_fixed64(uint64_t value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }

void WireWriter::varint(uint32_t field, uint64_t value) {
  tag(field, WireType::Varint);
  raw_varint(value);
}

void WireWriter::fixed32(uint32_t field, uint32_t value) {
  tag(field, WireType::Fixed32);
  raw_fixed32(value);
}

void WireWriter::fixed64(uint32_t field, uint64_t value) {
  tag(field, WireType::Fixed64);
  raw_fixed64(value);
}

void WireWriter::bytes(uint32_t field, std::string_view value) {
  tag(field, WireType::Bytes);
  raw_varint(value.size());
  out_ += value;
}

}  // namespace thalweg
