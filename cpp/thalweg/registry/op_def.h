// What an op is: signature, documentation, shape rule, gradient. An OpRegistry is a value that ops are added to
// explicitly.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "thalweg/registry/signature.h"

namespace thalweg {

class Grad;   // graph/grad.h
class Infer;  // registry/infer.h
class Out;    // graph/out.h

using InferFn = void (*)(Infer&);
/// One gradient per input; an empty Out where an input has none.
using GradFn = std::vector<Out> (*)(Grad&);

class THALWEG_API OpDef {
 public:
  OpDef(std::string_view signature, DTypeSet t);

  std::string name, signature_text, doc_text;
  std::vector<std::string> endpoints;  // public Python names: "math.tanh"
  std::vector<ArgDef> inputs, outputs;
  std::vector<AttrDef> attrs;
  InferFn infer_fn = nullptr;
  GradFn grad_fn = nullptr;
  bool not_differentiable = false;  // gradients stop here silently
  bool is_stateful = false;         // never folded, merged or pruned into one
  bool is_elementwise = false;      // output may take an equally shaped input's memory
  int aliased_input = -1;           // output 0 is this input's memory (Identity, Reshape)
  bool is_commutative = false;

  // The builder: every call returns *this.
  OpDef& doc(std::string_view text);
  OpDef& api(std::string_view comma_separated);
  /// Restricts a type attribute; `fallback` is its default.
  OpDef& types(std::string_view attr, DTypeSet allowed, DType fallback = DType::invalid);
  OpDef& infer(InferFn fn);
  OpDef& grad(GradFn fn);
  OpDef& no_grad();
  OpDef& stateful();
  OpDef& elementwise();
  OpDef& commutative();
  OpDef& aliases(int input);

  const AttrDef* attr(std::string_view name) const;
};

class THALWEG_API OpRegistry {
 public:
  /// Adds an op whose type attribute "T" allows `t`; AlreadyExists if the name is taken.
  OpDef& add(Signature signature, DTypeSet t = {}) { return add_text(signature.text(), t); }
  /// The same for a signature that is not a compile-time constant (plugins, tests).
  OpDef& add_text(std::string_view signature, DTypeSet t = {});
  const OpDef* find(std::string_view name) const;
  /// NotFound, with the nearest name if there is one.
  const OpDef& get(std::string_view name) const;
  std::vector<const OpDef*> all() const;  // in the order they were added

 private:
  std::deque<OpDef> ops_;
  std::unordered_map<std::string, OpDef*> by_name_;
};

}  // namespace thalweg
