#include "thalweg/core/dtype.h"

#include <array>
#include <memory>
#include <ostream>

namespace thalweg {
namespace {

struct Row {
  DType type;
  std::string_view name, short_name;
  size_t size;
};

// In TensorFlow's documentation order, which `list_of` follows.
constexpr std::array kTable{
    Row{DType::invalid, "invalid", "invalid", 0},
    Row{DType::bfloat16, "bfloat16", "bfloat16", 2},
    Row{DType::float16, "float16", "half", 2},
    Row{DType::float32, "float32", "float", 4},
    Row{DType::float64, "float64", "double", 8},
    Row{DType::int8, "int8", "int8", 1},
    Row{DType::int16, "int16", "int16", 2},
    Row{DType::int32, "int32", "int32", 4},
    Row{DType::int64, "int64", "int64", 8},
    Row{DType::uint8, "uint8", "uint8", 1},
    Row{DType::uint16, "uint16", "uint16", 2},
    Row{DType::uint32, "uint32", "uint32", 4},
    Row{DType::uint64, "uint64", "uint64", 8},
    Row{DType::complex64, "complex64", "complex64", 8},
    Row{DType::complex128, "complex128", "complex128", 16},
    Row{DType::boolean, "bool", "bool", 1},
    Row{DType::string, "string", "string", sizeof(std::string)},
    Row{DType::qint8, "qint8", "qint8", 1},
    Row{DType::quint8, "quint8", "quint8", 1},
    Row{DType::qint16, "qint16", "qint16", 2},
    Row{DType::quint16, "quint16", "quint16", 2},
    Row{DType::qint32, "qint32", "qint32", 4},
    Row{DType::resource, "resource", "resource", sizeof(std::string)},
    Row{DType::variant, "variant", "variant", sizeof(std::shared_ptr<void>)},
};
static_assert(kTable.size() == kDTypeCount);

// By number: asked for at every allocation.
constexpr auto kSizes = [] {
  std::array<size_t, kDTypeCount> sizes{};
  for (const Row& r : kTable) sizes[size_t(r.type)] = r.size;
  return sizes;
}();

const Row& row(DType t) {
  for (const Row& r : kTable) {
    if (r.type == t) return r;
  }
  return kTable[0];
}

}  // namespace

size_t size_of(DType t) { return size_t(t) < kSizes.size() ? kSizes[size_t(t)] : 0; }
std::string_view name_of(DType t) { return row(t).name; }
std::string_view short_name_of(DType t) { return row(t).short_name; }

DType dtype_from_name(std::string_view name) {
  for (const Row& r : kTable) {
    if (r.type != DType::invalid && (r.name == name || r.short_name == name)) return r.type;
  }
  TW_FAIL(TypeError, "Cannot convert value '", name, "' to a TensorFlow DType.");
}

std::string list_of(DTypeSet set) {
  std::string out;
  for (const Row& r : kTable) {
    if (set.has(r.type)) (out += out.empty() ? "" : ", ") += r.name;
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, DType t) { return out << name_of(t); }

}  // namespace thalweg
