#include "thalweg/runtime/accumulator.h"

namespace thalweg {

/// The derivatives of the results, by those of the inputs.
std::vector<Value> Accumulator::push(const Recorded& r) const {
  Before outer(this);
  Tape back(library_, false);
  std::vector<Value> dys(r.results.size());
  std::vector<int64_t> arriving(dys.size());
  for (size_t i = 0; i < dys.size(); ++i) {
    if (!r.outputs[i] || r.results[i].tensor.dtype() == DType::variant) continue;
    const Tensor& y = r.results[i].tensor;
    arriving[i] = new_value_id();
    dys[i] = {zeros(y.dtype(), y.shape()), arriving[i]};  // any point: the way back is linear
    back.watch(arriving[i]);
  }
  std::vector<bool> wanted;
  for (int64_t id : r.inputs) wanted.push_back(watches(id));
  back.start();
  std::vector<Value> dxs;
  for (const Gradient& dx : r.pullback(dys, wanted)) dxs.push_back(dense(library_, dx));
  back.stop();
  std::vector<int64_t> targets;
  std::vector<Value> seeds;
  for (size_t i = 0; i < dxs.size(); ++i) {
    if (!wanted[i] || !dxs[i].tensor || !dxs[i].id) continue;
    targets.push_back(dxs[i].id);
    seeds.push_back(tangents_.at(r.inputs[i]).value);
  }
  std::vector<Value> tangents;
  for (const Gradient& t : back.gradient(targets, seeds, arriving)) tangents.push_back(dense(library_, t));
  return tangents;
}

void Accumulator::record(const Recorded& r) {
  std::optional<Error> missing;
  for (int64_t id : r.inputs) {
    if (watches(id) && !missing) missing = tangents_.at(id).missing;
  }
  std::vector<Value> found(r.outputs.size());
  if (!missing) {
    try {
      found = push(r);
    } catch (const Error& e) {  // an op without a gradient matters only to those who ask for it
      if (e.code() != Code::NotFound) throw;
      missing = e;
    }
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (r.outputs[i] && r.results[i].tensor.dtype() == DType::variant) {
      Error lists(Code::Unimplemented, "forward accumulation: through the lists that the gradient of a loop keeps");
      tangents_[r.outputs[i]] = {{}, missing ? *missing : lists};
      continue;
    }
    if (r.outputs[i] && (missing || found[i].tensor)) tangents_[r.outputs[i]] = {std::move(found[i]), missing};
  }
}

Value Accumulator::tangent(int64_t id) const {
  auto it = tangents_.find(id);
  if (it == tangents_.end()) return {};
  if (it->second.missing) throw *it->second.missing;
  return it->second.value;
}

}  // namespace thalweg
