#include "thalweg/registry/signature.h"

#include <array>
#include <charconv>

namespace thalweg {
namespace {

constexpr std::array<std::string_view, 15> kKinds{
    "bool",      "int",         "float",      "string",       "type",       "shape",       "tensor",    "func",
    "list(int)", "list(float)", "list(bool)", "list(string)", "list(type)", "list(shape)", "list(func)"};

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

/// Splits at commas outside brackets and quotes.
std::vector<std::string_view> split(std::string_view s) {
  std::vector<std::string_view> parts;
  int depth = 0;
  bool quoted = false;
  size_t start = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    if (i == s.size() || (s[i] == ',' && depth == 0 && !quoted)) {
      if (!trim(s.substr(start, i - start)).empty()) parts.push_back(trim(s.substr(start, i - start)));
      start = i + 1;
    } else if (s[i] == '\'') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += s[i] == '(' || s[i] == '[' ? 1 : s[i] == ')' || s[i] == ']' ? -1 : 0;
    }
  }
  return parts;
}

std::pair<std::string_view, std::string_view> cut(std::string_view s, char at) {
  size_t i = s.find(at);
  if (i == s.npos) return {trim(s), {}};
  return {trim(s.substr(0, i)), trim(s.substr(i + 1))};
}

bool is_dtype(std::string_view s) {
  try {
    dtype_from_name(s);
    return true;
  } catch (const Error&) {
    return false;
  }
}

template <class T>
T number(std::string_view s) {
  T v{};
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
  TW_CHECK(error == std::errc() && end == s.data() + s.size(), "signature: bad number '", s, "'");
  return v;
}

std::string unquoted(std::string_view s) {
  TW_CHECK(s.size() >= 2 && s.front() == '\'' && s.back() == '\'', "signature: expected a quoted string, got ", s);
  return std::string(s.substr(1, s.size() - 2));
}

PartialShape shape_literal(std::string_view s) {
  if (s == "unknown") return {};
  TW_CHECK(s.size() >= 2 && s.front() == '[' && s.back() == ']', "signature: bad shape ", s);
  Ints dims;
  for (std::string_view d : split(s.substr(1, s.size() - 2))) dims.push_back(number<int64_t>(d));
  return PartialShape(std::span<const int64_t>(dims));
}

AttrValue literal(AttrKind kind, std::string_view s) {
  auto items = [&] { return split(s.substr(1, s.size() - 2)); };
  switch (kind) {
    case AttrKind::Bool:
      return s == "true";
    case AttrKind::Int:
      return number<int64_t>(s);
    case AttrKind::Float:
      return number<float>(s);
    case AttrKind::String:
      return unquoted(s);
    case AttrKind::Type:
      return dtype_from_name(s);
    case AttrKind::Shape:
      return shape_literal(s);
    case AttrKind::Ints: {
      Ints v;
      for (auto i : items()) v.push_back(number<int64_t>(i));
      return v;
    }
    case AttrKind::Floats: {
      Floats v;
      for (auto i : items()) v.push_back(number<float>(i));
      return v;
    }
    case AttrKind::Strings: {
      Strings v;
      for (auto i : items()) v.push_back(unquoted(i));
      return v;
    }
    case AttrKind::Bools: {
      Bools v;
      for (auto i : items()) v.push_back(i == "true");
      return v;
    }
    case AttrKind::Types: {
      DTypes v;
      for (auto i : items()) v.push_back(dtype_from_name(i));
      return v;
    }
    case AttrKind::Shapes: {
      Shapes v;
      for (auto i : items()) v.push_back(shape_literal(i));
      return v;
    }
    default:
      TW_FAIL(InvalidArgument, "signature: no default is possible for ", name_of(kind));
  }
}

AttrKind kind_from(std::string_view s) {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == s) return AttrKind(i);
  }
  TW_FAIL(InvalidArgument, "signature: unknown attribute kind '", s, "'");
}

struct Parser {
  ParsedSignature out;

  AttrDef& attr(std::string_view name, AttrKind kind) {
    for (AttrDef& a : out.attrs) {
      if (a.name == name) return a;
    }
    AttrDef a;
    a.name = name;
    a.kind = kind;
    return out.attrs.emplace_back(std::move(a));
  }

  ArgDef arg(std::string_view text, bool input) {
    auto [name, type] = cut(text, ':');
    TW_CHECK(!name.empty() && !type.empty(), "signature: expected 'name: type', got '", text, "'");
    ArgDef a;
    a.name = name;
    if (type.starts_with("ref ")) {
      a.is_ref = true;
      type = trim(type.substr(4));
    }
    if (type.ends_with("...")) {
      a.type_list_attr = type.substr(0, type.size() - 3);
      AttrDef& d = attr(a.type_list_attr, AttrKind::Types);
      d.inferred |= input;
      return a;
    }
    if (type.find('*') != type.npos) {
      auto [count, element] = cut(type, '*');
      a.number_attr = count;
      attr(count, AttrKind::Int).inferred |= input;
      type = element;
    }
    if (is_dtype(type)) {
      a.type = dtype_from_name(type);
    } else {
      a.type_attr = type;
      attr(type, AttrKind::Type).inferred |= input;
    }
    return a;
  }

  void attribute(std::string_view text) {
    auto [name, rest] = cut(text, ':');
    auto [kind, fallback] = cut(rest, '=');
    std::string_view choices;
    if (size_t brace = kind.find('{'); brace != kind.npos) {
      choices = kind.substr(brace + 1, kind.rfind('}') - brace - 1);
      kind = trim(kind.substr(0, brace));
    }
    AttrDef& a = attr(name, kind_from(kind));
    a.kind = kind_from(kind);
    if (!fallback.empty()) a.fallback = literal(a.kind, fallback);
    for (size_t at = 0; at < choices.size();) {
      size_t bar = std::min(choices.find('|', at), choices.size());
      a.choices.emplace_back(trim(choices.substr(at, bar - at)));
      at = bar + 1;
    }
  }
};

}  // namespace

std::string_view name_of(AttrKind kind) { return kKinds[size_t(kind)]; }

ParsedSignature parse_signature(std::string_view text) {
  Parser p;
  size_t open = text.find('('), arrow = text.find("->"), close = text.rfind(')', arrow);
  TW_CHECK(open != text.npos && arrow != text.npos && close != text.npos, "bad signature: ", text);
  p.out.name = trim(text.substr(0, open));
  auto [inputs, attrs] = cut(text.substr(open + 1, close - open - 1), ';');
  for (std::string_view a : split(inputs)) p.out.inputs.push_back(p.arg(a, true));
  for (std::string_view a : split(attrs)) p.attribute(a);
  for (std::string_view a : split(trim(text.substr(arrow + 2)))) p.out.outputs.push_back(p.arg(a, false));
  return std::move(p.out);
}

}  // namespace thalweg
