// What the gradients of calls are made of: a function together with its gradient, and functions in the making.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalweg/autodiff/functional.h"
#include "thalweg/graph/function.h"

namespace thalweg::functional {

inline bool differentiable(DType t) { return kInexact.has(t) || t == DType::variant; }
inline const OutputInfo& info(const Endpoint& e) { return e.node->output(e.index); }
/// e's place in the list, or -1.
int position(std::span<const Endpoint> list, const Endpoint& e);
/// Positions of those that there are.
std::vector<int> present(const Outs& dys);

/// A name that no function has had, made of that of another.
std::string new_name(const std::string& base, const char* part);
Endpoint placeholder(Graph& g, DType dtype, const PartialShape& shape, std::string_view name);
/// Zeros in the place of x, which is not mentioned where its shape is known.
Out zeros_for(const Out& x);

/// The op of n's kind that may or may not have state.
std::string op_like(const Node& n, bool stateful);

/// A function and its gradient in one graph.
struct Differentiated {
  std::shared_ptr<const GraphFunction> f;
  std::shared_ptr<Graph> graph;
  std::vector<Endpoint> inputs, outputs;  // of f, in `graph`
  std::vector<Node*> targets;
  std::vector<Endpoint> dys;  // placeholders, by arriving output
  Outs dxs;                   // by wanted input, then by variable
  // What the gradients need of the forward part that is not computed again: inputs of f, and outputs of nodes.
  std::vector<Endpoint> needed_inputs, saved;

  /// `fill`: zeros stand for gradients that there are not.
  Differentiated(std::shared_ptr<const GraphFunction> function, const std::vector<int>& arriving,
                 const std::vector<int>& wanted, const std::vector<Node*>& variables, bool fill,
                 const GradientOptions& outer);

  /// Fills in what a branch does not depend on, where another one does.
  void fill(size_t i);
  /// The same, where the others give slices: as none of them. Of x the shape is known.
  void fill_without_rows(size_t i);
  bool slices_or_nothing(size_t i) const;

 private:
  Node& variable(Node& outer);
  void find_needed();

  Outs by_;  // what dxs are by
};

/// A function in the making: a graph, and a copier into it from the graph of something that was differentiated.
struct Draft {
  std::shared_ptr<Graph> graph;
  GraphCopier copy;
  std::vector<Endpoint> inputs, outputs;
  std::vector<Node*> targets;

  Draft(const OpRegistry& ops, bool with_control) : graph(std::make_shared<Graph>(ops)), copy(*graph, with_control) {}

  /// An input that stands for e, of the graph that is copied from.
  Endpoint input_for(const Endpoint& e, std::string_view name);
  /// Has the graph `caller` know it.
  std::shared_ptr<const GraphFunction> finish(Graph& caller, std::string name);
};

/// function_gradients of If, Case and calls, and of While.
FunctionGradients branch_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                   const GradientOptions& options);
FunctionGradients loop_gradients(Node& n, const Outs& dys, const std::vector<Node*>& variables,
                                 const GradientOptions& options);

}  // namespace thalweg::functional
