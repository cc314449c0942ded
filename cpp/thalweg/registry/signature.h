// An op's signature as text, checked by the compiler, and its parsed form.
//
//   "MatMul(a: T, b: T; transpose_a: bool = false, transpose_b: bool = false) -> product: T"
//   "ConcatV2(values: N * T, axis: Tidx) -> output: T"          N tensors of one type
//   "Print(input: T, data: U...; message: string = '') -> output: T"   tensors of any types (U is list(type))
//   "Assign(ref: ref T, value: T) -> output_ref: ref T"         variables are passed by reference
//   "Shape(input: T; out_type: type = int32) -> output: out_type"
//
// A name that is not a dtype and stands for a type is a type attribute, inferred from the inputs; attributes of
// TensorFlow kinds (bool, int, float, string, type, shape, tensor, func, list(...)) follow the semicolon, with optional
// defaults.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/attr.h"

namespace thalweg {

/// A signature's text; a string without its parts is a compile error whose caret sits on the reason.
class Signature {
 public:
  template <size_t N>
  consteval Signature(const char (&s)[N]) : text_(s, N - 1) {  // NOLINT(google-explicit-constructor)
    size_t open = text_.find('('), arrow = text_.find("->");
    if (open == text_.npos || open == 0) throw "signature: expected Name(";
    if (arrow == text_.npos) throw "signature: missing '-> output: T' (write '->' and nothing for no output)";
    size_t close = text_.rfind(')', arrow);
    if (close == text_.npos || close < open) throw "signature: missing ')'";
    int depth = 0;
    for (char c : text_) {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (depth < 0) throw "signature: unbalanced ')'";
    }
    if (depth != 0) throw "signature: unbalanced '('";
    bool name = true;
    for (char c : text_.substr(0, open)) {
      name = name && (('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_');
    }
    if (!name) throw "signature: an op's name is letters, digits and '_'";
    for (size_t i = open; i < arrow; ++i) {
      if (text_[i] == ';' && text_.find(';', i + 1) != text_.npos) throw "signature: more than one ';'";
    }
  }
  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

/// One input or output.
struct ArgDef {
  std::string name;
  DType type = DType::invalid;  // a fixed type, or
  std::string type_attr;        // the type attribute that gives it, or
  std::string type_list_attr;   // the list(type) attribute that gives several
  std::string number_attr;      // the int attribute that counts the tensors of a homogeneous list
  bool is_ref = false;

  bool is_list() const { return !number_attr.empty() || !type_list_attr.empty(); }
};

/// The kinds an attribute can have, in AttrValue's order.
enum class AttrKind {
  Bool,
  Int,
  Float,
  String,
  Type,
  Shape,
  Tensor,
  Func,
  Ints,
  Floats,
  Bools,
  Strings,
  Types,
  Shapes,
  Funcs
};

struct AttrDef {
  std::string name;
  AttrKind kind = AttrKind::Int;
  std::optional<AttrValue> fallback;  // the default
  DTypeSet allowed;                   // for type attributes; empty: any
  std::vector<std::string> choices;   // for strings; empty: any
  bool inferred = false;              // follows from the inputs, never given by the caller
};

struct ParsedSignature {
  std::string name;
  std::vector<ArgDef> inputs, outputs;
  std::vector<AttrDef> attrs;
};

/// Throws InvalidArgument for what the compile-time check cannot see (unknown attribute kinds, bad defaults).
THALWEG_API ParsedSignature parse_signature(std::string_view text);
/// "bool", "int", ..., "list(type)".
THALWEG_API std::string_view name_of(AttrKind kind);
inline AttrKind kind_of(const AttrValue& v) { return AttrKind(v.index()); }

}  // namespace thalweg
