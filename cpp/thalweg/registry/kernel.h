// What a kernel is: an object built once per node, found by (op, device type, dtype). KernelContext is one call of it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/tensor.h"
#include "thalweg/core/threadpool.h"
#include "thalweg/registry/op_def.h"

namespace thalweg {

/// A variable's value in a session. Readers take a counted reference under the mutex and never see a half-written
/// value: a writer works in place only when nobody else holds the buffer.
struct Variable {
  std::string name;
  DType dtype = DType::invalid;
  PartialShape shape;  // as declared
  std::mutex mutex;
  Tensor value;  // tests false: uninitialised
  bool initialized() {
    std::lock_guard lock(mutex);
    return bool(value);
  }
};

class Kernel;
class KernelContext;
struct RunControl;  // runtime/executor.h

/// A function of the graph, ready to be called by the kernels of If, While and the like.
class FunctionCall {
 public:
  virtual ~FunctionCall() = default;
  /// Runs it as a part of the run that `k` belongs to. `inputs` are let go of as soon as nothing needs them; inputs
  /// that the function does not use may be empty. Results may share memory with inputs.
  virtual void call(std::span<Tensor> inputs, std::vector<Tensor>& outputs, const KernelContext& k) = 0;
};

/// Where a kernel finds the functions that its node names.
class FunctionSource {
 public:
  virtual ~FunctionSource() = default;
  /// Which inputs each output of function `name` follows from, one row an output; a last row has those that whatever
  /// runs for its effect needs.
  virtual std::vector<std::vector<char>> needs(const std::string& name) = 0;
  /// The function with the outputs for which `wanted` is set; the others stay empty.
  virtual std::shared_ptr<FunctionCall> find(const std::string& name, std::vector<char> wanted) = 0;
};

/// One of the nodes that a fused node stands for. Its operands are values by number: the inputs of the fused node come
/// first, then (where there is one) the product that the members follow, then the members' own results.
struct FusedMember {
  std::shared_ptr<Kernel> kernel;
  std::string node;
  std::vector<int> operands;
  DType dtype = DType::invalid;  // of the result
};

/// What a kernel learns of its node when it is built.
struct KernelInit {
  const OpDef& op;
  const Attrs& attrs;
  std::string_view node;  // the node's name
  std::vector<DType> input_dtypes{}, output_dtypes{};
  Device* device = nullptr;
  std::vector<PartialShape> input_shapes{};  // as far as the plan knows them
  std::vector<Tensor> constants{};           // values of inputs that never change; false where they may
  std::span<const FusedMember>
      members{};                        // of a fused node, operands before users; the last one's result is the node's
  FunctionSource* functions = nullptr;  // null outside a session; to be used while the kernel is built
  std::vector<char> read{};             // by output: whether anything reads it

  template <class T>
  const T& attr(std::string_view name) const {
    return attrs.get<T>(name);
  }
};

/// What the executor does for a running kernel.
class KernelHost {
 public:
  virtual ~KernelHost() = default;
  virtual Tensor& allocate(int output, const Shape& shape) = 0;
  virtual void give(int output, Tensor value) = 0;
  virtual void* scratch(size_t bytes) = 0;
  virtual Variable& variable(int input) = 0;
  virtual bool cancelled() const = 0;
  /// Input i, given up by the run where this is its last use.
  virtual Tensor release(int /*input*/, const Tensor& value) { return value; }
  /// Null outside a run.
  virtual const RunControl* control() const { return nullptr; }
};

/// One call of a kernel.
class KernelContext {
 public:
  KernelContext(const Tensor* const* in, int inputs, Tensor* const* out, int outputs, KernelHost& host, Device& device,
                ThreadPool& pool)
      : in_(in), out_(out), inputs_(inputs), outputs_(outputs), host_(host), device_(device), pool_(pool) {}

  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }
  const Tensor& in(int i) const { return *in_[i]; }
  template <class T>
  const T* in(int i) const {
    return in_[i]->ptr<T>();
  }
  /// Output i, already allocated with the shape that inference gave.
  Tensor& out(int i) { return *out_[i]; }
  template <class T>
  T* out(int i) {
    return out_[i]->ptr<T>();
  }
  /// Allocates output i with a shape only the kernel knows (Where, Unique, ops without a shape rule).
  Tensor& out(int i, const Shape& shape) { return host_.allocate(i, shape); }
  /// Makes output i the tensor given: shares its memory, or copies it where the planner has a place for the output.
  void set_out(int i, Tensor t) { host_.give(i, std::move(t)); }

  /// Input i, to be passed on within this call: the only reference where nobody else needs it any more.
  Tensor borrow(int i) { return host_.release(i, *in_[i]); }
  /// Input i, to be kept beyond this call: borrow(i), or a copy where its memory is about to be used again.
  Tensor take(int i) {
    Tensor t = borrow(i);
    return t && t.buffer()->reused() ? t.clone() : t;
  }

  /// The variable behind a `ref` input.
  Variable& variable(int i) { return host_.variable(i); }
  /// 64-byte aligned scratch memory on the device, valid until the kernel returns; a second call gives other memory.
  template <class T>
  T* scratch(int64_t count) {
    return static_cast<T*>(host_.scratch(size_t(count) * sizeof(T)));
  }
  bool cancelled() const { return host_.cancelled(); }
  const RunControl* control() const { return host_.control(); }
  Device& device() const { return device_; }
  ThreadPool& pool() const { return pool_; }
  template <class F>
  void parallel_for(int64_t n, double cost_ns, F&& f) const {
    pool_.parallel_for(n, cost_ns, f);
  }

 private:
  const Tensor* const* in_;
  Tensor* const* out_;
  int inputs_, outputs_;
  KernelHost& host_;
  Device& device_;
  ThreadPool& pool_;
};

/// An elementwise kernel's loop over a run of elements: what others need to work it into a pass of their own.
struct RowLoop {
  /// out[0, n) from dense operands; where bit i of `repeated` is set, operand i is one element that serves all n. An
  /// operand may lie in exactly the output's memory.
  using Fn = void (*)(const void* op, const void* const* in, void* out, int64_t n, unsigned repeated);
  Fn fn = nullptr;
  const void* op = nullptr;  // lives as long as the kernel
  double cost = 0;           // nanoseconds an element
  bool broadcasts = true;    // false: operands must all have one shape
  explicit operator bool() const { return fn != nullptr; }
};

/// Kernels may keep state (a random stream), which they guard themselves: several runs may call one kernel at once.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(KernelContext& k) = 0;
  /// The loop of an elementwise kernel whose result does not depend on anything but the elements; empty for others.
  virtual RowLoop row_loop() const { return {}; }
  /// Whether it updates variables so that it can be run with others of its kind as one step, by the kernel of
  /// "_UpdateGroup".
  virtual bool is_update() const { return false; }
  /// Whether it gives all its outputs itself (set_out), so that nothing is to be allocated for them.
  virtual bool gives_outputs() const { return false; }
  /// Whether its output may lie in this input's memory: it reads each element before it writes the one in its place.
  virtual bool overwrites(int /*input*/) const { return false; }
  /// Whether it may keep its inputs' memory in what it gives, so that they are better off in memory of their own.
  virtual bool keeps_inputs() const { return false; }
};

using KernelFactory = std::function<std::unique_ptr<Kernel>(const KernelInit&)>;

struct KernelEntry {
  std::string op, device, type_attr;  // type_attr empty: any dtypes
  DType dtype = DType::invalid;
  KernelFactory make;
  std::vector<int> host_inputs, host_outputs;  // live in host memory even on a GPU (shapes, axes)
};

namespace detail {
/// Adapts a plain struct with operator()(KernelContext&) to the Kernel interface. The struct may be constructed from
/// KernelInit or be default constructible.
template <class K>
struct KernelAdapter final : Kernel {
  K k;
  explicit KernelAdapter(const KernelInit& init)
    requires std::constructible_from<K, const KernelInit&>
      : k(init) {}
  explicit KernelAdapter(const KernelInit&)
    requires(!std::constructible_from<K, const KernelInit&>)
      : k() {}
  void compute(KernelContext& c) override { k(c); }
  RowLoop row_loop() const override {
    if constexpr (requires { k.row_loop(); })
      return k.row_loop();
    else
      return {};
  }
  bool gives_outputs() const override {
    return requires { K::kGivesOutputs; };
  }
  bool overwrites(int input) const override {
    if constexpr (requires { k.overwrites(input); })
      return k.overwrites(input);
    else
      return false;
  }
  bool keeps_inputs() const override {
    return requires { K::kKeepsInputs; };
  }
};
}  // namespace detail

inline constexpr std::string_view kCpu = "CPU";
inline constexpr std::string_view kGpu = "GPU";

/// A registry is a value; the first entry that matches wins.
class THALWEG_API KernelRegistry {
 public:
  KernelEntry& add(KernelEntry entry);

  /// One kernel for every dtype: r.add<Reshape>("Reshape", kCpu).
  template <class K>
  KernelEntry& add(std::string_view op, std::string_view device) {
    return add(KernelEntry{std::string(op), std::string(device), "", DType::invalid, maker<K>(), {}, {}});
  }
  /// A class template instantiated for each T: r.add<MatMul, float, double>("MatMul", kCpu).
  template <template <class> class K, class... Ts>
  void add(std::string_view op, std::string_view device, std::string_view type_attr = "T") {
    (add(KernelEntry{
         std::string(op), std::string(device), std::string(type_attr), dtype_of<Ts>, maker<K<Ts>>(), {}, {}}),
     ...);
  }
  /// The same for every C++ type of a set: r.add_all<Fill, kPlain>("Fill", kCpu).
  template <template <class> class K, DTypeSet set>
  void add_all(std::string_view op, std::string_view device, std::string_view type_attr = "T") {
    for_each_dtype<set>([&]<class T>() { add<K, T>(op, device, type_attr); });
  }

  const KernelEntry* find(std::string_view op, std::string_view device, const Attrs& attrs) const;
  /// "Softplus: no kernel for int32 on GPU; registered: CPU{float32,float64}".
  std::string explain(std::string_view op, std::string_view device, const Attrs& attrs) const;
  bool has_device(std::string_view op, std::string_view device) const;
  void merge(KernelRegistry&& other);

 private:
  template <class K>
  static KernelFactory maker() {
    return [](const KernelInit& init) -> std::unique_ptr<Kernel> {
      return std::make_unique<detail::KernelAdapter<K>>(init);
    };
  }
  std::map<std::string, std::vector<KernelEntry>, std::less<>> by_op_;
};

}  // namespace thalweg
