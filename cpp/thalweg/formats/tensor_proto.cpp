#include "thalweg/formats/tensor_proto.h"

#include <cstring>
#include <vector>

namespace thalweg {
namespace {

// Fields of TensorProto.
constexpr uint32_t kDType = 1, kShape = 2, kContent = 4, kFloatVal = 5, kDoubleVal = 6, kIntVal = 7, kStringVal = 8,
                   kComplex64Val = 9, kInt64Val = 10, kBoolVal = 11, kComplex128Val = 12, kHalfVal = 13,
                   kUint32Val = 16, kUint64Val = 17;
constexpr DTypeSet kSmallInt{DType::int32, DType::int16,  DType::int8,   DType::uint8,   DType::uint16,
                             DType::qint8, DType::quint8, DType::qint16, DType::quint16, DType::qint32};
constexpr DTypeSet kHalves{DType::float16, DType::bfloat16};

/// The repeated field that holds elements of a type, and how one number of it is written.
struct Slot {
  uint32_t field;
  WireType type;
  int numbers = 1;  // per element
};

Slot slot_of(DType t) {
  if (kSmallInt.has(t)) return {kIntVal, WireType::Varint};
  if (kHalves.has(t)) return {kHalfVal, WireType::Varint};
  switch (t) {
    case DType::float32:
      return {kFloatVal, WireType::Fixed32};
    case DType::float64:
      return {kDoubleVal, WireType::Fixed64};
    case DType::string:
      return {kStringVal, WireType::Bytes};
    case DType::complex64:
      return {kComplex64Val, WireType::Fixed32, 2};
    case DType::int64:
      return {kInt64Val, WireType::Varint};
    case DType::boolean:
      return {kBoolVal, WireType::Varint};
    case DType::complex128:
      return {kComplex128Val, WireType::Fixed64, 2};
    case DType::uint32:
      return {kUint32Val, WireType::Varint};
    case DType::uint64:
      return {kUint64Val, WireType::Varint};
    default:
      TW_FAIL(Unimplemented, "TensorProto: no values of type ", name_of(t));
  }
}

/// The bits of one number as they are written; signed integers are sign-extended to 64 bits.
uint64_t number_bits(DType t, size_t width, const char* p) {
  uint64_t bits = 0;
  std::memcpy(&bits, p, width);
  if (kSigned.has(t) || t == DType::qint8 || t == DType::qint16 || t == DType::qint32) {
    int shift = int(64 - 8 * width);
    return uint64_t(int64_t(bits << shift) >> shift);
  }
  return bits;
}

}  // namespace

WireWriter shape_proto(const PartialShape& shape) {
  constexpr uint32_t kDim = 2, kUnknownRank = 3, kSize = 1;
  WireWriter w;
  if (!shape.known_rank()) w.boolean(kUnknownRank, true);
  for (int64_t d : shape.dims()) {
    WireWriter dim;
    if (d != 0) dim.varint(kSize, uint64_t(d));
    w.message(kDim, dim);
  }
  return w;
}

PartialShape read_shape_proto(WireReader r) {
  constexpr uint32_t kDim = 2, kUnknownRank = 3, kSize = 1;
  std::vector<int64_t> dims;
  while (r.next()) {
    if (r.field() == kUnknownRank && r.boolean()) return PartialShape();
    if (r.field() != kDim) continue;
    int64_t size = 0;
    for (WireReader dim = r.message("TensorShapeProto.Dim"); dim.next();) {
      if (dim.field() == kSize) size = dim.int64();
    }
    TW_CHECK(size >= kUnknown, "TensorShapeProto: a dimension must be at least -1, got ", size);
    dims.push_back(size);
    TW_CHECK(dims.size() <= size_t(kMaxRank), "TensorShapeProto: more than ", kMaxRank, " dimensions");
  }
  return PartialShape(dims);
}

DType read_dtype(const WireReader& r, uint64_t number) {
  constexpr uint64_t kRef = 100;
  if (number > kRef) number -= kRef;
  if (number == 0 || number >= uint64_t(kDTypeCount)) r.fail(str("unknown data type ", number));
  return DType(number);
}

WireWriter tensor_proto(const Tensor& t) {
  WireWriter w;
  w.varint(kDType, uint64_t(t.dtype()));
  w.message(kShape, shape_proto(t.shape()));
  Slot slot = slot_of(t.dtype());
  if (slot.type == WireType::Bytes) {
    for (const std::string& s : t.flat<std::string>()) w.bytes(kStringVal, s);
  } else if (t.size() > 1) {
    w.bytes(kContent, {static_cast<const char*>(t.data()), t.bytes()});
  } else if (t.size() == 1) {
    WireWriter packed;
    size_t width = t.bytes() / size_t(slot.numbers);
    for (int i = 0; i < slot.numbers; ++i) {
      uint64_t bits = number_bits(t.dtype(), width, static_cast<const char*>(t.data()) + size_t(i) * width);
      if (slot.type == WireType::Varint) packed.raw_varint(bits);
      if (slot.type == WireType::Fixed32) packed.raw_fixed32(uint32_t(bits));
      if (slot.type == WireType::Fixed64) packed.raw_fixed64(bits);
    }
    w.message(slot.field, packed);
  }
  return w;
}

Tensor read_tensor_proto(WireReader r, size_t& budget) {
  DType dtype = DType::invalid;
  PartialShape shape{};
  bool has_shape = false;
  for (WireReader head = r; head.next();) {  // fields may come in any order
    if (head.field() == kDType) dtype = read_dtype(head, head.varint());
    if (head.field() == kShape) {
      shape = read_shape_proto(head.message("TensorShapeProto"));
      has_shape = true;
    }
  }
  if (dtype == DType::invalid) r.fail("a tensor without a data type");
  if (!has_shape) shape = PartialShape(Shape());
  TW_CHECK(shape.fully_known(), "TensorProto: the shape of a value must be known, got ", shape);
  Shape known = shape.shape();
  Slot slot = slot_of(dtype);
  size_t width = size_of(dtype);
  if (size_t(known.size()) > budget / width) {
    TW_FAIL(ResourceExhausted, "TensorProto: ", name_of(dtype), known, " is larger than what one graph may hold");
  }
  budget -= size_t(known.size()) * width;

  std::string_view content;
  std::vector<std::string_view> strings;
  std::string numbers;  // elements of the repeated field, laid out as in the tensor
  const size_t number = width / size_t(slot.numbers), limit = size_t(known.size()) * width;
  while (r.next()) {
    if (r.field() == kContent) content = r.bytes();
    if (r.field() != slot.field) continue;
    if (slot.type == WireType::Bytes) {
      strings.push_back(r.bytes());
      continue;
    }
    r.each(slot.type, [&](uint64_t bits) {
      if (dtype == DType::boolean) bits = bits != 0;
      numbers.append(reinterpret_cast<const char*>(&bits), number);
      if (numbers.size() > limit) r.fail(str("more values than elements of shape ", known));
    });
  }
  Tensor t(dtype, known);
  if (slot.type == WireType::Bytes) {
    auto out = t.flat<std::string>();
    if (!content.empty()) r.fail("strings in tensor_content");
    if (strings.size() > out.size()) r.fail(str("more strings than elements of shape ", known));
    for (size_t i = 0; i < out.size() && !strings.empty(); ++i) out[i] = strings[std::min(i, strings.size() - 1)];
    return t;
  }
  auto* out = static_cast<char*>(t.data());
  if (!content.empty()) {
    if (content.size() != t.bytes()) {
      r.fail(str("tensor_content has ", content.size(), " bytes, ", t.describe(), " takes ", t.bytes()));
    }
    std::memcpy(out, content.data(), content.size());
    if (dtype == DType::boolean) {  // another byte than 0 and 1 would be undefined behaviour as a bool
      for (size_t i = 0; i < content.size(); ++i) out[i] = out[i] != 0;
    }
    return t;
  }
  if (numbers.size() % width) r.fail("half a complex number");
  if (t.bytes() == 0) return t;
  std::memcpy(out, numbers.data(), numbers.size());
  for (size_t at = numbers.size(); at < t.bytes(); at += width) {
    if (numbers.empty()) {
      std::memset(out + at, 0, width);
    } else {
      std::memcpy(out + at, out + numbers.size() - width, width);
    }
  }
  return t;
}

}  // namespace thalweg
