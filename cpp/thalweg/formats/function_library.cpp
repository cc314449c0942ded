#include "thalweg/formats/function_library.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "thalweg/formats/attr_proto.h"
#include "thalweg/formats/function_def.h"
#include "thalweg/formats/node_def.h"
#include "thalweg/formats/tensor_proto.h"

namespace thalweg {
namespace {

using namespace function_fields;  // NOLINT(google-build-using-namespace)

struct Arg {
  std::string name;
  DType type = DType::invalid;
};

Arg read_arg(WireReader r, const std::string& function) {
  Arg a;
  while (r.next()) {
    if (r.field() == kArgName) a.name = r.text();
    if (r.field() == kArgType) a.type = read_dtype(r, r.varint());
    if ((r.field() == kArgTypeAttr || r.field() == kArgNumberAttr || r.field() == kArgTypeListAttr) &&
        !r.bytes().empty()) {
      TW_FAIL(Unimplemented, "function ", function, ": argument '", a.name, "' has no type of its own");
    }
  }
  if (a.type == DType::invalid) r.fail(str("argument '", a.name, "' of function ", function, " has no type"));
  return a;
}

std::pair<std::string, std::string> read_text_entry(WireReader r) {
  std::pair<std::string, std::string> out;
  while (r.next()) {
    if (r.field() == kKey) out.first = r.text();
    if (r.field() == kValue) out.second = r.text();
  }
  return out;
}

/// A FunctionDef, taken apart.
struct Definition {
  std::string name;
  std::vector<Arg> inputs, outputs;
  std::vector<std::string> control_outputs;
  std::vector<NodeDef> nodes;
  std::map<std::string, std::string> ret, control_ret;
  std::map<uint64_t, PartialShape> shapes;  // of inputs

  Definition(WireReader r, size_t& budget) {
    while (r.next()) {
      if (r.field() == kSignature) read_signature(r.message("OpDef"));
      if (r.field() == kNodeDef) nodes.push_back(read_node_def(r.message("NodeDef")));
      if (r.field() == kRet) ret.insert(read_text_entry(r.message("FunctionDef.RetEntry")));
      if (r.field() == kControlRet) control_ret.insert(read_text_entry(r.message("FunctionDef.ControlRetEntry")));
      if (r.field() == kArgAttr) read_arg_attr(r.message("FunctionDef.ArgAttrEntry"), budget);
    }
  }

 private:
  void read_signature(WireReader r) {
    for (WireReader head = r; head.next();) {
      if (head.field() == kOpName) name = head.text();
    }
    while (r.next()) {
      if (r.field() == kInputArg) inputs.push_back(read_arg(r.message("OpDef.ArgDef"), name));
      if (r.field() == kOutputArg) outputs.push_back(read_arg(r.message("OpDef.ArgDef"), name));
      if (r.field() == kControlOutput) control_outputs.push_back(r.text());
    }
  }

  void read_arg_attr(WireReader r, size_t& budget) {
    uint64_t arg = 0;
    PartialShape shape{};
    while (r.next()) {
      if (r.field() == kKey) arg = r.varint();
      if (r.field() != kValue) continue;
      for (WireReader attrs = r.message("FunctionDef.ArgAttrs"); attrs.next();) {
        if (attrs.field() != kArgAttrs) continue;
        std::string key;
        for (WireReader entry = attrs.message("ArgAttrs.AttrEntry"); entry.next();) {
          if (entry.field() == kKey) key = entry.text();
          if (entry.field() != kValue || key != kOutputShapes) continue;
          AttrKind kind = AttrKind::Shapes;
          AttrValue value = read_attr_proto(entry.message("AttrValue"), &kind, budget);
          if (auto* shapes = std::get_if<Shapes>(&value); shapes && shapes->size() == 1) shape = (*shapes)[0];
        }
      }
    }
    shapes[arg] = shape;
  }
};

/// "node" of "node", "node:output:index" and "^node".
std::string source_of(const std::string& input) {
  size_t from = input.starts_with('^');
  return input.substr(from, input.find(':') - from);
}

/// Makes the graph of one function.
class Builder {
 public:
  using Resolve = std::function<void(AttrValue&, Graph&)>;

  Builder(const OpRegistry& ops, Definition definition)
      : ops_(ops), d_(std::move(definition)), graph_(std::make_shared<Graph>(ops)) {}

  /// `prefix` goes in front of variables' names; `resolve` finds the functions that nodes call.
  std::shared_ptr<const GraphFunction> run(const std::string& prefix, const Resolve& resolve, size_t& budget) {
    add_inputs();
    for (size_t i : order()) add(d_.nodes[i], prefix, resolve, budget);
    std::vector<Endpoint> outputs;
    for (const Arg& a : d_.outputs) {
      auto it = d_.ret.find(a.name);
      check(it != d_.ret.end(), "output '", a.name, "' has no value");
      outputs.push_back(find(it->second));
      DType type = outputs.back().node->output(outputs.back().index).dtype;
      check(type == a.type, "output '", a.name, "' is ", type, ", declared as ", a.type);
    }
    std::vector<Node*> targets;
    for (const std::string& c : d_.control_outputs) {
      auto it = d_.control_ret.find(c);
      auto node = it == d_.control_ret.end() ? nodes_.end() : nodes_.find(it->second);
      check(node != nodes_.end(), "control output '", c, "' has no node");
      targets.push_back(node->second);
    }
    auto made = make_function(d_.name, graph_, inputs_, outputs, targets);
    if (prefix.empty() || (made->reads.empty() && made->writes.empty())) return made;
    std::string renamed = prefix + d_.name;
    std::ranges::replace(renamed, '/', '_');
    return make_function(renamed, graph_, inputs_, outputs, targets);
  }

 private:
  void check(bool holds, const auto&... why) const { TW_CHECK(holds, "function ", d_.name, ": ", str(why...)); }

  void add_inputs() {
    for (size_t i = 0; i < d_.inputs.size(); ++i) {
      const Arg& a = d_.inputs[i];
      auto shape = d_.shapes.find(i);
      NodeSpec spec;
      spec.op = "Placeholder";
      spec.name = a.name;
      spec.attrs.set("dtype", a.type);
      spec.attrs.set("shape", shape == d_.shapes.end() ? PartialShape() : shape->second);
      inputs_.push_back({args_[a.name] = &graph_->add(std::move(spec)), 0});
    }
  }

  std::vector<size_t> order() const {
    std::unordered_map<std::string, size_t> index;
    for (size_t i = 0; i < d_.nodes.size(); ++i) {
      const std::string& name = d_.nodes[i].name;
      check(!args_.contains(name) && index.emplace(name, i).second, "node '", name, "' is not unique");
    }
    auto [order, stuck] = in_order_of_need(d_.nodes.size(), [&](size_t i, const auto& need) {
      for (const std::string& input : d_.nodes[i].inputs) {
        std::string from = source_of(input);
        if (args_.contains(from)) continue;
        auto it = index.find(from);
        check(it != index.end(), "node '", d_.nodes[i].name, "' has unknown input '", input, "'");
        need(it->second);
      }
    });
    if (stuck >= 0) check(false, "node '", d_.nodes[size_t(stuck)].name, "' is part of a cycle or behind one");
    return order;
  }

  /// What "arg" and "node:output:index" stand for.
  Endpoint find(const std::string& input) const {
    std::string from = source_of(input);
    if (auto it = args_.find(from); it != args_.end()) return {it->second, 0};
    auto it = nodes_.find(from);
    size_t first = input.find(':'), last = input.rfind(':');
    check(it != nodes_.end() && first != input.npos, "unknown value '", input, "'");
    std::string output = input.substr(first + 1, last > first ? last - first - 1 : input.npos);
    size_t at = 0, offset = 0;
    if (last > first) {
      const char* end = input.data() + input.size();
      auto [stop, error] = std::from_chars(input.data() + last + 1, end, at);
      check(error == std::errc() && stop == end, "malformed input '", input, "'");
    }
    for (const ArgDef& a : it->second->op().outputs) {
      size_t count = output_count(a, it->second->attrs());
      if (a.name == output && at < count) return {it->second, int(offset + at)};
      offset += count;
    }
    TW_FAIL(InvalidArgument, "function ", d_.name, ": ", it->second->op().name, " has no output '", input, "'");
  }

  void add(const NodeDef& def, const std::string& prefix, const Resolve& resolve, size_t& budget) {
    const OpDef& op = ops_.get(def.op);
    NodeSpec spec;
    spec.op = def.op;
    spec.name = def.name;
    spec.device = DeviceSpec::parse(def.device);
    for (const std::string& input : def.inputs) {
      if (input.starts_with('^')) {
        std::string from = source_of(input);
        auto arg = args_.find(from);
        spec.control_inputs.push_back(arg == args_.end() ? nodes_.at(from) : arg->second);
      } else {
        check(spec.control_inputs.empty(), "node '", def.name, "': data input '", input, "' after a control input");
        spec.inputs.push_back(find(input));
      }
    }
    for (const auto& [key, message] : def.attrs) {
      const AttrDef* attr = op.attr(key);
      AttrValue value = read_attr_proto(message, attr ? &attr->kind : nullptr, budget);
      if (attr) resolve(value, *graph_);
      spec.attrs.set(key, std::move(value));
    }
    if (!prefix.empty() && (def.op == "VariableV2" || def.op == "Variable")) {
      std::string shared = spec.attrs.get_or<std::string>("shared_name", "");
      spec.attrs.set("shared_name", prefix + (shared.empty() ? def.name : shared));
    }
    nodes_[def.name] = &graph_->add(std::move(spec));
  }

  const OpRegistry& ops_;
  Definition d_;
  std::shared_ptr<Graph> graph_;
  std::vector<Endpoint> inputs_;
  std::unordered_map<std::string, Node*> args_, nodes_;
};

}  // namespace

void FunctionLibrary::add(WireReader r) {
  std::string name;
  for (WireReader head = r; head.next();) {
    if (head.field() != kSignature) continue;
    for (WireReader signature = head.message("OpDef"); signature.next();) {
      if (signature.field() == kOpName) name = signature.text();
    }
  }
  TW_CHECK(entries_.emplace(name, Entry{r, nullptr}).second, "GraphDef: function '", name, "' is not unique");
}

void FunctionLibrary::resolve(AttrValue& value, Graph& graph) {
  if (auto* one = std::get_if<FuncName>(&value)) resolve(*one, graph);
  if (auto* all = std::get_if<FuncNames>(&value)) {
    for (FuncName& name : *all) resolve(name, graph);
  }
}

void FunctionLibrary::resolve(FuncName& name, Graph& graph) {
  if (!entries_.contains(name.name)) return;
  std::shared_ptr<const GraphFunction> f = make(name.name);
  name.name = f->name;
  for (const auto& there : graph.functions()) {
    if (there->name != f->name || there == f) continue;
    TW_CHECK(function_def(*there).str() == function_def(*f).str(), "Cannot add function '", f->name,
             "' because a different function with the same name already exists.");
    return;
  }
  graph.define(std::move(f));
}

std::shared_ptr<const GraphFunction> FunctionLibrary::make(const std::string& name) {
  Entry& entry = entries_.at(name);
  if (entry.made) return entry.made;
  TW_CHECK(!entry.busy, "GraphDef: function '", name, "' calls itself, which is not supported");
  TW_CHECK(++depth_ <= kMostNested, "GraphDef: functions call functions more than ", kMostNested, " deep");
  entry.busy = true;
  auto resolve_in = [this](AttrValue& value, Graph& graph) { resolve(value, graph); };
  entry.made = Builder(ops_, Definition(entry.message, budget_)).run(prefix_, resolve_in, budget_);
  entry.busy = false;
  --depth_;
  return entry.made;
}

}  // namespace thalweg
