#include "thalweg/registry/infer.h"

#include <algorithm>

namespace thalweg {
namespace {

/// Elements of an integer tensor that is small enough to follow.
std::optional<Values> elements(const Tensor& t) {
  if (t.size() > kMaxValues) return std::nullopt;
  Values out(size_t(t.size()));
  bool ok = true;
  auto copy = [&]<class T>() { std::copy_n(t.ptr<T>(), t.size(), out.begin()); };
  switch (t.dtype()) {
    case DType::int32:
      copy.operator()<int32_t>();
      break;
    case DType::int64:
      copy.operator()<int64_t>();
      break;
    case DType::int16:
      copy.operator()<int16_t>();
      break;
    case DType::int8:
      copy.operator()<int8_t>();
      break;
    case DType::uint8:
      copy.operator()<uint8_t>();
      break;
    case DType::boolean:
      copy.operator()<bool>();
      break;
    default:
      ok = false;
  }
  return ok ? std::optional(out) : std::nullopt;
}

}  // namespace

PartialShape Infer::rank(int i, int rank) const {
  if (!in(i).known_rank()) return PartialShape::unknown(rank);
  require(in(i).rank() == rank, "Shape must be rank ", rank, " but is rank ", in(i).rank());
  return in(i);
}

PartialShape Infer::rank_at_least(int i, int rank) const {
  require(!in(i).known_rank() || in(i).rank() >= rank, "Shape must be at least rank ", rank, " but is rank ",
          in(i).rank());
  return in(i);
}

PartialShape Infer::rank_at_most(int i, int rank) const {
  require(!in(i).known_rank() || in(i).rank() <= rank, "Shape must be at most rank ", rank, " but is rank ",
          in(i).rank());
  return in(i);
}

const Tensor* Infer::constant(int i) {
  used_value_[size_t(i)] = true;
  return inputs_[size_t(i)].tensor;
}

std::optional<Values> Infer::values(int i) {
  used_value_[size_t(i)] = true;
  const InferInput& input = inputs_[size_t(i)];
  if (input.tensor) {
    std::optional<Values> found = elements(*input.tensor);
    if (found && running_) {  // there is nothing unknown then: the number that stands for it is one like its neighbour
      std::ranges::replace(*found, kUnknownValue, kUnknownValue + 1);
    }
    return found;
  }
  if (input.values) return *input.values;
  return std::nullopt;
}

std::optional<int64_t> Infer::scalar(int i) {
  auto v = values(i);
  if (!v || v->size() != 1 || v->front() == kUnknownValue) return std::nullopt;
  return v->front();
}

PartialShape Infer::shape_from(int i) {
  rank(i, 1);
  if (auto v = values(i)) {
    TW_CHECK(v->size() <= size_t(kMaxRank), op_.name, ": shapes have at most ", kMaxRank, " dimensions, got ",
             v->size());
    PartialShape s = PartialShape::unknown(int(v->size()));
    for (size_t d = 0; d < v->size(); ++d) {
      int64_t x = (*v)[d];
      require(x == kUnknownValue || x >= -1, op_.name, ": a dimension must be >= -1, got ", x);
      s.set(int(d), x == kUnknownValue ? kUnknown : x);
    }
    return s;
  }
  PartialShape shape = in(i);
  if (shape.known_rank() && shape[0] >= 0) return PartialShape::unknown(int(shape[0]));
  return {};
}

int64_t Infer::merge(int64_t a, int64_t b) const {
  require(a < 0 || b < 0 || a == b, "Dimensions must be equal, but are ", a, " and ", b);
  return a < 0 ? b : a;
}

PartialShape Infer::merge(const PartialShape& a, const PartialShape& b) const {
  if (!a.known_rank()) return b;
  if (!b.known_rank()) return a;
  require(a.rank() == b.rank(), "Shapes must be equal rank, but are ", a.rank(), " and ", b.rank());
  PartialShape out = a;
  for (int i = 0; i < a.rank(); ++i) {
    require(a[i] < 0 || b[i] < 0 || a[i] == b[i], "Dimension ", i, " in both shapes must be equal, but are ", a[i],
            " and ", b[i], ". Shapes are ", a, " and ", b, ".");
    if (out[i] < 0) out.set(i, b[i]);
  }
  return out;
}

PartialShape Infer::broadcast(const PartialShape& a, const PartialShape& b) const {
  if (!a.known_rank() || !b.known_rank()) return {};
  int rank = std::max(a.rank(), b.rank());
  PartialShape out = PartialShape::unknown(rank);
  for (int i = 0; i < rank; ++i) {
    int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da >= 0 && db >= 0 && da != db && da != 1 && db != 1) {
      require(!running_, "Incompatible shapes: ", a, " vs. ", b);
      require(false, "Dimensions must be equal, but are ", da, " and ", db);
    }
    // An unknown dimension beside one greater than 1 must be 1 or that.
    out.set(i, da > 1 ? da : db > 1 ? db : da == 1 ? db : db == 1 ? da : da == 0 || db == 0 ? 0 : kUnknown);
  }
  return out;
}

int64_t Infer::window(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, std::string_view padding,
                      int64_t before, int64_t after) const {
  require(stride > 0, op_.name, ": strides must be > 0, got ", stride);
  require(dilation > 0, op_.name, ": dilations must be > 0, got ", dilation);
  if (size < 0 || (kernel < 0 && padding != "SAME")) return kUnknown;
  if (padding == "SAME") return (size + stride - 1) / stride;
  int64_t effective = (kernel - 1) * dilation + 1, padded = size + before + after;
  require(kernel > 0, op_.name, ": the window must be > 0, got ", kernel);
  require(padded >= effective, "Negative dimension size caused by subtracting ", effective, " from ", padded);
  return (padded - effective) / stride + 1;
}

int Infer::axis(int64_t axis, int rank) const {
  require(axis >= -rank && axis < rank, op_.name, ": axis ", axis, " is not in [", -rank, ", ", rank, ")");
  return int(axis < 0 ? axis + rank : axis);
}

PartialShape Infer::concat(const PartialShape& a, const PartialShape& b) {
  if (!a.known_rank() || !b.known_rank()) return {};
  PartialShape out = a;
  for (int64_t d : b.dims()) out.push_back(d);
  return out;
}

PartialShape Infer::slice(const PartialShape& s, int from, int to) {
  if (!s.known_rank()) return {};
  int n = s.rank();
  to = to < 0 ? std::max(to + n, 0) : std::min(to, n);
  from = std::min(from < 0 ? std::max(from + n, 0) : from, to);
  return PartialShape(s.dims().subspan(size_t(from), size_t(to - from)));
}

void infer_unchanged(Infer& s) {
  s.out(0, s.in(0));
  if (const Values* v = s.known(0)) s.out_values(0, *v);
}

void infer_broadcast(Infer& s) {
  PartialShape shape = s.in(0);
  for (int i = 1; i < s.inputs(); ++i) shape = s.broadcast(shape, s.in(i));
  s.out(0, shape);
}

void infer_scalar(Infer& s) {
  for (int i = 0; i < s.outputs(); ++i) s.out(i, Shape());
}

void infer_unknown(Infer&) {}

}  // namespace thalweg
