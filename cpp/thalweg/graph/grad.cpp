#include "thalweg/graph/grad.h"

namespace thalweg {

Grad::Grad(Node& node, std::span<const Out> dys) : node_(node), dys_(dys.begin(), dys.end()) {
  TW_ASSERT(dys_.size() == node.outputs().size());
  if (!dys_.empty()) dy = this->dys(0);
}

Out Grad::dys(int i) const {
  if (dys_[size_t(i)]) return dys_[size_t(i)];
  // Zeros that do not mention the value: nobody has to keep it for them.
  const OutputInfo& o = node_.output(i);
  if (kNumeric.has(o.dtype) && o.shape.fully_known()) return like(out(i), 0);
  return zeros_like(out(i));
}

}  // namespace thalweg
