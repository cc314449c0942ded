// The function library of a GraphDef, read.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "thalweg/formats/wire.h"
#include "thalweg/graph/function.h"

namespace thalweg {

/// The functions of a message. Each is made when it is first asked for: ops that we do not have are an error only in
/// functions that are called.
class FunctionLibrary {
 public:
  /// `prefix`: of the nodes that are to call them. Functions that know variables get it too, as the variables have.
  /// `budget` as for read_tensor_proto.
  FunctionLibrary(const OpRegistry& ops, std::string prefix, size_t& budget)
      : ops_(ops), prefix_(std::move(prefix)), budget_(budget) {}

  /// A FunctionDef. InvalidArgument if the name is taken.
  void add(WireReader r);
  /// Lets nodes of `graph` call what an attribute of theirs names; the attribute then has the name that the function
  /// has got. Names that are not in the library are left alone. InvalidArgument for recursion, Unimplemented for
  /// functions of any type.
  void resolve(AttrValue& value, Graph& graph);

 private:
  struct Entry {
    WireReader message;
    std::shared_ptr<const GraphFunction> made;
    bool busy = false;
  };

  void resolve(FuncName& name, Graph& graph);
  std::shared_ptr<const GraphFunction> make(const std::string& name);

  const OpRegistry& ops_;
  std::string prefix_;
  size_t& budget_;
  static constexpr int kMostNested = 100;
  int depth_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace thalweg
