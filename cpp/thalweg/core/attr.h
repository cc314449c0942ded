// Attribute values of a node and the small sorted map that holds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thalweg/core/dtype.h"
#include "thalweg/core/shape.h"
#include "thalweg/core/tensor.h"

namespace thalweg {

/// The name of a function in the graph's library.
struct FuncName {
  std::string name;
  bool operator==(const FuncName&) const = default;
};

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Bools = std::vector<bool>;
using Strings = std::vector<std::string>;
using DTypes = std::vector<DType>;
using Shapes = std::vector<PartialShape>;
using FuncNames = std::vector<FuncName>;

/// One attribute: a scalar of TensorFlow's attr kinds or a list of them. `float` attributes are float32, as in
/// GraphDef.
using AttrValue = std::variant<bool, int64_t, float, std::string, DType, PartialShape, Tensor, FuncName, Ints, Floats,
                               Bools, Strings, DTypes, Shapes, FuncNames>;

/// Sorted by name; a node has a handful.
class THALWEG_API Attrs {
 public:
  using Entry = std::pair<std::string, AttrValue>;

  Attrs() = default;
  Attrs(std::initializer_list<Entry> entries) {
    for (const Entry& e : entries) set(e.first, e.second);
  }
  const AttrValue* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  void set(std::string_view name, AttrValue value);
  void erase(std::string_view name);
  /// Throws InvalidArgument when the attribute is missing or of another kind.
  template <class T>
  const T& get(std::string_view name) const {
    const AttrValue* v = find(name);
    if (!v) TW_FAIL(InvalidArgument, "no attribute '", name, "'");
    const T* t = std::get_if<T>(v);
    if (!t) TW_FAIL(InvalidArgument, "attribute '", name, "' is of another kind: ", describe(*v));
    return *t;
  }
  template <class T>
  T get_or(std::string_view name, T fallback) const {
    return has(name) ? get<T>(name) : fallback;
  }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }

  static std::string describe(const AttrValue& v);
  /// By value; tensors compare by dtype, shape and bytes.
  static bool equal(const AttrValue& a, const AttrValue& b);
  bool operator==(const Attrs& o) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace thalweg
