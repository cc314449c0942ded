#include "thalweg/registry/kernel.h"

#include <algorithm>

namespace thalweg {
namespace {

DType dtype_attr(const Attrs& attrs, const std::string& name) {
  const AttrValue* v = attrs.find(name);
  const DType* t = v ? std::get_if<DType>(v) : nullptr;
  return t ? *t : DType::invalid;
}

bool matches(const KernelEntry& e, std::string_view device, const Attrs& attrs) {
  return e.device == device && (e.type_attr.empty() || dtype_attr(attrs, e.type_attr) == e.dtype);
}

}  // namespace

KernelEntry& KernelRegistry::add(KernelEntry entry) {
  auto& list = by_op_[entry.op];
  return list.emplace_back(std::move(entry));
}

const KernelEntry* KernelRegistry::find(std::string_view op, std::string_view device, const Attrs& attrs) const {
  auto it = by_op_.find(op);
  if (it == by_op_.end()) return nullptr;
  auto entry = std::ranges::find_if(it->second, [&](const KernelEntry& e) { return matches(e, device, attrs); });
  return entry == it->second.end() ? nullptr : &*entry;
}

std::string KernelRegistry::explain(std::string_view op, std::string_view device, const Attrs& attrs) const {
  auto it = by_op_.find(op);
  if (it == by_op_.end() || it->second.empty()) return str(op, ": no kernel is registered");
  std::map<std::string, std::string> have;
  std::string wanted;
  for (const KernelEntry& e : it->second) {
    std::string& list = have[e.device];
    if (e.type_attr.empty()) {
      list = "any dtype";
    } else {
      (list += list.empty() ? "" : ",") += name_of(e.dtype);
      wanted = name_of(dtype_attr(attrs, e.type_attr));
    }
  }
  std::string out = str(op, ": no kernel for ", wanted.empty() ? "" : wanted + " ", "on ", device, "; registered: ");
  bool first = true;
  for (const auto& [name, list] : have) {
    out += str(first ? "" : ", ", name, "{", list, "}");
    first = false;
  }
  return out;
}

bool KernelRegistry::has_device(std::string_view op, std::string_view device) const {
  auto it = by_op_.find(op);
  return it != by_op_.end() &&
         std::ranges::any_of(it->second, [&](const KernelEntry& e) { return e.device == device; });
}

void KernelRegistry::merge(KernelRegistry&& other) {
  for (auto& [op, entries] : other.by_op_) {
    auto& list = by_op_[op];
    std::ranges::move(entries, std::back_inserter(list));
  }
}

}  // namespace thalweg
