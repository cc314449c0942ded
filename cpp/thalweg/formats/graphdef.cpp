#include "thalweg/formats/graphdef.h"

#include <charconv>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_set>

#include "thalweg/formats/attr_proto.h"
#include "thalweg/formats/function_def.h"
#include "thalweg/formats/function_library.h"
#include "thalweg/formats/node_def.h"

namespace thalweg {
namespace {

// Fields of GraphDef, FunctionDefLibrary and VersionDef.
constexpr uint32_t kNode = 1, kLibrary = 2, kVersions = 4;
constexpr uint32_t kFunction = 1;
constexpr uint32_t kProducer = 1, kMinConsumer = 2;

/// The version of GraphDef semantics that we write, TensorFlow 2.21's.
constexpr int kGraphVersion = 2474;
/// Bytes that one GraphDef's constants may take; repeated fields can blow a few bytes up to any size.
constexpr size_t kMaxTensorBytes = size_t(4) << 30;
constexpr std::string_view kColocation = "loc:@";

/// "name:1" as (name, 1), "^name" as (name, -1).
std::pair<std::string, int> parse_input(const std::string& text) {
  if (text.starts_with('^')) return {text.substr(1), -1};
  size_t colon = text.rfind(':');
  if (colon == text.npos) return {text, 0};
  int index = -1;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + colon + 1, end, index);
  TW_CHECK(error == std::errc() && stop == end && index >= 0, "GraphDef: malformed input '", text, "'");
  return {text.substr(0, colon), index};
}

class Importer {
 public:
  Importer(Graph& graph, std::string_view bytes, const std::string& prefix,
           const std::unordered_map<std::string, Endpoint>& input_map)
      : graph_(graph),
        prefix_(prefix.empty() || prefix.ends_with('/') ? prefix : prefix + "/"),
        library_(graph.ops(), prefix_, budget_) {
    for (const auto& [key, e] : input_map) {
      auto [name, index] = parse_input(key);
      mapped_[{name, index}] = e;
      unused_.insert({name, index});
    }
    read(bytes);
    for (size_t i = 0; i < defs_.size(); ++i) {
      TW_CHECK(index_.emplace(defs_[i].name, i).second, "GraphDef: node '", defs_[i].name, "' is not unique");
    }
  }

  std::unordered_map<std::string, Node*> run() {
    std::vector<size_t> order = sorted();
    check_names();
    for (size_t i : order) add(defs_[i]);
    return std::move(nodes_);
  }

 private:
  using Key = std::pair<std::string, int>;
  struct KeyHash {
    size_t operator()(const Key& k) const { return std::hash<std::string>()(k.first) * 31 + size_t(k.second); }
  };

  void read(std::string_view bytes) {
    for (WireReader r(bytes, "GraphDef"); r.next();) {
      if (r.field() == kNode) {
        defs_.push_back(read_node_def(r.message("NodeDef")));
      } else if (r.field() == kLibrary) {
        for (WireReader l = r.message("FunctionDefLibrary"); l.next();) {
          if (l.field() == kFunction) library_.add(l.message("FunctionDef"));
        }
      } else if (r.field() == kVersions) {
        for (WireReader v = r.message("VersionDef"); v.next();) {
          if (v.field() != kMinConsumer) continue;
          TW_CHECK(v.int64() <= kGraphVersion, "GraphDef min consumer version ", v.int64(), " above current version ",
                   kGraphVersion, ". Please upgrade Thalweg.");
        }
      }
    }
  }

  bool is_mapped(const Key& k) const { return mapped_.contains(k); }

  /// Indices so that inputs come first, and otherwise as they stand in the message.
  std::vector<size_t> sorted() const {
    auto [order, stuck] = in_order_of_need(defs_.size(), [&](size_t i, const std::function<void(size_t)>& need) {
      for (const std::string& text : defs_[i].inputs) {
        Key k = parse_input(text);
        if (is_mapped(k)) continue;
        auto it = index_.find(k.first);
        TW_CHECK(it != index_.end(), "Node '", defs_[i].name, "': Unknown input node '", text, "'");
        need(it->second);
      }
    });
    if (stuck >= 0) {
      TW_FAIL(InvalidArgument, "GraphDef: node '", defs_[size_t(stuck)].name, "' is part of a cycle or behind one");
    }
    return order;
  }

  void check_names() {
    for (const NodeDef& n : defs_) {
      graph_.ops().get(n.op);
      TW_CHECK(!graph_.find(prefix_ + n.name), "Node name '", prefix_, n.name, "' already exists in the Graph");
      for (const std::string& text : n.inputs) unused_.erase(parse_input(text));
    }
    std::string names;
    for (const auto& [name, index] : unused_) {
      names += str(names.empty() ? "" : ", ", index < 0 ? "^" : "", name);
      if (index >= 0) names += str(":", index);
    }
    TW_CHECK(names.empty(), "Attempted to map inputs that were not found in graph_def: [", names, "]");
  }

  void add(const NodeDef& def) {
    const OpDef& op = graph_.ops().get(def.op);
    NodeSpec spec;
    spec.op = def.op;
    spec.name = prefix_ + def.name;
    spec.device = DeviceSpec::parse(def.device);
    for (const std::string& text : def.inputs) {
      Key k = parse_input(text);
      auto it = mapped_.find(k);
      Endpoint e = it != mapped_.end() ? it->second : Endpoint{nodes_.at(k.first), k.second};
      if (k.second < 0) {
        spec.control_inputs.push_back(e.node);
        continue;
      }
      TW_CHECK(spec.control_inputs.empty(), "Node '", def.name, "': data input '", text, "' after a control input");
      TW_CHECK(size_t(e.index) < e.node->outputs().size(), "Node '", def.name, "': Connecting to invalid output ",
               e.index, " of source node ", e.node->name(), " which has ", e.node->outputs().size(), " outputs.");
      spec.inputs.push_back(e);
    }
    for (const auto& [key, message] : def.attrs) {
      const AttrDef* attr = op.attr(key);
      AttrValue value = read_attr_proto(message, attr ? &attr->kind : nullptr, budget_);
      if (key == "_class") relocate(value);
      if (attr) library_.resolve(value, graph_);
      spec.attrs.set(key, std::move(value));
    }
    nodes_[def.name] = &graph_.add(std::move(spec));
  }

  /// "loc:@v" names a node of the same message, which now lives under the prefix.
  void relocate(AttrValue& value) const {
    auto* classes = std::get_if<Strings>(&value);
    if (!classes) return;
    for (std::string& c : *classes) {
      if (c.starts_with(kColocation) && index_.contains(c.substr(kColocation.size()))) {
        c.insert(kColocation.size(), prefix_);
      }
    }
  }

  Graph& graph_;
  std::string prefix_;
  std::unordered_map<Key, Endpoint, KeyHash> mapped_;
  std::unordered_set<Key, KeyHash> unused_;
  std::vector<NodeDef> defs_;
  std::unordered_map<std::string, size_t> index_;
  std::unordered_map<std::string, Node*> nodes_;
  size_t budget_ = kMaxTensorBytes;
  FunctionLibrary library_;
};

/// The functions that nodes of the graph may call, and those that they may, each once, by name.
std::vector<std::shared_ptr<const GraphFunction>> all_functions(const Graph& graph) {
  std::map<std::string, std::shared_ptr<const GraphFunction>> found;
  std::vector<std::shared_ptr<const GraphFunction>> stack = graph.functions();
  while (!stack.empty()) {
    auto f = std::move(stack.back());
    stack.pop_back();
    if (!found.emplace(f->name, f).second) continue;
    for (auto& inner : f->graph->functions()) stack.push_back(std::move(inner));
  }
  std::vector<std::shared_ptr<const GraphFunction>> out;
  for (auto& [name, f] : found) out.push_back(std::move(f));
  return out;
}

}  // namespace

std::string to_graph_def(const Graph& graph) {
  std::shared_lock lock(graph.mutex());
  WireWriter out;
  for (const auto& n : graph.nodes()) {
    out.message(kNode, node_def(*n, [](const Endpoint& e) {
                  return e.index ? str(e.node->name(), ":", e.index) : e.node->name();
                }));
  }
  WireWriter library;
  for (const auto& f : all_functions(graph)) library.message(kFunction, function_def(*f));
  if (!library.empty()) out.message(kLibrary, library);
  WireWriter versions;
  versions.varint(kProducer, kGraphVersion);
  out.message(kVersions, versions);
  return std::move(out).str();
}

std::unordered_map<std::string, Node*> import_graph_def(Graph& graph, std::string_view bytes, const std::string& prefix,
                                                        const std::unordered_map<std::string, Endpoint>& input_map) {
  return Importer(graph, bytes, prefix, input_map).run();
}

}  // namespace thalweg
