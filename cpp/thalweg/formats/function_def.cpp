#include "thalweg/formats/function_def.h"

#include <algorithm>
#include <charconv>

namespace thalweg {
namespace {

// Fields of FunctionDefLibrary, FunctionDef, OpDef and OpDef.ArgDef, and of map entries.
constexpr uint32_t kFunction = 1;
constexpr uint32_t kSignature = 1, kNode = 3, kReturns = 4, kControlReturns = 6, kArgAttrs = 7;
constexpr uint32_t kOpName = 1, kInputArg = 2, kOutputArg = 3, kStateful = 17, kControlOutput = 20;
constexpr uint32_t kArgName = 1, kArgType = 3;
constexpr uint32_t kKey = 1, kValue = 2, kAttr = 1;
constexpr std::string_view kShapes = "_output_shapes";

/// Which output argument flat output i of a node belongs to, and its place there.
std::pair<std::string, int64_t> output_argument(const Node& n, int64_t i) {
  for (const ArgDef& a : n.op().outputs) {
    int64_t count = 1;
    if (!a.number_attr.empty()) count = n.attr<int64_t>(a.number_attr);
    if (!a.type_list_attr.empty()) count = int64_t(n.attr<DTypes>(a.type_list_attr).size());
    if (i < count) return {a.name, i};
    i -= count;
  }
  TW_FAIL(Internal, n.name(), " has no output ", i);
}

int64_t first_output(const Node& n, const std::string& arg, bool& found) {
  int64_t at = 0;
  for (const ArgDef& a : n.op().outputs) {
    found = a.name == arg;
    if (found) return at;
    at += a.number_attr.empty() ? a.type_list_attr.empty() ? 1 : int64_t(n.attr<DTypes>(a.type_list_attr).size())
                                : n.attr<int64_t>(a.number_attr);
  }
  return at;
}

/// An argument name: small letters, digits and '_', not that of another argument or node.
std::string argument_name(std::string name, const Graph& graph, std::set<std::string>& taken) {
  for (char& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) ? char(std::tolower(static_cast<unsigned char>(c))) : '_';
  }
  if (name.empty() || !std::isalpha(static_cast<unsigned char>(name[0]))) name = "arg" + name;
  std::string candidate = name;
  for (int i = 1; graph.find(candidate) || !taken.insert(candidate).second; ++i) candidate = str(name, "_", i);
  return candidate;
}

WireWriter entry(std::string_view key, std::string_view value) {
  WireWriter w;
  w.bytes(kKey, key);
  w.bytes(kValue, value);
  return w;
}

WireWriter function_def(const GraphFunction& f) {
  std::set<std::string> taken;
  std::map<std::pair<const Node*, int>, std::string> arguments;
  WireWriter signature, shapes, nodes;
  signature.bytes(kOpName, f.name);
  auto argument = [&](uint32_t field, const std::string& name, DType type) {
    WireWriter arg;
    arg.bytes(kArgName, name);
    arg.varint(kArgType, uint64_t(type));
    signature.message(field, arg);
  };
  for (size_t i = 0; i < f.inputs.size(); ++i) {
    const Endpoint& e = f.inputs[i];
    std::string name = argument_name(e.node->name(), *f.graph, taken);
    argument(kInputArg, name, e.node->output(0).dtype);
    arguments[{e.node, 0}] = name;
    WireWriter attr, attrs, item;
    attr.bytes(kKey, kShapes);
    attr.message(kValue, attr_proto(Shapes{e.node->output(0).shape}));
    attrs.message(kAttr, attr);
    item.varint(kKey, i);
    item.message(kValue, attrs);
    shapes.message(kArgAttrs, item);
  }
  auto input = [&](const Endpoint& e) {
    if (auto it = arguments.find({e.node, e.index}); it != arguments.end()) return it->second;
    auto [arg, i] = output_argument(*e.node, e.index);
    return str(e.node->name(), ":", arg, ":", i);
  };
  WireWriter out, returns;
  for (size_t i = 0; i < f.outputs.size(); ++i) {
    std::string name = str("output_", i);
    argument(kOutputArg, name, f.outputs[i].node->output(f.outputs[i].index).dtype);
    returns.message(kReturns, entry(name, input(f.outputs[i])));
  }
  for (const Node* t : f.targets) {
    signature.bytes(kControlOutput, t->name());
    returns.message(kControlReturns, entry(t->name(), t->name()));
  }
  if (f.stateful) signature.boolean(kStateful, true);
  for (const auto& n : f.graph->nodes()) {
    if (!arguments.contains({n.get(), 0})) nodes.message(kNode, node_def(*n, input));
  }
  out.message(kSignature, signature);
  return out.append(nodes).append(returns).append(shapes);
}

void collect(const Graph& graph, std::map<std::string, std::shared_ptr<const GraphFunction>>& all) {
  for (const auto& f : graph.functions()) {
    if (all.try_emplace(f->name, f).second) collect(*f->graph, all);
  }
}

}  // namespace

WireWriter function_library(const Graph& graph) {
  std::map<std::string, std::shared_ptr<const GraphFunction>> all;
  collect(graph, all);
  WireWriter out;
  for (const auto& [name, f] : all) out.message(kFunction, function_def(*f));
  return out;
}

void FunctionLibrary::read(WireReader library) {
  while (library.next()) {
    if (library.field() != kFunction) continue;
    Def def = read_function(library.message("FunctionDef"));
    TW_CHECK(defs_.emplace(def.name, def).second, "FunctionDefLibrary: function '", def.name, "' is not unique");
  }
}

FunctionLibrary::Def FunctionLibrary::read_function(WireReader r) {
  Def def;
  auto map_entry = [](WireReader e) {
    std::pair<std::string, std::string> out;
    while (e.next()) {
      if (e.field() == kKey) out.first = e.text();
      if (e.field() == kValue) out.second = e.text();
    }
    return out;
  };
  auto argument = [](WireReader a) {
    std::pair<std::string, DType> out;
    while (a.next()) {
      if (a.field() == kArgName) out.first = a.text();
      if (a.field() == kArgType) out.second = read_dtype(a, a.varint());
    }
    return out;
  };
  while (r.next()) {
    switch (r.field()) {
      case kSignature:
        for (WireReader s = r.message("OpDef"); s.next();) {
          if (s.field() == kOpName) def.name = s.text();
          if (s.field() == kInputArg) def.inputs.push_back(argument(s.message("OpDef.ArgDef")));
          if (s.field() == kOutputArg) def.outputs.push_back(argument(s.message("OpDef.ArgDef")).first);
          if (s.field() == kControlOutput) def.control.push_back(s.text());
        }
        break;
      case kNode:
        def.nodes.push_back(read_node_def(r.message("NodeDef")));
        break;
      case kReturns:
        def.returns.insert(map_entry(r.message("FunctionDef.RetEntry")));
        break;
      case kControlReturns:
        def.control_returns.insert(map_entry(r.message("FunctionDef.ControlRetEntry")));
        break;
      case kArgAttrs: {
        int index = -1;
        for (WireReader e = r.message("FunctionDef.ArgAttrEntry"); e.next();) {
          if (e.field() == kKey) index = e.int32();
          if (e.field() != kValue) continue;
          for (WireReader attrs = e.message("FunctionDef.ArgAttrs"); attrs.next();) {
            if (attrs.field() != kAttr) continue;
            std::string key;
            for (WireReader a = attrs.message("ArgAttrs.AttrEntry"); a.next();) {
              if (a.field() == kKey) key = a.text();
              if (a.field() != kValue || key != kShapes) continue;
              const AttrKind kind = AttrKind::Shapes;
              AttrValue value = read_attr_proto(a.message("AttrValue"), &kind, budget_);
              const Shapes* shapes = std::get_if<Shapes>(&value);
              if (shapes && shapes->size() == 1) def.input_shapes[index] = (*shapes)[0];
            }
          }
        }
        break;
      }
      default:
        break;
    }
  }
  return def;
}

std::shared_ptr<const GraphFunction> FunctionLibrary::make(const Def& def) {
  auto graph = std::make_shared<Graph>(ops_);
  std::map<std::string, Node*> nodes;
  std::map<std::string, Endpoint> arguments;
  std::vector<Endpoint> inputs;
  for (size_t i = 0; i < def.inputs.size(); ++i) {
    const auto& [name, type] = def.inputs[i];
    auto shape = def.input_shapes.find(int(i));
    NodeSpec spec;
    spec.op = "Placeholder";
    spec.name = graph->unique_name(name);
    spec.attrs = {{"dtype", type}, {"shape", shape == def.input_shapes.end() ? PartialShape() : shape->second}};
    inputs.push_back({&graph->add(std::move(spec)), 0});
    TW_CHECK(arguments.emplace(name, inputs.back()).second, "function ", def.name, ": argument '", name,
             "' is not unique");
  }
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < def.nodes.size(); ++i) {
    TW_CHECK(index.emplace(def.nodes[i].name, i).second, "function ", def.name, ": node '", def.nodes[i].name,
             "' is not unique");
  }
  auto source = [&](const std::string& text) { return text.substr(text[0] == '^', text.find(':') - (text[0] == '^')); };
  auto resolve = [&](const std::string& text) -> Endpoint {
    if (auto it = arguments.find(text); it != arguments.end()) return it->second;
    auto n = nodes.find(source(text));
    TW_CHECK(n != nodes.end(), "function ", def.name, ": unknown input '", text, "'");
    size_t colon = text.find(':');
    if (colon == text.npos) return {n->second, 0};
    std::string arg = text.substr(colon + 1);
    int64_t at = 0;
    if (size_t second = arg.find(':'); second != arg.npos) {
      auto [end, error] = std::from_chars(arg.data() + second + 1, arg.data() + arg.size(), at);
      TW_CHECK(error == std::errc() && end == arg.data() + arg.size() && at >= 0, "function ", def.name,
               ": malformed input '", text, "'");
      arg.resize(second);
    }
    bool found = false;
    int64_t first = first_output(*n->second, arg, found);
    TW_CHECK(found && at < int64_t(n->second->outputs().size()) - first, "function ", def.name, ": node '", n->first,
             "' has no output '", text, "'");
    return {n->second, int(first + at)};
  };
  auto add = [&](const NodeDef& d) {
    NodeSpec spec;
    spec.op = d.op;
    spec.name = graph->unique_name(d.name);
    spec.device = DeviceSpec::parse(d.device);
    for (const std::string& text : d.inputs) {
      if (!text.starts_with('^')) {
        spec.inputs.push_back(resolve(text));
      } else if (auto c = nodes.find(text.substr(1)); c != nodes.end()) {
        spec.control_inputs.push_back(c->second);
      } else {  // arguments are there from the start
        TW_CHECK(arguments.contains(text.substr(1)), "function ", def.name, ": unknown input '", text, "'");
      }
    }
    for (const auto& [key, message] : d.attrs) {
      const AttrDef* attr = ops_.get(d.op).attr(key);
      AttrValue value = read_attr_proto(message, attr ? &attr->kind : nullptr, budget_);
      define_functions(*this, *graph, value);
      spec.attrs.set(key, std::move(value));
    }
    nodes[d.name] = &graph->add(std::move(spec));
  };
  // Inputs first; `open` are nodes that wait for theirs.
  std::set<size_t> open;
  for (size_t root = 0; root < def.nodes.size(); ++root) {
    std::vector<size_t> stack{root};
    while (!stack.empty()) {
      size_t i = stack.back(), before = stack.size();
      const NodeDef& d = def.nodes[i];
      if (!nodes.contains(d.name)) {
        for (const std::string& text : d.inputs) {
          auto it = text.empty() ? index.end() : index.find(source(text));
          if (it == index.end() || nodes.contains(it->first) || arguments.contains(text)) continue;
          TW_CHECK(!open.contains(it->second) && it->second != i, "function ", def.name, ": node '", d.name,
                   "' is part of a cycle");
          stack.push_back(it->second);
        }
      }
      if (stack.size() > before) {
        open.insert(i);
        continue;
      }
      stack.pop_back();
      open.erase(i);
      if (!nodes.contains(d.name)) add(d);
    }
  }
  std::vector<Endpoint> outputs;
  for (const std::string& name : def.outputs) {
    auto it = def.returns.find(name);
    TW_CHECK(it != def.returns.end() && !it->second.empty(), "function ", def.name, ": nothing is returned as '", name,
             "'");
    outputs.push_back(resolve(it->second));
  }
  std::vector<Node*> targets;
  for (const auto& [name, node] : def.control_returns) {
    auto it = nodes.find(node);
    TW_CHECK(it != nodes.end(), "function ", def.name, ": there is no node '", node, "'");
    targets.push_back(it->second);
  }
  for (const auto& n : graph->nodes()) {  // TensorFlow runs what has an effect whether or not it is listed
    if (has_effect(*n) && std::ranges::find(targets, n.get()) == targets.end()) targets.push_back(n.get());
  }
  return make_function(def.name, graph, inputs, outputs, targets);
}

std::string FunctionLibrary::define_in(Graph& graph, const std::string& name) {
  auto made = made_.find(name);
  if (made == made_.end()) {
    auto def = defs_.find(name);
    if (def == defs_.end()) TW_FAIL(NotFound, "Function ", name, " is not defined.");
    TW_CHECK(making_.insert(name).second, "function ", name, " calls itself, which is not supported");
    made = made_.emplace(name, make(def->second)).first;
    making_.erase(name);
  }
  std::shared_ptr<const GraphFunction> f = made->second;
  std::set<std::string> taken;
  for (const auto& other : graph.functions()) {
    if (other == f) return f->name;
    taken.insert(other->name);
  }
  if (taken.contains(f->name)) {
    auto renamed = std::make_shared<GraphFunction>(*f);
    for (int i = 1; taken.contains(renamed->name); ++i) renamed->name = str(name, "_", i);
    f = made->second = renamed;
  }
  graph.define(f);
  return f->name;
}

void define_functions(FunctionLibrary& library, Graph& graph, AttrValue& value) {
  auto define = [&](FuncName& f) {
    if (library.contains(f.name)) {
      f.name = library.define_in(graph, f.name);
    } else {
      (void)graph.function(f.name);  // there from before, or NotFound
    }
  };
  if (FuncName* f = std::get_if<FuncName>(&value)) define(*f);
  if (FuncNames* fs = std::get_if<FuncNames>(&value)) std::ranges::for_each(*fs, define);
}

}  // namespace thalweg
