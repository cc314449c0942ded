// CPU kernels that change or choose elements without arithmetic: Cast, Bitcast, Select, SelectV2.
#include "thalweg/kernels/elementwise.h"
#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

/// Toward zero. What the integer cannot hold becomes its smallest value, as x86 instructions do; NaN as well.
template <class I, class F>
I truncated(F x) {
  constexpr F kTop = F(uint64_t(1) << (sizeof(I) * 8 - 2)) * 2;
  return x >= -kTop && x < kTop ? I(x) : std::numeric_limits<I>::min();
}

template <class To, class From>
To convert(const From& x) {
  if constexpr (is_complex<From> && is_complex<To>) {
    return To(x);
  } else if constexpr (is_complex<From>) {
    if constexpr (std::same_as<To, bool>)
      return x != From(0);
    else
      return convert<To>(x.real());
  } else if constexpr (is_complex<To>) {
    return To(convert<typename To::value_type>(x));
  } else if constexpr (!std::same_as<Compute<From>, From>) {
    return convert<To>(float(x));
  } else if constexpr (std::same_as<To, bool>) {
    return x != From(0);
  } else if constexpr (!std::same_as<Compute<To>, To>) {
    return To(float(x));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::same_as<To, uint64_t>) {
      constexpr From kHalf = From(uint64_t(1) << 63);
      return x >= kHalf ? uint64_t(truncated<int64_t>(x - kHalf)) + (uint64_t(1) << 63)
                        : uint64_t(truncated<int64_t>(x));
    } else if constexpr (std::same_as<To, uint32_t> || sizeof(To) == 8) {
      return To(truncated<int64_t>(x));
    } else {
      return To(truncated<int32_t>(x));  // narrow integers keep the low bits
    }
  } else {
    return To(x);
  }
}

/// float, half and bfloat16 convert among themselves packet by packet.
template <class T>
inline constexpr bool is_float = std::same_as<Compute<T>, float>;

template <class From, class To>
void cast_row(const void*, const void* const* in, void* out, int64_t n, unsigned /*repeated*/) {
  const From* x = static_cast<const From*>(in[0]);
  To* y = static_cast<To*>(out);
  if constexpr (is_float<From> && is_float<To>) {
    using N = Vec<float>;
    int64_t i = 0;
    for (; i + N::size <= n; i += N::size) store(y + i, load<N>(x + i));
    if (i < n) store(y + i, load<N>(x + i, int(n - i)), int(n - i));
  } else if constexpr (std::same_as<From, bool> &&
                       !is_complex<To>) {  // a byte of 0 or 1: bool itself is not vectorised
    const auto* bytes = reinterpret_cast<const uint8_t*>(x);
    for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(bytes[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(x[i]);
  }
}

constexpr DTypeSet kCastable = kNumeric | kBool;

struct Cast {
  Row row = nullptr;
  explicit Cast(const KernelInit& init) {
    visit<kCastable>(init.attr<DType>("SrcT"), [&]<class From>() {
      visit<kCastable>(init.attr<DType>("DstT"), [&]<class To>() { row = cast_row<From, To>; });
    });
  }
  void operator()(KernelContext& k) const {
    const Tensor& x = k.in(0);
    Operand in[] = {{x.data(), x.shape(), size_of(x.dtype())}};
    run_rows(k, row, nullptr, in, k.out(0), 0.5);
  }
  RowLoop row_loop() const { return {row, nullptr, 0.5}; }
};

struct Bitcast {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    if (out.bytes() && out.data() != k.in(0).data()) std::memcpy(out.data(), k.in(0).data(), out.bytes());
  }
};

struct Wide {
  uint64_t word[2];
};

template <class T>
void select_row(const void*, const void* const* in, void* out_, int64_t n, unsigned repeated) {
  auto* mask = static_cast<const uint8_t*>(in[0]);
  auto *t = static_cast<const T*>(in[1]), *e = static_cast<const T*>(in[2]);
  T* out = static_cast<T*>(out_);
  if (repeated & 1) {
    bool from_t = *mask != 0;
    const T* x = from_t ? t : e;
    if (x == out) return;
    if (repeated & (from_t ? 2 : 4))
      std::fill_n(out, n, T(*x));
    else
      std::copy_n(x, n, out);
    return;
  }
  auto at = [repeated](const T* x, unsigned bit, int64_t i) -> const T& { return x[repeated & bit ? 0 : i]; };
  int64_t i = 0;
  if constexpr (std::is_integral_v<T>) {
    using N = Vec<T>;
    using Bytes = detail::Pack<uint8_t, N::size>;
    N a = splat<N>(*t), b = splat<N>(*e);
    for (; i + N::size <= n; i += N::size) {
      Bytes m;
      std::memcpy(&m, mask + i, sizeof m);
      if (!(repeated & 2)) a = load<N>(t + i);
      if (!(repeated & 4)) b = load<N>(e + i);
      store(out + i, N(__builtin_convertvector(m, typename N::U) != 0 ? a.v : b.v));
    }
  }
  for (; i < n; ++i) out[i] = mask[i] ? at(t, 2, i) : at(e, 4, i);
}

Row select_row_of(DType t) {
  if (t == DType::string) return select_row<std::string>;
  switch (size_of(t)) {
    case 1:
      return select_row<uint8_t>;
    case 2:
      return select_row<uint16_t>;
    case 4:
      return select_row<uint32_t>;
    case 8:
      return select_row<uint64_t>;
    default:
      return select_row<Wide>;
  }
}

/// SelectV2; and Select, whose vector condition stands for rows.
template <bool rows>
struct Select {
  Row row;
  explicit Select(const KernelInit& init) : row(select_row_of(init.attr<DType>("T"))) {}

  void operator()(KernelContext& k) const {
    Shape condition = k.in(0).shape();
    if (rows && condition.rank() == 1) {
      while (condition.rank() < k.out(0).rank()) condition.push_back(1);
    }
    size_t size = size_of(k.in(1).dtype());
    Operand in[] = {{k.in(0).data(), condition, 1},
                    {k.in(1).data(), k.in(1).shape(), size},
                    {k.in(2).data(), k.in(2).shape(), size}};
    run_rows(k, row, nullptr, in, k.out(0), 0.5);
  }
  /// Select's vector condition does not broadcast as elementwise operands do.
  RowLoop row_loop() const { return {rows ? nullptr : row, nullptr, 0.5}; }
};

}  // namespace

void register_cast(KernelRegistry& r) {
  r.add<Cast>("Cast", kCpu);
  r.add<Bitcast>("Bitcast", kCpu);
  r.add<Select<true>>("Select", kCpu);
  r.add<Select<false>>("SelectV2", kCpu);
}

}  // namespace thalweg::kernels
