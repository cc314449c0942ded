#include "thalweg/core/attr.h"

#include <algorithm>
#include <cstring>

namespace thalweg {
namespace {

template <class T>
concept List = requires(const T& t) {
  t.begin();
  t.size();
} && !std::same_as<T, std::string>;

std::string show(const auto& v) {
  using T = std::decay_t<decltype(v)>;
  if constexpr (List<T>) {
    std::string out = "[";
    for (size_t i = 0; i < v.size(); ++i) {
      if constexpr (std::same_as<T, Bools>) {
        out += str(i ? ", " : "", v[i] ? "true" : "false");
      } else {
        out += str(i ? ", " : "", show(v[i]));
      }
    }
    return out + "]";
  } else if constexpr (std::same_as<T, bool>) {
    return v ? "true" : "false";
  } else if constexpr (std::same_as<T, std::string>) {
    return "\"" + v + "\"";
  } else if constexpr (std::same_as<T, FuncName>) {
    return v.name;
  } else {
    return str(v);
  }
}

bool same_tensor(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.dtype() == DType::string) return std::ranges::equal(a.flat<std::string>(), b.flat<std::string>());
  return a.bytes() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

const AttrValue* Attrs::find(std::string_view name) const {
  auto it = std::ranges::lower_bound(entries_, name, {}, &Entry::first);
  return it != entries_.end() && it->first == name ? &it->second : nullptr;
}

void Attrs::set(std::string_view name, AttrValue value) {
  auto it = std::ranges::lower_bound(entries_, name, {}, &Entry::first);
  if (it != entries_.end() && it->first == name) {
    it->second = std::move(value);
  } else {
    entries_.emplace(it, std::string(name), std::move(value));
  }
}

void Attrs::erase(std::string_view name) {
  auto it = std::ranges::lower_bound(entries_, name, {}, &Entry::first);
  if (it != entries_.end() && it->first == name) entries_.erase(it);
}

std::string Attrs::describe(const AttrValue& v) {
  return std::visit([](const auto& x) { return show(x); }, v);
}

bool Attrs::equal(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const Tensor* t = std::get_if<Tensor>(&a)) return same_tensor(*t, std::get<Tensor>(b));
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::same_as<T, Tensor>) {
          return false;
        } else {
          return x == std::get<T>(b);
        }
      },
      a);
}

bool Attrs::operator==(const Attrs& o) const {
  return entries_.size() == o.entries_.size() &&
         std::ranges::equal(entries_, o.entries_, [](const Entry& x, const Entry& y) {
           return x.first == y.first && equal(x.second, y.second);
         });
}

}  // namespace thalweg
