// A graph value with arithmetic: formulas written over Out build nodes. Elementwise ops' f and df, gradients and C++
// users all write through it.
#pragma once

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "thalweg/graph/graph.h"

namespace thalweg {

class Scope;

/// An output of a node, or nothing (tests false): the gradient of an input that has none.
class THALWEG_API Out {
 public:
  Out() = default;
  Out(Endpoint e) : e_(e) {}                      // NOLINT(google-explicit-constructor)
  Out(Node& n, int index = 0) : e_{&n, index} {}  // NOLINT(google-explicit-constructor)
  /// A Python-style weak number: takes the dtype and graph of the Out it meets in an operator.
  Out(int v) : number_(v), is_number_(true) {}     // NOLINT(google-explicit-constructor)
  Out(double v) : number_(v), is_number_(true) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return bool(e_) || is_number_; }
  bool is_number() const { return is_number_; }
  double number() const { return number_; }
  Endpoint endpoint() const { return e_; }
  Node& node() const { return *e_.node; }
  int index() const { return e_.index; }
  Graph& graph() const { return e_.node->graph(); }
  DType dtype() const { return info().dtype; }
  const PartialShape& shape() const { return info().shape; }
  const OutputInfo& info() const { return e_.node->output(e_.index); }
  /// Output i of the same node.
  Out output(int i) const { return Out(*e_.node, i); }

 private:
  Endpoint e_;
  double number_ = 0;
  bool is_number_ = false;
};

using Outs = std::vector<Out>;

/// Where new nodes go: a graph, a name prefix, a device and control inputs. The innermost Scope on this thread is the
/// one that Out's operators use.
class THALWEG_API Scope {
 public:
  /// Nodes are named prefix + "/" + op name, made unique.
  explicit Scope(Graph& graph, std::string prefix = "", DeviceSpec device = {});
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  static Scope* current();  // null when there is none
  Graph& graph() const { return graph_; }
  const std::string& prefix() const { return prefix_; }
  void set_device(DeviceSpec device) { device_ = std::move(device); }
  void set_control_inputs(std::vector<Node*> nodes) { control_inputs_ = std::move(nodes); }
  void set_site(std::string site) { site_ = std::move(site); }

  Node& add(std::string_view op, std::vector<Endpoint> inputs, Attrs attrs = {}, std::string_view name = "");

 private:
  Graph& graph_;
  std::string prefix_, site_;
  DeviceSpec device_;
  std::vector<Node*> control_inputs_;
  Scope* outer_;
};

/// Adds a node to the graph of its inputs (or the current Scope's) and returns its first output. Numbers among the
/// inputs become constants of the dtype of the first input that has one.
THALWEG_API Out node(std::string_view op, std::initializer_list<Out> inputs, Attrs attrs = {},
                     std::string_view name = "");
THALWEG_API Out node(std::string_view op, std::span<const Out> inputs, Attrs attrs = {}, std::string_view name = "");
THALWEG_API Outs outputs_of(const Out& o);

/// A constant in the current Scope's graph.
THALWEG_API Out constant(const Tensor& value, std::string_view name = "");
THALWEG_API Out scalar(double value, DType dtype);
THALWEG_API Out ints(std::initializer_list<int64_t> values, DType dtype = DType::int32);  // 1-D
THALWEG_API Out ints(std::span<const int64_t> values, DType dtype = DType::int32);        // 1-D
THALWEG_API Out int_scalar(int64_t value, DType dtype = DType::int32);

// Number syntax. Comparisons give bool tensors.
THALWEG_API Out operator+(const Out& a, const Out& b);
THALWEG_API Out operator-(const Out& a, const Out& b);
THALWEG_API Out operator*(const Out& a, const Out& b);
THALWEG_API Out operator/(const Out& a, const Out& b);
THALWEG_API Out operator-(const Out& a);
THALWEG_API Out operator<(const Out& a, const Out& b);
THALWEG_API Out operator<=(const Out& a, const Out& b);
THALWEG_API Out operator>(const Out& a, const Out& b);
THALWEG_API Out operator>=(const Out& a, const Out& b);
THALWEG_API Out operator==(const Out& a, const Out& b);
THALWEG_API Out operator!=(const Out& a, const Out& b);
// Not operators: `!out` asks whether there is a value, and && would lose its short circuit.
THALWEG_API Out logical_and(const Out& a, const Out& b);
THALWEG_API Out logical_or(const Out& a, const Out& b);
THALWEG_API Out logical_not(const Out& a);
/// SelectV2.
THALWEG_API Out where(const Out& mask, const Out& a, const Out& b);
/// `k` with x's dtype and shape: for derivatives that do not mention x.
THALWEG_API Out like(const Out& x, const Out& k);

// What gradients are written with. Each is the op of the same meaning.
THALWEG_API Out matmul(const Out& a, const Out& b, bool transpose_a = false, bool transpose_b = false);
THALWEG_API Out shape_of(const Out& x, DType dtype = DType::int32);
THALWEG_API Out reshape(const Out& x, const Out& shape);
THALWEG_API Out reshape_like(const Out& x, const Out& like);
THALWEG_API Out cast(const Out& x, DType dtype);
THALWEG_API Out zeros_like(const Out& x);
THALWEG_API Out ones_like(const Out& x);
THALWEG_API Out sum(const Out& x, const Out& axes, bool keep_dims = false);
THALWEG_API Out transpose(const Out& x, const Out& perm);
/// Sums dy down to x's shape: the adjoint of broadcasting x. Adds nothing when static shapes show nothing was
/// broadcast.
THALWEG_API Out unbroadcast(const Out& dy, const Out& x);

}  // namespace thalweg
