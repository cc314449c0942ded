// A Function is a graph with inputs and outputs that is called with tensors, and knows its derivative: the functions of
// Python programs, and single ops as the tape sees them.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "thalweg/autodiff/backward.h"
#include "thalweg/runtime/session.h"

namespace thalweg {

class Function;

/// How to go backwards through something that was called: which values to keep, and the function that takes the
/// gradients of its outputs, with those values, to the gradients of its inputs.
struct Derivative {
  /// What to keep, by position among inputs ++ outputs ++ what `forward` returns beyond the outputs.
  std::vector<int> saved;
  /// To be called in place of the function: its outputs, then intermediates to be kept. Null: outputs suffice.
  std::shared_ptr<Function> forward;
  /// (the arriving gradients..., the saved values...) -> gradients. Null if no input has one.
  std::shared_ptr<Function> pullback;
  std::vector<bool> arriving;  // by output: whether pullback takes its gradient
  struct Result {
    int input;
    bool slices;  // three results: values, indices, number of rows (IndexedSlices)
  };
  std::vector<Result> results;  // of the pullback
};

/// What a tape can go back through.
class THALWEG_API Differentiable {
 public:
  virtual ~Differentiable() = default;
  /// For inputs of these values (only what decides shapes is looked at): the derivative by the inputs that are `wanted`
  /// from gradients of the outputs `arriving`. NotFound if an op on the way has no gradient.
  virtual std::shared_ptr<const Derivative> derivative(std::span<const Tensor> in, const std::vector<bool>& arriving,
                                                       const std::vector<bool>& wanted) = 0;
};

/// A graph that functions are parts of, and the session that runs them. Functions keep it alive.
class THALWEG_API FunctionGraph {
 public:
  /// `extensible`: derivatives may add their nodes to it. Those of a graph that others see are made in a copy.
  FunctionGraph(std::shared_ptr<Graph> graph, const Library& library, bool extensible, SessionOptions options = {})
      : library_(library),
        options_(options),
        extensible_(extensible),
        graph_(std::move(graph)),
        session_(*graph_, library, options) {}

  Graph& graph() { return *graph_; }
  Session& session() { return session_; }
  /// Held while nodes are added by one who is not the graph's only user (derivatives).
  std::mutex& mutex() { return mutex_; }
  bool extensible() const { return extensible_; }
  /// The same nodes and variables, extensible; made once. `of` finds where an endpoint of this graph is in it.
  std::shared_ptr<FunctionGraph> copy();
  Endpoint of(const Endpoint& e) const;

  /// How gradients written outside the registry (Python) are found.
  GradientOptions gradient_options;

 private:
  const Library& library_;
  SessionOptions options_;
  bool extensible_;
  std::shared_ptr<Graph> graph_;
  Session session_;
  std::mutex mutex_;
  std::shared_ptr<FunctionGraph> copy_;
  std::vector<Node*> copies_;  // by node number
};

class THALWEG_API Function final : public Differentiable {
 public:
  /// `variables` are references that the function reads: inputs whose values it finds by itself. `targets` run at every
  /// call, whether or not an output needs them.
  Function(std::shared_ptr<FunctionGraph> graph, std::vector<Endpoint> inputs, std::vector<Endpoint> outputs,
           std::vector<Node*> targets = {}, std::vector<Endpoint> variables = {});

  /// Results may share memory with inputs and variables: tensors that are handed out are never written to.
  std::vector<Tensor> call(std::span<const Tensor> in, const RunControl& control = {});

  /// Inputs are counted with `variables` after them.
  std::shared_ptr<const Derivative> derivative(std::span<const Tensor> in, const std::vector<bool>& arriving,
                                               const std::vector<bool>& wanted) override;

  FunctionGraph& graph() const { return *graph_; }
  /// What runs it; null if a call does no work: outputs are inputs, under other shapes perhaps.
  Runner* runner() const { return runner_.get(); }
  const std::vector<Endpoint>& inputs() const { return inputs_; }
  const std::vector<Endpoint>& outputs() const { return outputs_; }
  const std::vector<Endpoint>& variables() const { return variables_; }
  DType output_dtype(size_t i) const { return outputs_[i].node->output(outputs_[i].index).dtype; }

 private:
  /// An output that is an input, under a shape that is known.
  struct Direct {
    int input = -1;
    Shape shape;
    bool reshaped = false;
  };
  Direct direct(Endpoint e) const;
  std::shared_ptr<const Derivative> differentiate(const std::vector<bool>& arriving, const std::vector<bool>& wanted);

  std::shared_ptr<FunctionGraph> graph_;
  std::vector<Endpoint> inputs_, outputs_, variables_;
  std::vector<Node*> targets_;
  std::vector<Direct> direct_;  // by output
  std::shared_ptr<Runner> runner_;
  std::vector<int> fetched_;              // by fetch of the runner: the output
  std::shared_ptr<Function> extensible_;  // this, in the copy of its graph
  std::unordered_map<std::string, std::shared_ptr<const Derivative>> derivatives_;  // guarded by the graph's mutex
};

}  // namespace thalweg
