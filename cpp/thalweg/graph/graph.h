// The program: nodes in creation order, each an op with attributes, inputs and inferred outputs. Knows nothing of
// running.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "thalweg/core/device.h"
#include "thalweg/registry/infer.h"
#include "thalweg/registry/op_def.h"

namespace thalweg {

class Graph;
class Node;
struct GraphFunction;  // graph/function.h

/// Output `index` of a node.
struct Endpoint {
  Node* node = nullptr;
  int index = 0;
  explicit operator bool() const { return node != nullptr; }
  bool operator==(const Endpoint&) const = default;
};

struct OutputInfo {
  DType dtype = DType::invalid;
  bool is_ref = false;
  PartialShape shape;
  std::optional<Values> values;  // known elements of small integer tensors
};

/// A node that another one was copied from: its graph's number and its own.
struct Origin {
  uint64_t graph = 0;  // 0: none
  int node = 0;
  bool operator==(const Origin&) const = default;
};

class THALWEG_API Node {
 public:
  int id() const { return id_; }
  const std::string& name() const { return name_; }
  const OpDef& op() const { return *op_; }
  Graph& graph() const { return *graph_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  const std::vector<Endpoint>& inputs() const { return inputs_; }
  const std::vector<Node*>& control_inputs() const { return control_inputs_; }
  const std::vector<OutputInfo>& outputs() const { return outputs_; }
  const OutputInfo& output(int i) const { return outputs_[size_t(i)]; }
  const DeviceSpec& device() const { return device_; }
  /// Where in the user's program the node was made: "train.py:42"; may be empty.
  const std::string& site() const { return site_; }
  /// The first of which this is a copy, itself if it is none.
  Origin origin() const;
  /// "{{node mm}} = MatMul[T=DT_FLOAT, ...](a, b)"
  std::string describe() const;

 private:
  friend class Graph;
  int id_ = 0;
  std::string name_;
  const OpDef* op_ = nullptr;
  Graph* graph_ = nullptr;
  Attrs attrs_;
  std::vector<Endpoint> inputs_;
  std::vector<Node*> control_inputs_;
  std::vector<OutputInfo> outputs_;
  DeviceSpec device_;
  std::string site_;
  Origin origin_;
};

/// What is needed to make a node; `inputs` is flat (lists are laid out in order). Attributes that follow from inputs
/// (types, list lengths) are inferred; defaults are filled in.
struct NodeSpec {
  std::string op;
  std::string name;  // the full, final name; must be free (Graph::unique_name makes one)
  std::vector<Endpoint> inputs;
  Attrs attrs;
  std::vector<Node*> control_inputs;
  DeviceSpec device;
  std::string site;
};

class THALWEG_API Graph : public std::enable_shared_from_this<Graph> {
 public:
  explicit Graph(const OpRegistry& ops);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const OpRegistry& ops() const { return *ops_; }
  /// Checks types, attributes and shapes; TypeError or InvalidArgument with TensorFlow's texts. The graph is unchanged
  /// when it throws.
  Node& add(NodeSpec spec);

  int size() const { return int(nodes_.size()); }
  Node& node(int id) const { return *nodes_[size_t(id)]; }
  Node* find(std::string_view name) const;
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }

  /// `name` if it is free (ignoring case), else name_1, name_2, ... The name is taken when `mark` is set.
  std::string unique_name(std::string_view name, bool mark = true);
  /// Bumped by every change; cached plans compare it.
  uint64_t version() const { return version_; }
  /// A number that no other graph of the process has.
  uint64_t number() const { return number_; }
  void finalize() { finalized_ = true; }
  bool finalized() const { return finalized_; }
  void unfinalize() { finalized_ = false; }

  std::optional<int64_t> seed() const { return seed_; }
  void set_seed(std::optional<int64_t> seed) { seed_ = seed; }

  /// Narrows what is known of an output's shape; InvalidArgument when it contradicts.
  void set_shape(Endpoint e, const PartialShape& shape);
  void set_attr(Node& n, std::string_view name, AttrValue value);
  void set_device(Node& n, DeviceSpec device);
  void add_control_input(Node& n, Node& before);
  /// Rewires input i of n. For passes on their own copy of a graph and for while loops; types must match.
  void replace_input(Node& n, int i, Endpoint e);
  void clear_control_inputs(Node& n);
  /// Makes n another op with other inputs and attributes; its outputs keep their dtypes and shapes, and may become
  /// more. n keeps its place in the order, its name and its consumers; inputs may be younger than n, which passes on
  /// their own copy of a graph must avoid.
  void become(Node& n, std::string_view op, std::vector<Endpoint> inputs, Attrs attrs);

  void set_origin(Node& n, const Node& original) { n.origin_ = original.origin(); }

  /// Adds a function for nodes of this graph to call; the name must be free or that function's already.
  void define(std::shared_ptr<const GraphFunction> f);
  /// NotFound if there is none of that name.
  std::shared_ptr<const GraphFunction> function(const std::string& name) const;
  std::vector<std::shared_ptr<const GraphFunction>> functions() const;  // by name
  /// What the other graph's nodes may call, this one's may.
  void share_functions(const Graph& other);

  /// Graphs may be extended while other threads plan runs over them.
  std::shared_mutex& mutex() const { return mutex_; }

 private:
  void infer_attrs(const OpDef& def, NodeSpec& spec) const;
  std::vector<OutputInfo> infer_outputs(const OpDef& def, const NodeSpec& spec) const;

  const OpRegistry* ops_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unordered_map<std::string, Node*> by_name_;
  std::unordered_map<std::string, int> names_in_use_;  // lower case
  std::map<std::string, std::shared_ptr<const GraphFunction>> functions_;
  mutable std::mutex functions_mutex_;
  uint64_t number_;
  uint64_t version_ = 0;
  bool finalized_ = false;
  std::optional<int64_t> seed_;
  mutable std::shared_mutex mutex_;
};

/// Runs an op's shape function for inputs described by `inputs`; errors carry no node context.
THALWEG_API std::vector<InferOutput> infer_node(const OpDef& op, const Attrs& attrs, std::span<const InferInput> inputs,
                                                size_t outputs, bool running, std::vector<bool>* used_value = nullptr);
/// The number of outputs and their dtypes, from the signature and the attributes.
THALWEG_API std::vector<OutputInfo> output_types(const OpDef& op, const Attrs& attrs);

}  // namespace thalweg
