// A GraphFunction: a graph of its own with inputs and outputs, which nodes of another graph (If, While,
// PartitionedCall) call by name.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "thalweg/graph/graph.h"

namespace thalweg {

struct THALWEG_API GraphFunction {
  std::string name;
  std::shared_ptr<Graph> graph;
  std::vector<Endpoint> inputs;  // placeholders
  std::vector<Endpoint> outputs;
  std::vector<Node*> targets;  // what must run for its effect, besides what the outputs need

  // What follows from the above: the variables that a call reads and changes, by the name the session knows them by,
  // and whether it has any effect or draws on any state at all.
  std::set<std::string> reads, writes;
  bool stateful = false;
};

/// A function of `graph`, complete. The graph must not change any more.
THALWEG_API std::shared_ptr<const GraphFunction> make_function(std::string name, std::shared_ptr<Graph> graph,
                                                               std::vector<Endpoint> inputs,
                                                               std::vector<Endpoint> outputs,
                                                               std::vector<Node*> targets = {});

/// The functions that attributes of n name, by attribute in the order of the op's signature; empty for most nodes.
THALWEG_API std::vector<std::shared_ptr<const GraphFunction>> functions_of(const Node& n);
/// What the names of a function's nodes begin with where n calls it: the i-th of its functions. Copies in the place of
/// a call and functions with a plan of their own are told apart by it alike, so random streams are the same.
THALWEG_API std::string called_path(const Node& n, size_t i);
/// Sets the attributes that name functions of n to f(name), in the order of functions_of.
THALWEG_API void rename_functions(const Node& n, Attrs& attrs, const std::function<std::string(const std::string&)>& f);
/// PartitionedCall and its stateful form: one function, always called.
THALWEG_API bool is_call(const Node& n);
/// Whether n calls functions.
THALWEG_API bool calls_functions(const Node& n);

/// VariableV2 and the like: a node that is a variable's place in the graph.
inline bool is_variable(const Node& n) { return n.op().name == "VariableV2" || n.op().name == "Variable"; }
/// The name that sessions know a variable node by.
THALWEG_API std::string variable_name(const Node& n);
/// The variable node behind a reference.
THALWEG_API Node* variable_behind(const Endpoint& e);
/// Changes the variable behind its first input (assignments, optimizer updates).
THALWEG_API bool writes_reference(const Node& n);

/// Whether running n does more than making its outputs, other than drawing random numbers.
THALWEG_API bool has_effect(const Node& n);

/// Inputs (by position) that `from` needs, directly or not.
THALWEG_API std::vector<char> inputs_needed(const GraphFunction& f, const std::vector<Node*>& from);

/// Copies what `wanted` needs from one graph to another, which knows where `map`'s keys are already.
class THALWEG_API GraphCopier {
 public:
  /// Without control inputs what is copied is only what values follow from, not what was to run before.
  explicit GraphCopier(Graph& to, bool with_control = true) : to_(to), with_control_(with_control) {}
  std::map<std::pair<const Node*, int>, Endpoint> map;

  Endpoint operator()(const Endpoint& e);
  Node* node(Node& n);
  /// Where e is by now, or nothing.
  Endpoint find(const Endpoint& e) const;

 private:
  Node& copy(Node& n);

  Graph& to_;
  bool with_control_;
  std::map<const Node*, Node*> nodes_;
};

}  // namespace thalweg
