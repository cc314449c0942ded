#include "thalweg/runtime/tape.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <optional>

namespace thalweg {

struct Followers {
  std::vector<Follower*> active;
  std::vector<std::vector<Follower*>*> hidden;  // lists that will be active again, the last one first

  void stop(Follower* f) {
    std::erase(active, f);
    for (auto* list : hidden) std::erase(*list, f);
  }
  /// Ends the last hiding; those that started meanwhile go on.
  void restore() {
    std::vector<Follower*>& before = *hidden.back();
    for (Follower* f : active) {
      if (std::ranges::find(before, f) == before.end()) before.push_back(f);
    }
    active = std::move(before);
    hidden.pop_back();
  }
};

namespace {

Followers& followers() {
  thread_local Followers f;
  return f;
}

std::vector<Follower*>& stack() { return followers().active; }

ForeignGradient& foreign_gradient() {
  static ForeignGradient f;
  return f;
}

bool differentiable(DType t) { return kInexact.has(t); }

/// Lists that loops keep for their way back have gradients too, lists of them; but no zeros can be made for one.
bool may_be_followed(DType t) { return differentiable(t) || t == DType::variant; }

Error too_high() {
  return Error(Code::NotFound,
               "gradient: tapes around a call do not give derivatives of this order through its loops; take them by "
               "tf.gradients in the function");
}

/// Calls a pullback: `dys` are the gradients that have arrived, `values` the inputs, outputs and intermediates.
std::vector<Gradient> pull(const Derivative& d, size_t inputs, std::span<const Value> dys,
                           std::span<const std::pair<DType, Shape>> outputs, std::span<const Value> saved) {
  std::vector<Gradient> dxs(inputs);
  if (!d.pullback) return dxs;
  std::vector<Value> in;
  for (size_t i = 0; i < dys.size(); ++i) {
    if (!d.arriving[i]) continue;
    const auto& [dtype, shape] = outputs[i];
    in.push_back(dys[i]);
    Tensor& dy = in.back().tensor;
    if (!dy && !differentiable(dtype)) throw too_high();
    if (!dy) dy = zeros(dtype, shape);
    TW_CHECK(dy.dtype() == dtype && dy.shape() == shape, "gradient: of an output that is ", dtype, shape,
             " the gradient is ", dy.dtype(), dy.shape());
  }
  in.insert(in.end(), saved.begin(), saved.end());
  std::vector<Value> found = call(d.pullback, in);
  auto next = found.begin();
  for (const Derivative::Result& r : d.results) {
    Gradient& dx = dxs[size_t(r.input)];
    dx.value = std::move(*next++);
    if (!r.slices) continue;
    dx.indices = std::move((next++)->tensor);
    dx.rows = std::move((next++)->tensor);
  }
  return dxs;
}

std::vector<std::pair<DType, Shape>> forms(std::span<const Value> values) {
  std::vector<std::pair<DType, Shape>> out;
  for (const Value& v : values) out.emplace_back(v.tensor.dtype(), v.tensor.shape());
  return out;
}

std::vector<Value> kept(const Derivative& d, std::span<const Value> in, std::span<const Value> out) {
  std::vector<Value> saved;
  for (int at : d.saved) saved.push_back(size_t(at) < in.size() ? in[size_t(at)] : out[size_t(at) - in.size()]);
  return saved;
}

std::vector<Tensor> tensors_of(std::span<const Value> values) {
  std::vector<Tensor> out;
  out.reserve(values.size());
  for (const Value& v : values) out.push_back(v.tensor);
  return out;
}

std::vector<bool> which_are_followed(std::span<const Value> values) {
  std::vector<bool> out;
  for (const Value& v : values) out.push_back(may_be_followed(v.tensor.dtype()) && followed({&v.id, 1}));
  return out;
}

bool any(const std::vector<bool>& mask) { return std::ranges::find(mask, true) != mask.end(); }

/// An op without a gradient matters only to those who ask for it.
Pullback without_gradient(const Error& e) {
  return [e](std::span<const Value>, const std::vector<bool>&) -> std::vector<Gradient> { throw e; };
}

/// One result, which is by far the usual case: what its derivative needs is known at once.
Pullback single_pullback(const std::shared_ptr<EagerOp>& op, std::span<const Value> in, std::span<const Value> out,
                         const std::vector<bool>& wanted, const std::vector<bool>& arriving) {
  std::shared_ptr<const Derivative> d = op->derivative(tensors_of(in), arriving, wanted);
  return [op, d, n = in.size(), outputs = forms(out), saved = kept(*d, in, out)](
             std::span<const Value> dys, const std::vector<bool>&) { return pull(*d, n, dys, outputs, saved); };
}

/// Several results: gradients rarely arrive at all of them, and those that do decide what is needed.
Pullback late_pullback(const std::shared_ptr<EagerOp>& op, std::span<const Value> in, std::span<const Value> out,
                       const std::vector<bool>& wanted) {
  return [op, wanted, in = std::vector<Value>(in.begin(), in.end()), out = std::vector<Value>(out.begin(), out.end())](
             std::span<const Value> dys, const std::vector<bool>&) {
    std::vector<bool> arriving;
    for (const Value& dy : dys) arriving.push_back(bool(dy.tensor));
    auto d = op->derivative(tensors_of(in), arriving, wanted);
    return pull(*d, in.size(), dys, forms(out), kept(*d, in, out));
  };
}

Pullback op_pullback(const std::shared_ptr<EagerOp>& op, std::span<const Value> in, std::span<const Value> out,
                     const std::vector<bool>& wanted) {
  std::vector<bool> arriving;
  for (const Value& v : out) arriving.push_back(differentiable(v.tensor.dtype()));
  try {
    if (std::ranges::count(arriving, true) > 1) return late_pullback(op, in, out, wanted);
    return single_pullback(op, in, out, wanted, arriving);
  } catch (const Error& e) {
    if (e.code() != Code::NotFound) throw;
    return without_gradient(e);
  }
}

/// AddN for these. The usual ones are made once a thread.
std::shared_ptr<EagerOp> sum_op(const Library& library, std::span<const Value> parts) {
  constexpr size_t kMostParts = 8;
  size_t n = parts.size();
  DType dtype = parts[0].tensor.dtype();
  Device& device = parts[0].tensor.device();
  auto make = [&] {
    return std::make_shared<EagerOp>(library, library.ops.get("AddN"), Attrs{{"N", int64_t(n)}},
                                     std::vector<DType>(n, dtype), device);
  };
  if (n > kMostParts || &device != &cpu_device()) return make();
  thread_local std::array<std::shared_ptr<EagerOp>, (kMostParts + 1) * kDTypeCount> made;
  thread_local const Library* of = nullptr;
  if (std::exchange(of, &library) != &library) made.fill(nullptr);
  std::shared_ptr<EagerOp>& found = made[n * kDTypeCount + size_t(dtype)];
  if (!found) found = make();
  return found;
}

/// An op that is not needed often enough to be kept; it runs where its first input is.
Value run(const Library& library, const char* name, Attrs attrs, const std::vector<Value>& in) {
  std::vector<DType> dtypes;
  for (const Value& v : in) dtypes.push_back(v.tensor.dtype());
  Device& device = in[0].tensor.device();
  return execute(std::make_shared<EagerOp>(library, library.ops.get(name), std::move(attrs), dtypes, device), in)[0];
}

Value concat(const Library& library, std::vector<Value> rows) {
  auto n = int64_t(rows.size());
  rows.push_back({zeros(DType::int32, Shape()), 0});
  return run(library, "ConcatV2", {{"N", n}}, rows);
}

/// The sum of slices: all of them.
Gradient joined(const Library& library, std::span<const Gradient> parts) {
  bool wide = std::ranges::any_of(parts, [](const Gradient& g) { return g.indices.dtype() == DType::int64; });
  std::vector<Value> values, indices;
  for (const Gradient& g : parts) {
    values.push_back(g.value);
    indices.push_back({g.indices, 0});
    if (wide && g.indices.dtype() != DType::int64) {
      indices.back() = run(library, "Cast", {{"DstT", DType::int64}}, {indices.back()});
    }
  }
  Gradient sum = concat(library, std::move(values));
  sum.indices = concat(library, std::move(indices)).tensor;
  sum.rows = parts[0].rows;
  return sum;
}

}  // namespace

Value dense(const Library& library, const Gradient& g) {
  if (!g.indices) return g.value;
  return run(library, "UnsortedSegmentSum", {}, {g.value, {g.indices, 0}, {g.rows, 0}});
}

Tensor zeros(DType dtype, const Shape& shape) {
  Tensor t(dtype, shape);
  if (t.bytes()) std::memset(t.data(), 0, t.bytes());
  return t;
}

int64_t new_value_id() {
  static std::atomic<int64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed) + 1;
}

Follower::~Follower() {
  if (thread_) followers().stop(this);
}

void Follower::start() {
  if (!thread_) stack().push_back(this);
  thread_ = &followers();
}

void Follower::stop() {
  if (records_elsewhere()) {
    TW_FAIL(FailedPrecondition, "what records on one thread cannot be stopped on another");
  }
  if (std::exchange(thread_, nullptr)) followers().stop(this);
}

bool Follower::records_elsewhere() const { return thread_ && thread_ != &followers(); }

int Tape::slot(int64_t id) const {
  auto it = watched_.find(id);
  return it == watched_.end() ? -1 : it->second;
}

void Tape::record(const Recorded& r) {
  Entry e;
  e.inputs.reserve(r.inputs.size());
  for (int64_t id : r.inputs) e.inputs.push_back(id ? slot(id) : -1);
  for (int64_t id : r.outputs) {
    if (id) watch(id);
    e.outputs.push_back(id ? slot(id) : -1);
  }
  e.pullback = r.pullback;
  entries_.push_back(std::move(e));
}

Gradient Tape::sum(std::vector<Gradient>& parts) const {
  if (parts.empty()) return {};
  if (parts.size() == 1) return parts[0];
  if (std::ranges::all_of(parts, [](const Gradient& g) { return bool(g.indices); })) {
    parts = {joined(library_, parts)};
  } else {
    std::vector<Value> whole;
    for (const Gradient& g : parts) whole.push_back(dense(library_, g));
    parts = {execute(sum_op(library_, whole), whole)[0]};
  }
  return parts[0];
}

std::vector<Gradient> Tape::gradient(std::span<const int64_t> targets, std::span<const Value> seeds,
                                     std::span<const int64_t> sources) {
  const int64_t clears = clears_;
  // What lies between the sources and the targets.
  std::vector<char> reached(watched_.size()), lasting(watched_.size());
  for (int64_t id : sources) {
    if (int s = slot(id); s >= 0) reached[size_t(s)] = lasting[size_t(s)] = 1;
  }
  for (const Entry& e : entries_) {
    if (std::ranges::none_of(e.inputs, [&](int s) { return s >= 0 && reached[size_t(s)]; })) continue;
    for (int s : e.outputs) {
      if (s >= 0) reached[size_t(s)] = 1;
    }
  }
  std::vector<std::vector<Gradient>> grads(watched_.size());
  for (size_t i = 0; i < targets.size(); ++i) {
    if (int s = slot(targets[i]); s >= 0 && reached[size_t(s)]) grads[size_t(s)].push_back(seeds[i]);
  }
  for (size_t i = entries_.size(); i-- > 0;) {
    // A pullback may be Python and record on this very tape: the entry may move.
    std::vector<int> inputs = entries_[i].inputs, outputs = entries_[i].outputs;
    auto arrived = [&](int s) { return s >= 0 && !grads[size_t(s)].empty(); };
    std::vector<bool> wanted;
    for (int s : inputs) wanted.push_back(s >= 0 && reached[size_t(s)]);
    if (std::ranges::none_of(outputs, arrived) || !any(wanted)) continue;
    std::vector<Value> dys;
    for (int s : outputs) {
      dys.push_back(arrived(s) ? dense(library_, sum(grads[size_t(s)])) : Value{});
      if (s >= 0 && !lasting[size_t(s)]) grads[size_t(s)].clear();
    }
    TW_CHECK(entries_[i].pullback, "gradient: this part of the tape has been gone through and freed");
    Pullback pullback = persistent_ ? entries_[i].pullback : std::exchange(entries_[i].pullback, nullptr);
    std::vector<Gradient> dxs = pullback(dys, wanted);
    if (clears_ != clears) TW_FAIL(FailedPrecondition, "gradient: the tape was reset by a gradient function on it");
    TW_CHECK(dxs.size() == inputs.size(), "gradient: expected ", inputs.size(), " gradients, got ", dxs.size());
    for (size_t k = 0; k < dxs.size(); ++k) {
      if (wanted[k] && dxs[k]) grads[size_t(inputs[k])].push_back(std::move(dxs[k]));
    }
  }
  std::vector<Gradient> out;
  for (int64_t id : sources) {
    if (int s = slot(id); s >= 0 && size_t(s) < grads.size()) {  // not one that a pullback has watched
      out.push_back(sum(grads[size_t(s)]));
      continue;
    }
    std::vector<Gradient> own;  // a target may be a source, watched or not
    for (size_t i = 0; i < targets.size(); ++i) {
      if (id && targets[i] == id) own.push_back(seeds[i]);
    }
    out.push_back(sum(own));
  }
  return out;
}

void Tape::clear() {
  ++clears_;
  auto entries = std::move(entries_);  // what they hold may be Python, which may come back to this tape
  entries_.clear();
  watched_.clear();
}

std::span<Follower* const> active_tapes() { return stack(); }

bool followed(std::span<const int64_t> ids) {
  return std::ranges::any_of(
      stack(), [&](const Follower* r) { return std::ranges::any_of(ids, [&](int64_t id) { return r->watches(id); }); });
}

Untaped::Untaped() : hidden_(std::exchange(stack(), {})) { followers().hidden.push_back(&hidden_); }
Untaped::~Untaped() { followers().restore(); }

Before::Before(const Follower* follower) : all_(stack()) {
  followers().hidden.push_back(&all_);
  auto& active = stack();
  active.erase(std::ranges::find(active, follower), active.end());
}
Before::~Before() { followers().restore(); }

namespace {

/// Their numbers, 0 where nothing can be followed.
std::vector<int64_t> followed_ids(std::span<const Value> values) {
  std::vector<int64_t> ids;
  for (const Value& v : values) ids.push_back(may_be_followed(v.tensor.dtype()) ? v.id : 0);
  return ids;
}

void number(std::span<Value> out) {
  for (Value& v : out) {
    if (!v.id && differentiable(v.tensor.dtype())) v.id = new_value_id();
  }
}

bool watches_any(const Follower& r, std::span<const int64_t> ids) {
  return std::ranges::any_of(ids, [&](int64_t id) { return r.watches(id); });
}

std::vector<Gradient> pass_on(std::span<const Value> dys, const std::vector<bool>&) { return {dys.begin(), dys.end()}; }

}  // namespace

void record(std::span<const Value> in, std::span<Value> out, const Pullback& pullback) {
  record_or_pass(in, {}, out, pullback);
}

void record_or_pass(std::span<const Value> in, std::span<const Value> from, std::span<Value> out,
                    const Pullback& pullback) {
  number(out);
  std::vector<int64_t> ids = followed_ids(in), passed = followed_ids(from), made = followed_ids(out);
  // The first to start come first: the later ones' own work is theirs to record, and follows from this.
  for (size_t i = 0; i < stack().size(); ++i) {
    Follower* r = stack()[i];
    if (watches_any(*r, ids)) {
      r->record({ids, made, out, pullback});
    } else if (watches_any(*r, passed)) {
      r->record({passed, made, out, pass_on});
    }
  }
}

void set_foreign_gradient(ForeignGradient f) { foreign_gradient() = std::move(f); }

void record_op(const std::shared_ptr<EagerOp>& op, std::span<const Value> in, std::span<Value> out) {
  if (stack().empty()) return;
  if (std::ranges::none_of(out, [](const Value& v) { return differentiable(v.tensor.dtype()); })) return;
  std::vector<bool> wanted = which_are_followed(in);
  if (!any(wanted)) return;
  // Numbers first: what is kept may be an output.
  for (Value& v : out) {
    if (!v.id && differentiable(v.tensor.dtype())) v.id = new_value_id();
  }
  if (Pullback foreign = foreign_gradient() ? foreign_gradient()(*op, in, out) : nullptr) {
    record(in, out, foreign);
  } else if (!op->op().not_differentiable) {
    record(in, out, op_pullback(op, in, out, wanted));
  }
}

std::vector<Value> execute(const std::shared_ptr<EagerOp>& op, std::span<const Value> in) {
  std::vector<const Tensor*> args;
  for (const Value& v : in) args.push_back(&v.tensor);
  std::vector<Tensor> results(op->outputs().size());
  op->run(args.data(), nullptr, results.data());
  std::vector<Value> out;
  for (Tensor& t : results) out.push_back({std::move(t), 0});
  record_op(op, in, out);
  return out;
}

namespace {

/// Whether the way back may itself be recorded: by a second follower, or by one that can be asked while it records.
bool recorded_again(std::span<const int64_t> ids) {
  int count = 0;
  for (const Follower* f : stack()) {
    if (std::ranges::none_of(ids, [&](int64_t id) { return f->watches(id); })) continue;
    auto* tape = dynamic_cast<const Tape*>(f);
    count += tape && tape->persistent() ? 2 : 1;
  }
  return count > 1;
}

/// Calls and records it, with what its derivative keeps. `missing`: why that has no derivatives in turn.
std::vector<Value> call_once(const std::shared_ptr<Function>& f, const std::shared_ptr<const Derivative>& d,
                             std::span<const Value> in, std::span<const Value> from, const RunControl& control,
                             const std::optional<Error>& missing = {}) {
  std::vector<Value> all;
  for (Tensor& t : (d->forward ? *d->forward : *f).call(tensors_of(in), control)) all.push_back({std::move(t), 0});
  std::vector<Value> out(all.begin(), all.begin() + long(f->outputs().size()));
  // Numbers first: what is kept may be an output.
  for (Value& v : out) {
    if (differentiable(v.tensor.dtype())) v.id = new_value_id();
  }
  std::ranges::copy(out, all.begin());
  if (missing) {
    for (size_t i = out.size(); i < all.size(); ++i) {
      if (may_be_followed(all[i].tensor.dtype())) all[i].id = new_value_id();
    }
    record(from, std::span(all).subspan(out.size()), without_gradient(*missing));
  }
  record(from, out,
         [f, d, n = from.size(), outputs = forms(out), saved = kept(*d, in, all)](
             std::span<const Value> dys, const std::vector<bool>&) { return pull(*d, n, dys, outputs, saved); });
  return out;
}

long lists_of(const Function& f) {
  return std::ranges::count_if(f.outputs(),
                               [](const Endpoint& e) { return e.node->output(e.index).dtype == DType::variant; });
}

/// The function with further results, intermediates, of which the derivatives of all its results can be computed.
/// NotFound if each derivative of its loops keeps lists that the one before did not.
std::shared_ptr<Function> closed(std::shared_ptr<Function> f, const std::vector<bool>& wanted) {
  constexpr int kMostGrowths = 3;
  int grown = 0;
  while (true) {
    auto d = f->derivative({}, std::vector<bool>(f->outputs().size(), true), wanted);
    if (!d->forward) return f;
    grown += lists_of(*d->forward) > lists_of(*f);
    if (grown > kMostGrowths) throw too_high();
    f = d->forward;
  }
}

/// The values that are kept for the way back depend on the inputs like the results do.
std::vector<Value> call_closed(const std::shared_ptr<Function>& f, size_t outputs, std::span<const Value> in,
                               std::span<const Value> from, const std::vector<bool>& wanted,
                               const RunControl& control) {
  std::vector<Value> all;
  for (Tensor& t : f->call(tensors_of(in), control)) {
    bool counts = may_be_followed(t.dtype());
    all.push_back({std::move(t), counts ? new_value_id() : 0});
  }
  record(from, all,
         [f, wanted, n = from.size(), in = std::vector<Value>(in.begin(), in.end()), all](std::span<const Value> dys,
                                                                                          const std::vector<bool>&) {
           std::vector<bool> arriving;
           for (const Value& dy : dys) arriving.push_back(bool(dy.tensor));
           auto d = f->derivative({}, arriving, wanted);
           if (d->forward) {
             for (size_t i = 0; i < all.size(); ++i) {
               if (differentiable(all[i].tensor.dtype())) arriving[i] = true;
             }
             d = f->derivative({}, arriving, wanted);
             TW_ASSERT(!d->forward);
           }
           return pull(*d, n, dys, forms(all), kept(*d, in, all));
         });
  all.resize(outputs);
  return all;
}

}  // namespace

std::vector<Value> call(const std::shared_ptr<Function>& f, std::span<const Value> in,
                        std::span<const int64_t> variables, const RunControl& control) {
  std::vector<bool> wanted;
  if (!stack().empty()) {
    wanted = which_are_followed(in);
    for (int64_t id : variables) wanted.push_back(followed({&id, 1}));
  }
  std::vector<Value> out;
  if (!any(wanted)) {
    for (Tensor& t : f->call(tensors_of(in), control)) out.push_back({std::move(t), 0});
    return out;
  }
  std::vector<Value> from(in.begin(), in.end());
  for (size_t i = 0; i < variables.size(); ++i) {
    const Endpoint& e = f->variables()[i];
    from.push_back({Tensor(e.node->output(e.index).dtype, Shape()), variables[i]});
  }
  std::shared_ptr<const Derivative> d;
  try {
    d = f->derivative({}, std::vector<bool>(f->outputs().size(), true), wanted);
  } catch (const Error& e) {
    if (e.code() != Code::NotFound) throw;
    for (Tensor& t : f->call(tensors_of(in), control)) out.push_back({std::move(t), 0});
    record(from, out, without_gradient(e));
    return out;
  }
  std::vector<int64_t> ids;
  for (const Value& v : from) ids.push_back(v.id);
  if (!lists_of(*f) && (!d->forward || !recorded_again(ids))) return call_once(f, d, in, from, control);
  std::shared_ptr<Function> whole;
  try {
    whole = closed(f, wanted);
  } catch (const Error& e) {
    if (e.code() != Code::NotFound) throw;
    return call_once(f, d, in, from, control, e);
  }
  return call_closed(whole, f->outputs().size(), in, from, wanted, control);
}

}  // namespace thalweg
