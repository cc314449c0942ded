// The driver of elementwise rows: broadcasting by collapsed strides, threads, checks of operands.
#include "thalweg/kernels/elementwise.h"

#include <cstddef>
#include <optional>

#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

constexpr int64_t kShortRow = 64;      // shorter rows are gathered into chunks first
constexpr int64_t kChunkBytes = 8192;  // of one operand

/// The output's axes after merging neighbours that every operand treats alike, outermost first.
struct Axes {
  int count = 0;
  std::array<int64_t, kMaxRank> size{};
  std::array<unsigned, kMaxRank> repeated{};                         // a bit per operand
  std::array<std::array<int64_t, kMaxRank>, kMaxOperands> stride{};  // in elements

  Axes(std::span<const Operand> in, const Shape& out) {
    for (int d = 0; d < out.rank(); ++d) {
      if (out[d] == 1) continue;
      unsigned bits = 0;
      for (size_t i = 0; i < in.size(); ++i) {
        int at = d - (out.rank() - in[i].shape.rank());
        if (at < 0 || in[i].shape[at] == 1) bits |= 1u << i;
      }
      if (count && repeated[size_t(count - 1)] == bits) {
        size[size_t(count - 1)] *= out[d];
      } else {
        size[size_t(count)] = out[d];
        repeated[size_t(count++)] = bits;
      }
    }
    for (size_t i = 0; i < in.size(); ++i) {
      int64_t step = 1;
      for (int d = count - 1; d >= 0; --d) {
        bool fixed = repeated[size_t(d)] >> i & 1;
        stride[i][size_t(d)] = fixed ? 0 : step;
        if (!fixed) step *= size[size_t(d)];
      }
    }
  }
  int64_t inner() const { return size[size_t(count - 1)]; }
  unsigned inner_repeated() const { return repeated[size_t(count - 1)]; }
  /// Where operand i stands for output element `pos`.
  int64_t offset(size_t i, int64_t pos) const {
    int64_t at = 0;
    for (int d = count - 1; d >= 0; --d) {
      at += pos % size[size_t(d)] * stride[i][size_t(d)];
      pos /= size[size_t(d)];
    }
    return at;
  }
  bool dense(size_t i) const {
    for (int d = 0; d < count; ++d) {
      if (repeated[size_t(d)] >> i & 1) return false;
    }
    return true;
  }
  /// Operand i is one inner row, the same for every outer index.
  bool periodic(size_t i) const { return count == 2 && (repeated[0] >> i & 1) && !(repeated[1] >> i & 1); }
};

const char* at(const Operand& o, int64_t element) {
  return static_cast<const char*>(o.data) + element * int64_t(o.size);
}

/// Output elements [begin, end) of which operand i takes its values, laid out densely.
template <class U>
void gather(const Axes& axes, size_t i, const U* from, int64_t begin, int64_t end, U* to) {
  int64_t inner = axes.inner();
  bool fixed = axes.inner_repeated() >> i & 1;
  for (int64_t pos = begin; pos < end;) {
    int64_t n = std::min(inner - pos % inner, end - pos);
    const U* x = from + axes.offset(i, pos);
    if (fixed) {
      for (int64_t j = 0; j < n; ++j) to[j] = *x;
    } else {
      for (int64_t j = 0; j < n; ++j) to[j] = x[j];
    }
    to += n;
    pos += n;
  }
}

struct Wide {
  uint64_t word[2];
};

void gather(const Axes& axes, size_t i, const Operand& o, int64_t begin, int64_t end, void* to) {
  auto as = [&]<class U>() { gather(axes, i, static_cast<const U*>(o.data), begin, end, static_cast<U*>(to)); };
  switch (o.size) {
    case 1:
      return as.operator()<uint8_t>();
    case 2:
      return as.operator()<uint16_t>();
    case 4:
      return as.operator()<uint32_t>();
    case 8:
      return as.operator()<uint64_t>();
    default:
      return as.operator()<Wide>();
  }
}

struct Loop {
  const Axes& axes;
  Row row;
  const void* op;
  std::span<const Operand> in;
  char* out;
  int64_t out_size;

  /// Row by row: long inner axes.
  void rows(int64_t begin, int64_t end) const {
    const void* x[kMaxOperands];
    int64_t inner = axes.inner();
    for (int64_t pos = begin; pos < end;) {
      int64_t n = std::min(inner - pos % inner, end - pos);
      for (size_t i = 0; i < in.size(); ++i) x[i] = at(in[i], axes.offset(i, pos));
      row(op, x, out + pos * out_size, n, axes.inner_repeated());
      pos += n;
    }
  }

  /// Chunk by chunk: operands that are not dense are laid out densely first.
  void chunks(int64_t begin, int64_t end) const {
    alignas(64) std::byte buffer[kMaxOperands][kChunkBytes];
    const void* x[kMaxOperands];
    int64_t inner = axes.inner(), most = kChunkBytes / 16 / inner * inner;
    bool filled[kMaxOperands] = {};
    for (int64_t pos = begin; pos < end;) {
      int64_t lead = pos % inner, n = std::min(lead ? inner - lead : most, end - pos);
      for (size_t i = 0; i < in.size(); ++i) {
        x[i] = buffer[i];
        if (axes.dense(i)) {
          x[i] = at(in[i], pos);
        } else if (!filled[i]) {
          gather(axes, i, in[i], pos, pos + n, buffer[i]);
          filled[i] = !lead && n == most && axes.periodic(i);
        }
      }
      row(op, x, out + pos * out_size, n, 0);
      pos += n;
    }
  }
};

template <class T>
bool any_zero(const Tensor& t) {
  for (T x : t.flat<T>()) {
    if (x == 0) return true;
  }
  return false;
}
template <class T>
bool any_negative(const Tensor& t) {
  T least = 0;
  for (T x : t.flat<T>()) least = std::min(least, x);
  return least < 0;
}

bool broadcasts(const Shape& a, const Shape& b) {
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1) return false;
  }
  return true;
}

class RowKernelRun final : public Kernel {
 public:
  RowKernelRun(const RowKernel& kernel, const KernelInit& init) : kernel_(kernel) {
    kernel.make(init.attrs, storage_);
    if (kernel.check == Check::kEqualShapes) strict_ = init.attr<bool>("incompatible_shape_error");
  }

  void compute(KernelContext& k) override {
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    switch (kernel_.check) {
      case Check::kNone:
        break;
      case Check::kSameSize:
        TW_CHECK(k.in(0).size() == k.in(1).size(), kernel_.op, ": both inputs must have one shape: ", k.in(0), " and ",
                 k.in(1));
        return run(k, out.shape());
      case Check::kNonzero: {
        bool zero = false;
        visit<kInteger>(kernel_.dtype, [&]<class T>() { zero = any_zero<T>(k.in(1)); });
        TW_CHECK(!zero, "Integer division by zero");
        break;
      }
      case Check::kNonnegative: {
        bool negative = false;
        visit<kSigned>(kernel_.dtype, [&]<class T>() { negative = any_negative<T>(k.in(1)); });
        TW_CHECK(!negative, "Integers to negative integer powers are not allowed");
        break;
      }
      case Check::kEqualShapes:
        if (!strict_ && !broadcasts(k.in(0).shape(), k.in(1).shape())) {
          *out.ptr<bool>() = kernel_.otherwise;
          return;
        }
        break;
    }
    run(k, std::nullopt);
  }

  RowLoop row_loop() const override {
    if (kernel_.check == Check::kNonzero || kernel_.check == Check::kNonnegative) return {};
    return {kernel_.row, storage_, kernel_.cost, kernel_.check != Check::kSameSize};
  }

 private:
  void run(KernelContext& k, std::optional<Shape> shape) {
    Operand in[kMaxOperands];
    for (int i = 0; i < k.inputs(); ++i) {
      const Tensor& t = k.in(i);
      in[i] = {t.data(), shape ? *shape : t.shape(), size_of(t.dtype())};
    }
    run_rows(k, kernel_.row, storage_, {in, size_t(k.inputs())}, k.out(0), kernel_.cost);
  }

  RowKernel kernel_;
  bool strict_ = true;
  alignas(std::max_align_t) std::byte storage_[kOpBytes] = {};
};

}  // namespace

void run_rows(KernelContext& k, Row row, const void* op, std::span<const Operand> in, Tensor& out, double cost) {
  int64_t n = out.size();
  if (n == 0) return;
  Axes axes(in, out.shape());
  Loop run{axes, row, op, in, static_cast<char*>(out.data()), int64_t(size_of(out.dtype()))};
  if (axes.count <= 1) {
    unsigned repeated = axes.count ? axes.repeated[0] : 0;
    k.parallel_for(n, cost, [&](int64_t begin, int64_t end) {
      const void* x[kMaxOperands];
      for (size_t i = 0; i < in.size(); ++i) x[i] = at(in[i], repeated >> i & 1 ? 0 : begin);
      row(op, x, run.out + begin * run.out_size, end - begin, repeated);
    });
  } else if (axes.inner() >= kShortRow || in[in.size() - 1].size > 16) {  // strings are not gathered
    k.parallel_for(n, cost, [&](int64_t begin, int64_t end) { run.rows(begin, end); });
  } else {
    k.parallel_for(n, cost + 1, [&](int64_t begin, int64_t end) { run.chunks(begin, end); });
  }
}

void add_rows(KernelRegistry& r, RowKernel kernel) {
  KernelEntry e{
      kernel.op, std::string(kCpu), kernel.type_attr, kernel.type_attr.empty() ? DType::invalid : kernel.dtype, {}, {},
      {}};
  e.make = [kernel = std::move(kernel)](const KernelInit& init) -> std::unique_ptr<Kernel> {
    return std::make_unique<RowKernelRun>(kernel, init);
  };
  r.add(std::move(e));
}

void register_elementwise(KernelRegistry& r) {
  register_unary(r);
  register_binary(r);
  register_binary_integer(r);
  register_compare(r);
  register_elementwise_others(r);
}

}  // namespace thalweg::kernels
