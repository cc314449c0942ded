#include "thalweg/runtime/eager.h"

#include <algorithm>
#include <array>

#include "thalweg/runtime/loose_host.h"
#include "thalweg/runtime/plan.h"

namespace thalweg {
namespace {

constexpr int64_t kMostDeciding = 64;  // elements of an input whose value becomes part of a derivative

Endpoint input_node(Graph& g, DType dtype, const PartialShape& shape, bool by_reference) {
  NodeSpec spec;
  spec.op = by_reference ? "VariableV2" : "Placeholder";
  spec.name = g.unique_name("input");
  spec.attrs = {{"dtype", dtype}, {"shape", shape}};
  return {&g.add(std::move(spec)), 0};
}

/// By flat input: whether it is passed by reference.
std::vector<bool> references(const OpDef& op, const Attrs& attrs, size_t inputs) {
  std::vector<bool> out;
  for (const ArgDef& a : op.inputs) {
    size_t n = 1;
    if (!a.number_attr.empty()) n = size_t(attrs.get<int64_t>(a.number_attr));
    if (!a.type_list_attr.empty()) n = attrs.get<DTypes>(a.type_list_attr).size();
    out.insert(out.end(), n, a.is_ref);
  }
  TW_CHECK(out.size() == inputs, op.name, ": expected ", out.size(), " inputs, got ", inputs);
  return out;
}

/// The shapes of the outputs; an error says for which inputs.
std::vector<InferOutput> checked(const OpDef& op, const Attrs& attrs, std::span<const InferInput> in, size_t outputs,
                                 std::vector<bool>* used) {
  try {
    return infer_node(op, attrs, in, outputs, true, used);
  } catch (const Error& e) {
    std::string shapes;
    for (const InferInput& i : in) shapes += str(shapes.empty() ? "" : ", ", i.shape);
    throw Error(e.code(), str(e.message(), " for '", op.name, "' with input shapes: ", shapes, "."));
  }
}

}  // namespace

EagerOp::EagerOp(const Library& library, const OpDef& op, Attrs attrs, std::span<const DType> inputs, Device& device)
    : library_(library),
      device_(&device),
      graph_(std::make_unique<Graph>(library.ops)),
      dtypes_(inputs.begin(), inputs.end()) {
  std::vector<bool> by_reference = references(op, attrs, inputs.size());
  takes_references_ = std::ranges::find(by_reference, true) != by_reference.end();
  NodeSpec spec;
  spec.op = op.name;
  spec.name = op.name;
  spec.attrs = std::move(attrs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    spec.inputs.push_back(input_node(*graph_, inputs[i], PartialShape(), by_reference[i]));
  }
  node_ = &graph_->add(std::move(spec));
  on_host_.resize(inputs.size());
  decides_.resize(inputs.size());
  if (op.aliased_input >= 0 || op.name == "Const" || op.name == "NoOp") return;
  const KernelEntry* entry = library.kernels.find(op.name, device.type(), node_->attrs());
  if (!entry && device.type() != kCpu) {
    device_ = &cpu_device();
    entry = library.kernels.find(op.name, kCpu, node_->attrs());
  }
  if (!entry) TW_FAIL(Unimplemented, library.kernels.explain(op.name, device.type(), node_->attrs()));
  for (int i : entry->host_inputs) {
    if (size_t(i) < on_host_.size()) on_host_[size_t(i)] = true;
  }
  kernel_ = entry->make(kernel_init(*node_, *device_));
}

bool EagerOp::recall(const Tensor* const* in, Tensor* out) const {
  std::lock_guard lock(mutex_);
  for (const Shapes& s : shapes_) {
    size_t i = 0;
    while (i < s.in.size() && s.in[i] == in[i]->shape()) ++i;
    if (i < s.in.size()) continue;
    for (size_t o = 0; o < s.out.size(); ++o) out[o] = Tensor(node_->outputs()[o].dtype, s.out[o], *device_);
    return true;
  }
  return false;
}

std::vector<InferOutput> EagerOp::infer(const Tensor* const* in, Variable* const* variables) const {
  std::vector<InferInput> facts;
  std::vector<Tensor> host;
  host.reserve(dtypes_.size());
  for (size_t i = 0; i < dtypes_.size(); ++i) {
    if (variables && variables[i]) {
      Variable& v = *variables[i];
      std::lock_guard lock(v.mutex);
      facts.push_back({v.value ? PartialShape(v.value.shape()) : v.shape, dtypes_[i], nullptr, nullptr});
    } else if (in[i]->device().host_memory()) {
      facts.push_back({in[i]->shape(), dtypes_[i], in[i], nullptr});
    } else {
      host.push_back(kIndex.has(dtypes_[i]) && in[i]->size() <= kMaxValues ? in[i]->copy_to(cpu_device()) : Tensor());
      facts.push_back({in[i]->shape(), dtypes_[i], host.back() ? &host.back() : nullptr, nullptr});
    }
  }
  std::vector<bool> used;
  std::vector<InferOutput> found = checked(op(), attrs(), facts, outputs().size(), &used);
  bool by_value = std::ranges::find(used, true) != used.end();
  bool known = std::ranges::all_of(found, [](const InferOutput& o) { return o.shape.fully_known(); });
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < used.size(); ++i) decides_[i] = decides_[i] || used[i];
  if (!known || by_value || takes_references_ || !kernel_) return found;
  Shapes s;
  for (size_t i = 0; i < dtypes_.size(); ++i) s.in.push_back(in[i]->shape());
  for (const InferOutput& f : found) s.out.push_back(f.shape.shape());
  if (shapes_.size() < kShapesKept) {
    shapes_.push_back(std::move(s));
  } else {
    shapes_[next_++ % kShapesKept] = std::move(s);
  }
  return found;
}

void EagerOp::alias(const Tensor* const* in, Variable* const* variables, Tensor* out) const {
  size_t from = size_t(op().aliased_input);
  if (variables && variables[from]) return;  // a reference passed on
  const PartialShape shape = infer(in, variables)[0].shape;
  out[0] = alias_of(*in[from], outputs()[0].dtype, shape.fully_known() ? shape.shape() : in[from]->shape());
}

void EagerOp::run(const Tensor* const* in, Variable* const* variables, Tensor* out) const {
  if (!kernel_) {
    if (op().name == "Const") out[0] = attrs().get<Tensor>("value");
    if (op().aliased_input >= 0) alias(in, variables, out);
    last_bytes_.store(0, std::memory_order_relaxed);
    return;
  }
  // Inputs that live elsewhere come here.
  size_t inputs = dtypes_.size(), outputs = node_->outputs().size();
  std::vector<const Tensor*> here;
  std::vector<Tensor> moved;
  for (size_t i = 0; i < inputs; ++i) {
    if (variables && variables[i]) continue;
    Device& wanted = on_host_[i] ? cpu_device() : *device_;
    Device& has = in[i]->device();
    if (&has == &wanted || (has.host_memory() && wanted.host_memory())) continue;
    if (here.empty()) {
      here.assign(in, in + inputs);
      moved.reserve(inputs);
    }
    here[i] = &moved.emplace_back(in[i]->copy_to(wanted));
  }
  if (!here.empty()) in = here.data();
  if (takes_references_ || !recall(in, out)) {
    std::vector<InferOutput> found = infer(in, variables);
    for (size_t o = 0; o < outputs; ++o) {
      const OutputInfo& info = node_->outputs()[o];
      if (info.is_ref || !found[o].shape.fully_known()) continue;
      out[o] = Tensor(info.dtype, found[o].shape.shape(), *device_);
    }
  }
  constexpr size_t kFew = 8;
  std::array<Tensor*, kFew> few;
  std::vector<Tensor*> many;
  Tensor** to = few.data();
  if (outputs > kFew) {
    many.resize(outputs);
    to = many.data();
  }
  for (size_t o = 0; o < outputs; ++o) to[o] = out + o;
  LooseHost host(*node_, *device_, out, variables);
  KernelContext k(in, int(inputs), to, int(outputs), host, *device_, ThreadPool::shared());
  kernel_->compute(k);
  size_t bytes = 0;
  for (size_t o = 0; o < outputs; ++o) {
    TW_ASSERT(out[o] || node_->outputs()[o].is_ref);
    bytes += out[o] ? out[o].bytes() : 0;
  }
  last_bytes_.store(bytes, std::memory_order_relaxed);
}

std::shared_ptr<const Derivative> EagerOp::derivative(std::span<const Tensor> in, const std::vector<bool>& arriving,
                                                      const std::vector<bool>& wanted) {
  std::lock_guard lock(mutex_);
  std::string masks, key;
  for (bool b : arriving) masks += b ? '1' : '0';
  for (bool b : wanted) masks += b ? '1' : '0';
  auto embedded = [&](size_t i) {
    return decides_[i] && !wanted[i] && in[i].size() <= kMostDeciding && in[i].device().host_memory();
  };
  key = masks;
  for (size_t i = 0; i < in.size(); ++i) {
    auto dims = in[i].shape().dims();
    key += char('A' + in[i].rank());
    key.append(reinterpret_cast<const char*>(dims.data()), dims.size_bytes());
    if (embedded(i)) key.append(static_cast<const char*>(in[i].data()), in[i].bytes());
  }
  for (const auto& [k, d] : derivatives_) {
    if (k == key) return d;
  }
  bool any_shapes = derivatives_.size() >= kMostDerivatives;
  if (any_shapes) {
    key = masks;
    for (const auto& [k, d] : derivatives_) {
      if (k == key) return d;
    }
  }
  auto graph = std::make_shared<Graph>(library_.ops);
  std::vector<Endpoint> inputs, args, outputs;
  for (size_t i = 0; i < in.size(); ++i) {
    inputs.push_back(input_node(*graph, dtypes_[i], any_shapes ? PartialShape() : PartialShape(in[i].shape()), false));
    args.push_back(inputs.back());
    if (any_shapes || !embedded(i)) continue;
    Scope scope(*graph);
    args.back() = constant(in[i]).endpoint();
  }
  NodeSpec spec;
  spec.op = op().name;
  spec.name = op().name;
  spec.inputs = args;
  spec.attrs = attrs();
  Node& n = graph->add(std::move(spec));
  for (size_t o = 0; o < n.outputs().size(); ++o) outputs.push_back({&n, int(o)});
  auto made = Function(std::make_shared<FunctionGraph>(graph, library_, true), inputs, outputs)
                  .derivative(in, arriving, wanted);
  derivatives_.emplace_back(key, made);
  return made;
}

}  // namespace thalweg
