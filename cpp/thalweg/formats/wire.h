// Protobuf's wire format: a cursor that never reads past its bytes, and a writer. Knows no message.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "thalweg/core/error.h"

namespace thalweg {

enum class WireType : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// Walks the fields of one message. Whatever is malformed is DataLoss with the byte offset; depth and sizes are bounded
/// by the bytes at hand.
class THALWEG_API WireReader {
 public:
  /// `what` names the message in errors and must outlive the reader.
  WireReader(std::string_view bytes, const char* what) : bytes_(bytes), what_(what) {}

  /// Moves to the next field; false at the end of the message.
  bool next();
  uint32_t field() const { return field_; }
  WireType type() const { return type_; }
  /// Where the current field's payload begins, counted from the start of the outermost message.
  size_t offset() const { return base_ + start_; }

  // The current field's value. Each checks that the field was written with the wire type it needs.
  uint64_t varint() const;
  int64_t int64() const { return int64_t(varint()); }
  /// InvalidArgument if it does not fit.
  int32_t int32() const;
  bool boolean() const { return varint() != 0; }
  float float32() const;
  double float64() const;
  std::string_view bytes() const;
  /// bytes() that must be UTF-8, as proto3's strings are.
  std::string text() const;
  WireReader message(const char* what) const;

  /// f(uint64_t) for a repeated scalar field, packed or not; `element` is how one element is written.
  template <class F>
  void each(WireType element, F&& f) const {
    if (type_ != WireType::Bytes) {
      expect(element);
      f(value_);
      return;
    }
    WireReader packed(payload_, what_);
    packed.base_ = offset();
    while (packed.at_ < packed.bytes_.size()) f(packed.scalar(element));
  }

  [[noreturn]] void fail(std::string_view why) const;

 private:
  uint64_t scalar(WireType type);
  void expect(WireType type) const;

  static constexpr int kMaxDepth = 64;

  std::string_view bytes_, payload_;
  const char* what_;
  size_t base_ = 0, at_ = 0, start_ = 0;
  uint64_t value_ = 0;
  uint32_t field_ = 0;
  WireType type_ = WireType::Varint;
  int depth_ = 0;
};

/// Appends fields to a string. Nested messages are built as strings of their own.
class THALWEG_API WireWriter {
 public:
  void varint(uint32_t field, uint64_t value);
  void boolean(uint32_t field, bool value) { varint(field, value); }
  void float32(uint32_t field, float value) { fixed32(field, std::bit_cast<uint32_t>(value)); }
  void float64(uint32_t field, double value) { fixed64(field, std::bit_cast<uint64_t>(value)); }
  void fixed32(uint32_t field, uint32_t value);
  void fixed64(uint32_t field, uint64_t value);
  void bytes(uint32_t field, std::string_view value);
  void message(uint32_t field, const WireWriter& value) { bytes(field, value.out_); }

  /// Fields that are encoded already.
  void raw(std::string_view fields) { out_ += fields; }

  // Elements of a packed field, without tags: write them to a writer of their own, then message().
  void raw_varint(uint64_t value);
  void raw_fixed32(uint32_t value);
  void raw_fixed64(uint64_t value);

  /// The fields of another message after these.
  WireWriter& append(const WireWriter& more) {
    out_ += more.out_;
    return *this;
  }

  bool empty() const { return out_.empty(); }
  const std::string& str() const& { return out_; }
  std::string str() && { return std::move(out_); }

 private:
  void tag(uint32_t field, WireType type) { raw_varint(uint64_t(field) << 3 | uint64_t(type)); }
  std::string out_;
};

}  // namespace thalweg
