#include "thalweg/registry/op_def.h"

#include <algorithm>

namespace thalweg {
namespace {

/// Levenshtein distance, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

OpDef::OpDef(std::string_view signature, DTypeSet t) : signature_text(signature) {
  ParsedSignature p = parse_signature(signature);
  name = std::move(p.name);
  inputs = std::move(p.inputs);
  outputs = std::move(p.outputs);
  attrs = std::move(p.attrs);
  if (!t.empty()) types("T", t);
}

OpDef& OpDef::doc(std::string_view text) {
  doc_text = text;
  return *this;
}

OpDef& OpDef::api(std::string_view names) {
  while (!names.empty()) {
    size_t comma = std::min(names.find(','), names.size());
    std::string_view one = names.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    if (!one.empty()) endpoints.emplace_back(one);
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return *this;
}

OpDef& OpDef::types(std::string_view attr, DTypeSet allowed, DType fallback) {
  auto it = std::ranges::find(attrs, attr, &AttrDef::name);
  TW_CHECK(it != attrs.end(), name, ": no type attribute '", attr, "' in ", signature_text);
  it->allowed = allowed;
  if (fallback != DType::invalid) it->fallback = fallback;
  return *this;
}

OpDef& OpDef::infer(InferFn fn) {
  infer_fn = fn;
  return *this;
}
OpDef& OpDef::grad(GradFn fn) {
  grad_fn = fn;
  return *this;
}
OpDef& OpDef::no_grad() {
  not_differentiable = true;
  return *this;
}
OpDef& OpDef::stateful() {
  is_stateful = true;
  return *this;
}
OpDef& OpDef::elementwise() {
  is_elementwise = true;
  return *this;
}
OpDef& OpDef::commutative() {
  is_commutative = true;
  return *this;
}
OpDef& OpDef::aliases(int input) {
  aliased_input = input;
  return *this;
}

const AttrDef* OpDef::attr(std::string_view wanted) const {
  auto it = std::ranges::find(attrs, wanted, &AttrDef::name);
  return it == attrs.end() ? nullptr : &*it;
}

OpDef& OpRegistry::add_text(std::string_view signature, DTypeSet t) {
  OpDef def(signature, t);
  if (by_name_.contains(def.name)) TW_FAIL(AlreadyExists, "op '", def.name, "' is registered already");
  OpDef& kept = ops_.emplace_back(std::move(def));
  by_name_[kept.name] = &kept;
  return kept;
}

const OpDef* OpRegistry::find(std::string_view name) const {
  auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

const OpDef& OpRegistry::get(std::string_view name) const {
  if (const OpDef* def = find(name)) return *def;
  const OpDef* near = nullptr;
  size_t best = std::max<size_t>(2, name.size() / 4) + 1;
  for (const OpDef& o : ops_) {
    if (size_t d = distance(o.name, name); d < best) {
      best = d;
      near = &o;
    }
  }
  TW_FAIL(NotFound, "Op type not registered '", name, "'", near ? "; did you mean '" + near->name + "'?" : "");
}

std::vector<const OpDef*> OpRegistry::all() const {
  std::vector<const OpDef*> out;
  for (const OpDef& o : ops_) out.push_back(&o);
  return out;
}

}  // namespace thalweg
