#include "thalweg/runtime/cost.h"

#include <algorithm>
#include <unordered_map>

#include "thalweg/graph/function.h"

namespace thalweg {
namespace {

struct Operands {
  const Node& n;
  std::span<const Shape> in, out;

  int64_t out_size() const { return out.empty() ? 0 : out[0].size(); }
  int64_t in_size(size_t i) const { return i < in.size() ? in[i].size() : 0; }
};
using Count = int64_t (*)(const Operands&);

int64_t product(const Operands& o, const char* transpose) {
  const Shape& a = o.in[0];
  return 2 * o.out_size() * (a.rank() < 2 ? 0 : a[o.n.attr<bool>(transpose) ? -2 : -1]);
}
/// Each of `pixels` values takes part in a multiply-add with every tap of one output channel's filter.
int64_t convolution(int64_t values, const Shape& filter) {
  return filter.rank() < 4 ? 0 : 2 * values * filter.size(0, 3);
}
int64_t depthwise(int64_t values, const Shape& filter) {
  return filter.rank() < 4 ? 0 : 2 * values * filter.size(0, 2);
}
int64_t window(const Operands& o) {
  int64_t taps = 1;
  for (int64_t k : o.n.attr<Ints>("ksize")) taps *= k;
  return taps;
}

/// Ops that do not count as one operation for each element of the result.
const std::unordered_map<std::string_view, Count>& counts() {
  constexpr Count kInput = [](const Operands& o) { return o.in_size(0); };
  static const auto* table = new std::unordered_map<std::string_view, Count>{
      {"WeightGradient", [](const Operands& o) { return o.in[0].rank() < 1 ? 0 : 2 * o.out_size() * o.in[0][0]; }},
      {"MatMul", [](const Operands& o) { return product(o, "transpose_a"); }},
      {"BatchMatMul", [](const Operands& o) { return product(o, "adj_x"); }},
      {"BatchMatMulV2", [](const Operands& o) { return product(o, "adj_x"); }},
      {"Conv2D", [](const Operands& o) { return convolution(o.out_size(), o.in[1]); }},
      {"Conv2DBackpropInput", [](const Operands& o) { return convolution(o.in_size(2), o.in[1]); }},
      {"Conv2DBackpropFilter", [](const Operands& o) { return convolution(o.in_size(2), o.out[0]); }},
      {"DepthwiseConv2dNative", [](const Operands& o) { return depthwise(o.out_size(), o.in[1]); }},
      {"DepthwiseConv2dNativeBackpropInput", [](const Operands& o) { return depthwise(o.in_size(2), o.in[1]); }},
      {"DepthwiseConv2dNativeBackpropFilter", [](const Operands& o) { return depthwise(o.in_size(2), o.out[0]); }},
      {"BiasAdd", [](const Operands& o) { return o.out_size(); }},
      {"BiasAddGrad", kInput},
      {"Sum", kInput},
      {"Mean", kInput},
      {"Prod", kInput},
      {"Max", kInput},
      {"Min", kInput},
      {"ArgMax", kInput},
      {"ArgMin", kInput},
      {"L2Loss", [](const Operands& o) { return 2 * o.in_size(0); }},
      {"AddN", [](const Operands& o) { return o.out_size() * (int64_t(o.in.size()) - 1); }},
      {"MaxPool", [](const Operands& o) { return o.out_size() * window(o); }},
      {"AvgPool", [](const Operands& o) { return o.out_size() * window(o); }},
      // The largest, the difference, the exponential, the sum, the quotient; the loss and its gradient on top.
      {"Softmax", [](const Operands& o) { return 5 * o.out_size(); }},
      {"LogSoftmax", [](const Operands& o) { return 5 * o.out_size(); }},
      {"SoftmaxCrossEntropyWithLogits", [](const Operands& o) { return 8 * o.in_size(0); }},
      {"SparseSoftmaxCrossEntropyWithLogits", [](const Operands& o) { return 7 * o.in_size(0); }},
      {"AssignAdd", kInput},
      {"AssignSub", kInput},
      {"ApplyGradientDescent", [](const Operands& o) { return 2 * o.in_size(0); }},
      {"ApplyMomentum", [](const Operands& o) { return 4 * o.in_size(0); }},
      {"ApplyAdagrad", [](const Operands& o) { return 6 * o.in_size(0); }},
      {"ApplyAdam", [](const Operands& o) { return 12 * o.in_size(0); }},
      {"ApplyRMSProp", [](const Operands& o) { return 10 * o.in_size(0); }},
  };
  return *table;
}

/// The op that a fused one extends: "_FusedMatMul" and "_MatMulAndSums" are MatMul.
std::string_view plain_name(std::string_view op) {
  for (std::string_view prefix : {"_Fused", "_"}) {
    if (op.starts_with(prefix)) {
      op.remove_prefix(prefix.size());
      break;
    }
  }
  if (op.ends_with("AndSums")) op.remove_suffix(7);
  return op;
}

}  // namespace

int64_t flops(const Node& n, std::span<const Shape> in, std::span<const Shape> out, int members) {
  Operands o{n, in, out};
  const std::string& op = n.op().name;
  if (op == "_FusedReduce") {  // over the domain, not the result
    const auto& domain = n.attr<PartialShape>("domain");
    return domain.fully_known() ? domain.size() * (members + 1) : 0;
  }
  int64_t fused = members * o.out_size();
  if (auto it = counts().find(plain_name(op)); it != counts().end()) return it->second(o) + fused;
  if (members) return fused;
  return n.op().is_elementwise && !out.empty() ? o.out_size() : 0;
}

namespace {

int64_t flops(const Plan& plan, const Step& step, std::span<const Shape> in, std::span<const Shape> out) {
  const Node& n = *step.node;
  if (step.group.empty()) {
    const AttrValue* fused = n.attrs().find("members");
    return flops(n, in, out, fused ? int(plan.program.fused[size_t(std::get<int64_t>(*fused))].size()) : 0);
  }
  int64_t total = 0;
  size_t updates = 0;
  for (const Step::Member& m : step.group) {
    if (writes_reference(*m.node)) {
      const Shape& variable = out[updates++];
      total += flops(*m.node, {&variable, 1}, {&variable, 1});
    } else {
      const Shape operands[] = {in[size_t(m.operands[0])], in[size_t(m.operands[1])]};
      const Shape made{operands[0][-1], operands[1][-1]};
      total += flops(*m.node, operands, {&made, 1});
    }
  }
  return total;
}

}  // namespace

std::vector<StepInfo> step_infos(const Plan& plan, const Layout& layout) {
  std::vector<StepInfo> infos;
  infos.reserve(plan.steps.size());
  for (const Step& step : plan.steps) {
    bool known = true;
    auto shapes_of = [&](const std::vector<int>& slots, int64_t* bytes) {
      std::vector<Shape> shapes;
      for (int s : slots) {
        const Slot& slot = plan.slots[size_t(s)];
        const Layout::Place& place = layout.places[size_t(s)];
        known &= place.known;
        shapes.push_back(place.known ? place.shape : Shape{0});
        *bytes += shapes.back().size() * int64_t(size_of(slot.dtype));
      }
      return shapes;
    };
    StepInfo info{step.node->name(), step.node->op().name, step.device->name()};
    std::vector<Shape> in = shapes_of(step.in, &info.input_bytes), out = shapes_of(step.out, &info.output_bytes);
    if (step.kind == Step::Kind::Alias) info.input_bytes = info.output_bytes = 0;  // another name, nothing moves
    if (step.kind == Step::Kind::Kernel && known) info.flops = flops(plan, step, in, out);
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace thalweg
