// TensorFlow's FunctionDefLibrary: the functions that a graph's nodes call.
#pragma once

#include <map>
#include <set>
#include <string>

#include "thalweg/formats/node_def.h"
#include "thalweg/graph/function.h"

namespace thalweg {

/// All functions that nodes of `graph` may call, and those that these call; empty if there are none.
WireWriter function_library(const Graph& graph);

/// Makes functions of a FunctionDefLibrary, each when it is asked for.
class FunctionLibrary {
 public:
  /// `budget` as for read_tensor_proto.
  FunctionLibrary(const OpRegistry& ops, size_t& budget) : ops_(ops), budget_(budget) {}

  void read(WireReader library);
  bool contains(const std::string& name) const { return defs_.contains(name); }
  /// Lets nodes of `graph` call the function. Where the graph has another one of that name, it goes under a new name,
  /// which is returned. NotFound if there is none, InvalidArgument if it makes no sense or calls itself.
  std::string define_in(Graph& graph, const std::string& name);

 private:
  struct Def {
    std::string name;
    std::vector<std::pair<std::string, DType>> inputs;
    std::vector<std::string> outputs, control;
    std::map<std::string, std::string> returns, control_returns;
    std::map<int, PartialShape> input_shapes;
    std::vector<NodeDef> nodes;
  };
  Def read_function(WireReader r);
  std::shared_ptr<const GraphFunction> make(const Def& def);

  const OpRegistry& ops_;
  size_t& budget_;
  std::map<std::string, Def> defs_;
  std::map<std::string, std::shared_ptr<const GraphFunction>> made_;
  std::set<std::string> making_;
};

/// Points attributes of a node that is being read at the functions as they are called in `graph`.
void define_functions(FunctionLibrary& library, Graph& graph, AttrValue& value);

}  // namespace thalweg
