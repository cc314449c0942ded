#include "thalweg/formats/function_def.h"

#include <algorithm>
#include <set>

#include "thalweg/formats/attr_proto.h"
#include "thalweg/formats/node_def.h"

namespace thalweg {
namespace {

using namespace function_fields;  // NOLINT(google-build-using-namespace)

WireWriter entry_of(const std::string& key, const WireWriter& value) {
  WireWriter w;
  w.bytes(kKey, key);
  w.message(kValue, value);
  return w;
}

WireWriter entry_of(const std::string& key, const std::string& value) {
  WireWriter w;
  w.bytes(kKey, key);
  w.bytes(kValue, value);
  return w;
}

/// Argument names are lower-case words; none may be a node's.
class ArgNames {
 public:
  explicit ArgNames(std::set<std::string> taken) : taken_(std::move(taken)) {}

  std::string unique(const std::string& wish) {
    std::string word;
    for (char c : wish) {
      bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      word += plain ? c : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : '_';
    }
    if (word.empty() || word[0] < 'a' || word[0] > 'z') word = "x" + word;
    std::string name = word;
    for (int i = 1; !taken_.insert(name).second; ++i) name = str(word, "_", i);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

WireWriter arg_def(const std::string& name, DType type) {
  WireWriter w;
  w.bytes(kArgName, name);
  w.varint(kArgType, uint64_t(type));
  return w;
}

/// The nodes that outputs and targets need, inputs aside, in the graph's order.
std::vector<const Node*> body_of(const GraphFunction& f) {
  std::set<const Node*> inputs, seen;
  for (const Endpoint& e : f.inputs) inputs.insert(e.node);
  std::vector<const Node*> stack(f.targets.begin(), f.targets.end()), body;
  for (const Endpoint& e : f.outputs) stack.push_back(e.node);
  while (!stack.empty()) {
    const Node* n = stack.back();
    stack.pop_back();
    if (inputs.contains(n) || !seen.insert(n).second) continue;
    body.push_back(n);
    for (const Endpoint& e : n->inputs()) stack.push_back(e.node);
    for (const Node* c : n->control_inputs()) stack.push_back(c);
  }
  std::ranges::sort(body, {}, &Node::id);
  return body;
}

/// "node:output:index", TensorFlow's name for an output inside a function.
std::string output_name(const Endpoint& e) {
  size_t left = size_t(e.index);
  for (const ArgDef& a : e.node->op().outputs) {
    size_t count = output_count(a, e.node->attrs());
    if (left < count) return str(e.node->name(), ":", a.name, ":", left);
    left -= count;
  }
  TW_FAIL(Internal, "no output ", e.index, " of ", e.node->name());
}

}  // namespace

size_t output_count(const ArgDef& a, const Attrs& attrs) {
  if (!a.number_attr.empty()) return size_t(attrs.get<int64_t>(a.number_attr));
  if (!a.type_list_attr.empty()) return attrs.get<DTypes>(a.type_list_attr).size();
  return 1;
}

WireWriter function_def(const GraphFunction& f) {
  std::vector<const Node*> body = body_of(f);
  std::set<std::string> taken;
  for (const Node* n : body) taken.insert(n->name());
  ArgNames names(std::move(taken));
  std::map<const Node*, std::string> inputs;
  WireWriter signature, out, shapes;
  signature.bytes(kOpName, f.name);
  for (size_t i = 0; i < f.inputs.size(); ++i) {
    const Endpoint& e = f.inputs[i];
    const OutputInfo& info = e.node->output(e.index);
    signature.message(kInputArg, arg_def(inputs[e.node] = names.unique(e.node->name()), info.dtype));
    WireWriter attrs, entry;
    attrs.message(kArgAttrs, entry_of(std::string(kOutputShapes), attr_proto(Shapes{info.shape})));
    entry.varint(kKey, i);
    entry.message(kValue, attrs);
    shapes.message(kArgAttr, entry);
  }
  auto name_of_input = [&](const Endpoint& e) {
    auto it = inputs.find(e.node);
    return it == inputs.end() ? output_name(e) : it->second;
  };
  WireWriter ret, control_ret;
  ArgNames output_names({});
  for (const Endpoint& e : f.outputs) {
    std::string name = output_names.unique(e.node->name());
    signature.message(kOutputArg, arg_def(name, e.node->output(e.index).dtype));
    ret.message(kRet, entry_of(name, name_of_input(e)));
  }
  if (f.stateful) signature.boolean(kStateful, true);
  for (const Node* n : f.targets) {
    signature.bytes(kControlOutput, n->name());
    control_ret.message(kControlRet, entry_of(n->name(), n->name()));
  }
  out.message(kSignature, signature);
  for (const Node* n : body) out.message(kNodeDef, node_def(*n, name_of_input));
  std::string bytes = std::move(out).str();
  for (const WireWriter* part : {&ret, &control_ret, &shapes}) bytes += part->str();
  WireWriter whole;
  whole.raw(bytes);
  return whole;
}

}  // namespace thalweg
