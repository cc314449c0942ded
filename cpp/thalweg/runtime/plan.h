// A Plan is one (feeds, fetches, targets) of a graph, resolved: a flat array of steps over numbered slots. Names,
// attributes, kernels and devices are decided here; shapes and memory in Layout, per feed shapes.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "thalweg/passes/program.h"
#include "thalweg/registry/kernel.h"

namespace thalweg {

struct Layout;

/// What a slot holds, and who puts it there.
enum class SlotKind : uint8_t { Value, Constant, Feed, Variable };

struct Slot {
  SlotKind kind = SlotKind::Value;
  DType dtype = DType::invalid;
  Device* device = nullptr;
  Tensor constant;               // Constant
  Variable* variable = nullptr;  // Variable (and outputs of ops that return a reference)
  bool fetched = false;
};

/// One node at work.
struct Step {
  enum class Kind : uint8_t { Kernel, Alias, Copy };
  Kind kind = Kind::Kernel;
  const Node* node = nullptr;
  Kernel* kernel = nullptr;
  Device* device = nullptr;
  std::vector<int> in, out;    // slots
  std::vector<int> ref_reads;  // positions in `in` that read a variable's value here
  std::vector<int> frees;      // value slots that nobody needs after this step
  std::vector<char> gives_up;  // by input: nobody needs the slot after this step, and it is here only once
  /// One of a group's nodes. Its operands are positions in the step's `in`; from `in.size()` on they count the members.
  struct Member {
    const Node* node;
    std::vector<int> operands;
  };
  // A group of variable updates in one step, after the gradients that it makes itself: `in` and `out` are those of all
  // members, in order; `node` is the first update.
  std::vector<Member> group;
};

struct Plan {
  Program program;  // owns the nodes that steps point to
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<int> feeds, fetches;  // slots
  std::vector<std::shared_ptr<Kernel>> kernels;

  std::list<std::shared_ptr<Layout>> layouts;  // of a plan for any shapes; most recently used first
};

/// Where a session keeps its variables and the kernels that carry state from run to run (random streams).
struct THALWEG_API SessionState {
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<Variable>> variables;
  std::unordered_map<std::string, std::shared_ptr<Kernel>> stateful_kernels;
  std::unordered_map<std::string, std::shared_ptr<FunctionCall>> functions;

  Variable& variable(const Node& n);
  /// Makes a variable that lives elsewhere the one of this name.
  void bind(const std::string& name, std::shared_ptr<Variable> v);
};

/// What n tells its kernel, all but constants and members.
KernelInit kernel_init(const Node& n, Device& device);

struct PlanOptions {
  bool optimize = true;  // runs of variable updates become one step
  std::string path;      // of a function's graph: where in the session's graph it is called; ends in '/'
  std::function<std::unique_ptr<FunctionSource>(const Node&)> functions;  // for a node that calls functions
};

/// Builds the steps for a placed program.
std::shared_ptr<Plan> make_plan(Program program, const KernelRegistry& kernels, SessionState& state,
                                const PlanOptions& options);

/// An order of the program's nodes in which inputs come first, readers of a variable come before unordered writers, and
/// writers come last: a step that fails on the way leaves every variable untouched.
std::vector<Node*> schedule(const Program& program);

}  // namespace thalweg
