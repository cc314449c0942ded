#include "thalweg/formats/snappy.h"

#include <cstdint>

namespace thalweg {
namespace {

/// Three bytes give at most 64.
constexpr uint64_t kMostExpansion = 22;

class Decoder {
 public:
  explicit Decoder(std::string_view in) : in_(in) {}

  std::string run() {
    uint64_t size = length();
    if (size > kMostExpansion * in_.size()) fail(str("claims ", size, " bytes"));
    out_.reserve(size);
    while (at_ < in_.size()) {
      uint32_t tag = byte();
      if ((tag & 3) == 0) {
        literal(tag >> 2);
      } else {
        copy(tag);
      }
      if (out_.size() > size) fail(str("more bytes than the ", size, " it claims"));
    }
    if (out_.size() != size) fail(str(out_.size(), " bytes instead of ", size));
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(std::string_view why) const { TW_FAIL(DataLoss, "snappy: ", why, " at byte ", at_); }

  uint32_t byte() {
    if (at_ == in_.size()) fail("truncated");
    return static_cast<unsigned char>(in_[at_++]);
  }

  uint32_t number(uint32_t bytes) {  // little-endian
    uint32_t value = 0;
    for (uint32_t i = 0; i < bytes; ++i) value |= byte() << 8 * i;
    return value;
  }

  uint64_t length() {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 35; shift += 7) {
      uint64_t b = byte();
      value |= (b & 127) << shift;
      if (b < 128) return value;
    }
    fail("bad length");
  }

  void literal(uint32_t code) {
    uint64_t size = uint64_t(code < 60 ? code : number(code - 59)) + 1;
    if (size > in_.size() - at_) fail("a literal runs past the end");
    out_ += in_.substr(at_, size);
    at_ += size;
  }

  void copy(uint32_t tag) {
    uint32_t kind = tag & 3;
    size_t size = kind == 1 ? 4 + (tag >> 2 & 7) : 1 + (tag >> 2);
    size_t back = kind == 1 ? (tag >> 5) << 8 | byte() : number(kind == 2 ? 2 : 4);
    if (back == 0 || back > out_.size()) fail("a copy from before the beginning");
    size_t from = out_.size() - back;
    for (size_t i = 0; i < size; ++i) out_ += out_[from + i];  // may overlap what it writes
  }

  std::string_view in_;
  std::string out_;
  size_t at_ = 0;
};

}  // namespace

std::string snappy_decompress(std::string_view compressed) { return Decoder(compressed).run(); }

}  // namespace thalweg
