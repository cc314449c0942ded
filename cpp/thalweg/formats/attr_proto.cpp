#include "thalweg/formats/attr_proto.h"

namespace thalweg {
namespace {

// Fields of AttrValue; those of its ListValue are the same without List itself, and with another one for functions.
enum Field : uint32_t {
  List = 1,
  String = 2,
  Int = 3,
  Float = 4,
  Bool = 5,
  Type = 6,
  ShapeOf = 7,
  TensorOf = 8,
  ListFunc = 9,
  Func = 10
};
constexpr uint32_t kFuncName = 1;

AttrValue empty_list(AttrKind kind) {
  switch (kind) {
    case AttrKind::Ints:
      return Ints();
    case AttrKind::Floats:
      return Floats();
    case AttrKind::Bools:
      return Bools();
    case AttrKind::Types:
      return DTypes();
    case AttrKind::Shapes:
      return Shapes();
    case AttrKind::Funcs:
      return FuncNames();
    default:
      return Strings();
  }
}

WireWriter func_proto(const FuncName& f) {
  WireWriter w;
  w.bytes(kFuncName, f.name);
  return w;
}

FuncName read_func(WireReader r) {
  FuncName f;
  while (r.next()) {
    if (r.field() == kFuncName) f.name = r.text();
  }
  return f;
}

struct ListWriter {
  WireWriter& list;

  void operator()(const Strings& v) {
    for (const std::string& s : v) list.bytes(String, s);
  }
  void operator()(const FuncNames& v) {
    for (const FuncName& f : v) list.message(ListFunc, func_proto(f));
  }
  void operator()(const Shapes& v) {
    for (const PartialShape& s : v) list.message(ShapeOf, shape_proto(s));
  }
  void operator()(const Floats& v) {
    WireWriter packed;
    for (float x : v) packed.raw_fixed32(std::bit_cast<uint32_t>(x));
    if (!v.empty()) list.message(Float, packed);
  }
  void operator()(const Ints& v) { varints(Int, v); }
  void operator()(const Bools& v) { varints(Bool, v); }
  void operator()(const DTypes& v) { varints(Type, v); }

  void varints(uint32_t field, const auto& v) {
    WireWriter packed;
    for (auto x : v) packed.raw_varint(uint64_t(x));
    if (!v.empty()) list.message(field, packed);
  }
};

AttrValue read_list(WireReader r, const AttrKind* kind) {
  Strings strings;
  Ints ints;
  Floats floats;
  Bools bools;
  DTypes types;
  Shapes shapes;
  FuncNames funcs;
  while (r.next()) {
    switch (r.field()) {
      case String:
        strings.emplace_back(r.bytes());
        break;
      case Int:
        r.each(WireType::Varint, [&](uint64_t v) { ints.push_back(int64_t(v)); });
        break;
      case Float:
        r.each(WireType::Fixed32, [&](uint64_t v) { floats.push_back(std::bit_cast<float>(uint32_t(v))); });
        break;
      case Bool:
        r.each(WireType::Varint, [&](uint64_t v) { bools.push_back(v != 0); });
        break;
      case Type:
        r.each(WireType::Varint, [&](uint64_t v) { types.push_back(read_dtype(r, v)); });
        break;
      case ShapeOf:
        shapes.push_back(read_shape_proto(r.message("TensorShapeProto")));
        break;
      case ListFunc:
        funcs.push_back(read_func(r.message("NameAttrList")));
        break;
      default:
        TW_FAIL(Unimplemented, "AttrValue: a list of kind ", r.field(), " is not supported");
    }
  }
  if (!strings.empty()) return strings;
  if (!ints.empty()) return ints;
  if (!floats.empty()) return floats;
  if (!bools.empty()) return bools;
  if (!types.empty()) return types;
  if (!shapes.empty()) return shapes;
  if (!funcs.empty()) return funcs;
  return empty_list(kind ? *kind : AttrKind::Strings);
}

}  // namespace

WireWriter attr_proto(const AttrValue& value) {
  WireWriter w;
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::same_as<T, bool>) {
          w.boolean(Bool, v);
        } else if constexpr (std::same_as<T, int64_t>) {
          w.varint(Int, uint64_t(v));
        } else if constexpr (std::same_as<T, float>) {
          w.float32(Float, v);
        } else if constexpr (std::same_as<T, std::string>) {
          w.bytes(String, v);
        } else if constexpr (std::same_as<T, DType>) {
          w.varint(Type, uint64_t(v));
        } else if constexpr (std::same_as<T, PartialShape>) {
          w.message(ShapeOf, shape_proto(v));
        } else if constexpr (std::same_as<T, Tensor>) {
          w.message(TensorOf, tensor_proto(v));
        } else if constexpr (std::same_as<T, FuncName>) {
          w.message(Func, func_proto(v));
        } else {
          WireWriter list;
          ListWriter{list}(v);
          w.message(List, list);
        }
      },
      value);
  return w;
}

AttrValue read_attr_proto(WireReader r, const AttrKind* kind, size_t& budget) {
  std::optional<AttrValue> value;  // the last field wins, as in any oneof
  while (r.next()) {
    switch (r.field()) {
      case List:
        value = read_list(r.message("AttrValue.ListValue"), kind);
        break;
      case String:
        value = std::string(r.bytes());
        break;
      case Int:
        value = r.int64();
        break;
      case Float:
        value = r.float32();
        break;
      case Bool:
        value = r.boolean();
        break;
      case Type:
        value = read_dtype(r, r.varint());
        break;
      case ShapeOf:
        value = read_shape_proto(r.message("TensorShapeProto"));
        break;
      case TensorOf:
        value = read_tensor_proto(r.message("TensorProto"), budget);
        break;
      case Func:
        value = read_func(r.message("NameAttrList"));
        break;
      default:
        break;  // what later versions may have added
    }
  }
  if (!value) r.fail("an attribute without a value");
  return *std::move(value);
}

}  // namespace thalweg
