// Shape inference of one node: the same function serves graph construction (shapes may be partial) and a run (all
// known).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "thalweg/registry/op_def.h"

namespace thalweg {

/// The elements of a small integer tensor as far as they are known while the graph is built; kUnknownValue otherwise.
using Values = std::vector<int64_t>;
inline constexpr int64_t kUnknownValue = INT64_MIN;
/// Larger tensors are not followed.
inline constexpr int64_t kMaxValues = 1024;

/// What inference may know of one input.
struct InferInput {
  PartialShape shape;
  DType dtype = DType::invalid;
  const Tensor* tensor = nullptr;  // its value: a constant, or the tensor itself during a run; on the host
  const Values* values = nullptr;  // known elements, when the tensor itself is not known
};

struct InferOutput {
  PartialShape shape;
  std::optional<Values> values;
};

class THALWEG_API Infer {
 public:
  Infer(const OpDef& op, const Attrs& attrs, std::span<const InferInput> inputs, size_t outputs, bool running)
      : op_(op), attrs_(attrs), inputs_(inputs), outputs_(outputs), used_value_(inputs.size()), running_(running) {}

  const OpDef& op() const { return op_; }
  const Attrs& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  int inputs() const { return int(inputs_.size()); }
  int outputs() const { return int(outputs_.size()); }
  DType dtype(int i) const { return inputs_[size_t(i)].dtype; }
  /// True when all shapes are known because a kernel is about to run; error texts differ as TensorFlow's do.
  bool running() const { return running_; }

  // Inputs.
  const PartialShape& in(int i) const { return inputs_[size_t(i)].shape; }
  /// in(i) with its rank checked: "Shape must be rank 4 but is rank 3".
  PartialShape rank(int i, int rank) const;
  /// "Shape must be at least rank 2 but is rank 1"
  PartialShape rank_at_least(int i, int rank) const;
  PartialShape rank_at_most(int i, int rank) const;
  /// The value of an input if it is known (a constant, or any tensor during a run). Calling this marks the input as one
  /// whose value decides shapes.
  const Tensor* constant(int i);
  /// The elements of an integer input as far as known; kUnknownValue marks the others. Empty optional: nothing known.
  std::optional<Values> values(int i);
  /// What is known of an input's elements, for passing on to an output: unlike values(), shapes do not come to depend
  /// on it. Null if nothing is known.
  const Values* known(int i) const { return inputs_[size_t(i)].values; }
  /// The one element of an integer scalar input.
  std::optional<int64_t> scalar(int i);
  /// The elements of a 1-D integer input read as a shape, -1 meaning unknown. Unknown rank if nothing is known.
  PartialShape shape_from(int i);

  // Dimension arithmetic; kUnknown is contagious where it must be.
  /// Equal dimensions: "Dimensions must be equal, but are 3 and 4".
  int64_t merge(int64_t a, int64_t b) const;
  /// Equal shapes: "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3]."
  PartialShape merge(const PartialShape& a, const PartialShape& b) const;
  /// NumPy broadcasting; while running "Incompatible shapes: [2,3] vs. [4,5]".
  PartialShape broadcast(const PartialShape& a, const PartialShape& b) const;
  static int64_t add(int64_t a, int64_t b) { return a < 0 || b < 0 ? kUnknown : a + b; }
  static int64_t mul(int64_t a, int64_t b) { return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? kUnknown : a * b; }
  /// Output size of a sliding window along one axis. padding: "SAME", "VALID"; "EXPLICIT" with before/after.
  int64_t window(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, std::string_view padding,
                 int64_t before = 0, int64_t after = 0) const;
  /// Axis in [-rank, rank) made non-negative; InvalidArgument otherwise.
  int axis(int64_t axis, int rank) const;
  static PartialShape concat(const PartialShape& a, const PartialShape& b);
  /// Dims [from, to) of a shape of known rank; `to` < 0 counts from the end. Unknown rank stays unknown.
  static PartialShape slice(const PartialShape& s, int from, int to = kMaxRank);

  /// Breaks off with InvalidArgument when the condition fails. The caller of inference adds node and input shapes.
  template <class... Parts>
  void require(bool cond, const Parts&... parts) const {
    if (!cond) [[unlikely]]
      fail(Code::InvalidArgument, str(parts...));
  }

  // Outputs; an output that is not set has unknown rank.
  void out(int i, PartialShape shape) { outputs_[size_t(i)].shape = shape; }
  /// Says what is known of the elements of a small integer output.
  void out_values(int i, Values v) {
    if (int64_t(v.size()) <= kMaxValues) outputs_[size_t(i)].values = std::move(v);
  }

  // For the caller of inference.
  InferOutput& result(int i) { return outputs_[size_t(i)]; }
  bool used_value(int i) const { return used_value_[size_t(i)]; }

 private:
  const OpDef& op_;
  const Attrs& attrs_;
  std::span<const InferInput> inputs_;
  std::vector<InferOutput> outputs_;
  std::vector<bool> used_value_;
  bool running_;
};

// Common rules, to be passed to OpDef::infer.
THALWEG_API void infer_unchanged(Infer& s);  // output 0 has input 0's shape (and known values)
THALWEG_API void infer_broadcast(Infer& s);  // output 0 is the broadcast of all inputs
THALWEG_API void infer_scalar(Infer& s);     // every output is a scalar
THALWEG_API void infer_unknown(Infer& s);    // nothing is known

}  // namespace thalweg
