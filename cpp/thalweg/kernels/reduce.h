// The loop under every reduction: any axes of any shape, blocked sums, an order fixed by the shape alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/kernels/packet.h"
#include "thalweg/num/vec.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// A reduction as alternating groups of kept and reduced dimensions: neighbours of one kind are merged.
struct ReduceShape {
  struct Dim {
    int64_t size, stride;
  };
  Dim kept[kMaxRank + 1], reduced[kMaxRank + 1];
  int kept_count = 0, reduced_count = 0;
  int64_t outputs = 1, count = 1;  // elements of the result; elements behind each of them
  int64_t inner = 1;               // size of the innermost kept run, 1 if the innermost dimension is reduced

  /// `mask` has bit i set where dimension i is reduced; `parts` is the size of one more, innermost, reduced dimension.
  ReduceShape(const Shape& shape, uint32_t mask, int64_t parts = 1) {
    Dim dims[kMaxRank + 1];
    bool is_reduced[kMaxRank + 1] = {};
    int n = 0;
    auto push = [&](int64_t size, bool r) {
      (r ? count : outputs) *= size;
      if (size == 1) return;
      if (n > 0 && is_reduced[n - 1] == r) {
        dims[n - 1].size *= size;
      } else {
        is_reduced[n] = r;
        dims[n++] = {size, 0};
      }
    };
    for (int i = 0; i < shape.rank(); ++i) push(shape[i], mask >> i & 1u);
    push(parts, true);
    int64_t stride = 1;
    for (int i = n - 1; i >= 0; --i) {
      dims[i].stride = stride;
      stride *= dims[i].size;
    }
    if (n > 0 && !is_reduced[n - 1]) inner = dims[--n].size;
    for (int i = 0; i < n; ++i) (is_reduced[i] ? reduced[reduced_count++] : kept[kept_count++]) = dims[i];
    if (reduced_count == 0) reduced[reduced_count++] = {1, 0};
  }
};

/// Axes as a bit mask; the values were checked by inference.
inline uint32_t axes_mask(const Tensor& axes, int rank) {
  uint32_t mask = 0;
  auto add = [&](auto* p) {
    for (int64_t i = 0; i < axes.size(); ++i) mask |= 1u << (p[i] < 0 ? p[i] + rank : p[i]);
  };
  if (axes.dtype() == DType::int32)
    add(axes.ptr<int32_t>());
  else
    add(axes.ptr<int64_t>());
  return mask;
}

/// The shape of a reduction op's call: input 0 over the axes in input 1.
inline ReduceShape reduce_shape(const KernelContext& k) {
  return ReduceShape(k.in(0).shape(), axes_mask(k.in(1), k.in(0).rank()));
}

void register_sums(KernelRegistry& r);

namespace detail {

/// A register of accumulators: a Packet, or a few complex numbers.
template <class A>
struct Lanes {
  static constexpr int size = Packet<A>::size;
  Packet<A> p;
};
template <class A>
struct Lanes<std::complex<A>> {
  static constexpr int size = 4;
  std::complex<A> p[size];
};

template <class Op, class A>
Lanes<A> combine(const Lanes<A>& a, const Lanes<A>& b) {
  Lanes<A> out;
  if constexpr (is_complex<A>) {
    for (int i = 0; i < Lanes<A>::size; ++i) out.p[i] = Op::combine(a.p[i], b.p[i]);
  } else {
    out.p.v = Op::combine(a.p.v, b.p.v);
  }
  return out;
}

template <class A>
Lanes<A> splat(A x) {
  Lanes<A> out;
  if constexpr (is_complex<A>)
    std::fill_n(out.p, Lanes<A>::size, x);
  else
    out.p = Packet<A>::set(x);
  return out;
}

/// n <= Lanes::size elements, converted and mapped; the others are the identity.
template <class Op, class A, class T>
Lanes<A> load(const T* p, int n) {
  constexpr int size = Lanes<A>::size;
  Lanes<A> out;
  if (n == size) {
    if constexpr (std::is_same_v<T, A> && !is_complex<A>) {
      out.p = Packet<A>::load(p);
      if constexpr (Op::maps) out.p.v = Op::map(out.p.v);
      return out;
    } else {
      alignas(64) A lanes[size];
      convert(p, lanes, size);
      std::memcpy(static_cast<void*>(&out.p), lanes, sizeof lanes);
      if constexpr (Op::maps) out.p.v = Op::map(out.p.v);
      return out;
    }
  }
  if constexpr (std::is_same_v<T, A> && !is_complex<A> && sizeof(A) >= 4) {
    Packet<A> x = Packet<A>::load(p, n);
    if constexpr (Op::maps) x.v = Op::map(x.v);
    out.p.v = Packet<A>::first(n) ? x.v : Packet<A>::set(Op::template identity<A>()).v;
    return out;
  }
  alignas(64) A lanes[size];
  for (int i = 0; i < size; ++i) lanes[i] = i < n ? Op::map(A(p[i])) : Op::template identity<A>();
  std::memcpy(static_cast<void*>(&out.p), lanes, sizeof lanes);
  return out;
}

/// Halves with halves.
template <class Op, class A>
A fold(const Lanes<A>& x) {
  if constexpr (is_complex<A>) {
    Lanes<A> rest = x;
    for (int n = Lanes<A>::size / 2; n > 0; n /= 2) {
      for (int i = 0; i < n; ++i) rest.p[i] = Op::combine(rest.p[i], rest.p[i + n]);
    }
    return rest.p[0];
  } else {
    return fold_lanes(x.p.v, [](const auto& a, const auto& b) { return Op::combine(a, b); });
  }
}

/// Sums below this many terms run straight; longer ones are halved, so errors grow with the logarithm of the length.
inline constexpr int64_t kRun = 2048, kRows = 128;

/// Contiguous elements to one.
template <class Op, class A, class T>
A reduce_run(const T* p, int64_t n) {
  constexpr int size = Lanes<A>::size;
  if (n <= size) return fold<Op>(load<Op, A>(p, int(n)));
  if (n > kRun) {
    int64_t half = (n / 2 + kRun - 1) / kRun * kRun;
    A first = reduce_run<Op, A>(p, half);
    return Op::combine(first, reduce_run<Op, A>(p + half, n - half));
  }
  Lanes<A> acc[4];
  for (auto& a : acc) a = splat(Op::template identity<A>());
  int64_t i = 0;
  for (; i + 4 * size <= n; i += 4 * size) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) acc[j] = combine<Op>(acc[j], load<Op, A>(p + i + j * size, size));
  }
  for (; i < n; i += size) acc[0] = combine<Op>(acc[0], load<Op, A>(p + i, int(std::min<int64_t>(size, n - i))));
  return fold<Op>(combine<Op>(combine<Op>(acc[0], acc[1]), combine<Op>(acc[2], acc[3])));
}

/// A few registers' worth of columns, each reduced over rows.
template <class A, int vectors>
struct Columns {
  Lanes<A> v[vectors];
};
template <class Op, class A, int vectors, class T>
Columns<A, vectors> reduce_rows(const T* p, int64_t rows, int64_t stride, int cols) {
  constexpr int size = Lanes<A>::size;
  Columns<A, vectors> out;
  if (rows > kRows) {
    int64_t half = (rows / 2 + kRows - 1) / kRows * kRows;
    Columns<A, vectors> first = reduce_rows<Op, A, vectors>(p, half, stride, cols);
    out = reduce_rows<Op, A, vectors>(p + half * stride, rows - half, stride, cols);
    for (int j = 0; j < vectors; ++j) out.v[j] = combine<Op>(first.v[j], out.v[j]);
    return out;
  }
  for (auto& a : out.v) a = splat(Op::template identity<A>());
  for (int64_t r = 0; r < rows; ++r, p += stride) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      int n = vectors > 1 ? size : cols;
      out.v[j] = combine<Op>(out.v[j], load<Op, A>(p + j * size, n));
    }
  }
  return out;
}

}  // namespace detail

/// Reduces in[] to `outputs` results; finish(accumulated, count) makes each element of out.
///
/// Op: `combine` (associative, on scalars and on vectors), `map` (of each element, before), `maps` (whether map does
/// anything); `identity<A>()`. A is what is accumulated.
template <class Op, class A, class T, class U, class Finish>
void reduce(KernelContext& k, const ReduceShape& s, const T* in, U* out, Finish&& finish) {
  using detail::Lanes;
  constexpr int size = Lanes<A>::size;
  if (s.outputs == 0) return;
  if (s.count == 0) {
    std::fill_n(out, s.outputs, finish(Op::template identity<A>(), 0));
    return;
  }
  // A unit is one result, or up to four registers of neighbouring ones.
  const int64_t width = s.inner == 1 ? 1 : 4 * size, chunks = ceil_div(s.inner, width);
  const int64_t units = s.outputs / s.inner * chunks, elements = s.outputs * s.count;
  // Few results over many elements: cut the outermost reduced dimension into parts, combined afterwards in order.
  int64_t parts = 1;
  if (units < 16) parts = std::clamp<int64_t>(elements / 32768, 1, std::min<int64_t>(s.reduced[0].size, 64));
  A* partial = parts > 1 ? k.scratch<A>(parts * s.outputs) : nullptr;
  const int last = s.reduced_count - 1;
  double cost = double(elements) * sizeof(T) / 15 / double(units * parts);
  if (parts == 1 && s.inner == 1 && s.kept_count <= 1 && last == 0) {  // rows that lie end to end
    k.parallel_for(units, cost + 3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = finish(detail::reduce_run<Op, A>(in + i * s.count, s.count), s.count);
      }
    });
    return;
  }

  auto unit = [&](int64_t part, int64_t index, auto&& emit) {
    int64_t group = index / chunks, col = index % chunks * width, offset = col;
    int64_t first = group * s.inner + col;  // the first result of the unit
    for (int d = s.kept_count - 1; d >= 0; --d) {
      offset += group % s.kept[d].size * s.kept[d].stride;
      group /= s.kept[d].size;
    }
    int64_t size0 = s.reduced[0].size, begin = part * size0 / parts, end = (part + 1) * size0 / parts;
    offset += begin * s.reduced[0].stride;
    // Reduced dimensions outside the last one, walked like digits of a counter.
    int64_t sizes[kMaxRank + 1], at[kMaxRank + 1] = {};
    for (int d = 0; d <= last; ++d) sizes[d] = s.reduced[d].size;
    sizes[0] = end - begin;
    auto advance = [&] {
      for (int d = last - 1; d >= 0; --d) {
        offset += s.reduced[d].stride;
        if (++at[d] < sizes[d]) return true;
        offset -= at[d] * s.reduced[d].stride;
        at[d] = 0;
      }
      return false;
    };
    if (s.inner == 1) {
      A acc = Op::template identity<A>();
      do acc = Op::combine(acc, detail::reduce_run<Op, A>(in + offset, sizes[last]));  // its stride is 1
      while (advance());
      emit(first, acc);
      return;
    }
    int64_t cols = std::min(width, s.inner - col);
    if (s.inner <= width / 2 && s.reduced[last].stride == s.inner && last == 0 && sizes[0] >= 64) {
      // A few columns: rows lie end to end, so several at a time fill the registers as if they were one.
      const int64_t together = width / s.inner, long_row = together * s.inner;
      const int64_t groups = (sizes[0] * s.inner - width) / long_row;  // whole registers are read: stay inside
      auto acc = detail::reduce_rows<Op, A, 4>(in + offset, groups, long_row, 4 * size);
      alignas(64) A lanes[4 * size];
      std::memcpy(static_cast<void*>(lanes), &acc, sizeof lanes);
      const T* rest = in + offset + groups * long_row;
      for (int64_t r = 0; r < sizes[0] - groups * together; ++r, rest += s.inner) {
        for (int64_t j = 0; j < s.inner; ++j) lanes[j] = Op::combine(lanes[j], Op::map(A(rest[j])));
      }
      for (int64_t g = 1; g < together; ++g) {
        for (int64_t j = 0; j < s.inner; ++j) lanes[j] = Op::combine(lanes[j], lanes[g * s.inner + j]);
      }
      for (int64_t j = 0; j < s.inner; ++j) emit(first + j, lanes[j]);
      return;
    }
    auto run = [&]<int vectors>(int64_t from, int n) {
      detail::Columns<A, vectors> acc;
      for (auto& a : acc.v) a = detail::splat(Op::template identity<A>());
      int64_t start = offset;
      do {
        auto more = detail::reduce_rows<Op, A, vectors>(in + offset + from, sizes[last], s.reduced[last].stride, n);
        for (int j = 0; j < vectors; ++j) acc.v[j] = detail::combine<Op>(acc.v[j], more.v[j]);
      } while (advance());
      offset = start;
      alignas(64) A lanes[vectors * size];
      std::memcpy(static_cast<void*>(lanes), &acc, sizeof lanes);
      for (int j = 0; j < std::min(n, vectors * size); ++j) emit(first + from + j, lanes[j]);
    };
    if (cols == width) {
      run.template operator()<4>(0, 4 * size);
    } else {
      for (int64_t from = 0; from < cols; from += size) {
        run.template operator()<1>(from, int(std::min<int64_t>(size, cols - from)));
      }
    }
  };

  k.parallel_for(units * parts, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t part = i / units;
      if (parts == 1) {
        unit(part, i % units, [&](int64_t o, A x) { out[o] = finish(x, s.count); });
      } else {
        unit(part, i % units, [&](int64_t o, A x) { partial[part * s.outputs + o] = x; });
      }
    }
  });
  if (parts == 1) return;
  for (int64_t step = 1; step < parts; step *= 2) {
    for (int64_t p = 0; p + step < parts; p += 2 * step) {
      A *a = partial + p * s.outputs, *b = partial + (p + step) * s.outputs;
      for (int64_t o = 0; o < s.outputs; ++o) a[o] = Op::combine(a[o], b[o]);
    }
  }
  for (int64_t o = 0; o < s.outputs; ++o) out[o] = finish(partial[o], s.count);
}

// What reductions combine with. `map` and `combine` take scalars and vectors alike.

struct Add {
  static constexpr bool maps = false;
  template <class A>
  static constexpr A identity() {
    return A(0);
  }
  static auto map(auto x) { return x; }
  static auto combine(const auto& a, const auto& b) -> std::decay_t<decltype(a)> { return a + b; }
};

/// The sum of squares.
struct AddSquares : Add {
  static constexpr bool maps = true;
  template <class X>
  static auto map(X x) {
    return x * x;
  }
};

struct Multiply : Add {
  template <class A>
  static constexpr A identity() {
    return A(1);
  }
  static auto combine(const auto& a, const auto& b) -> std::decay_t<decltype(a)> { return a * b; }
};

// Once an extreme is NaN nothing compares greater or smaller, so NaN stays.
struct Largest : Add {
  template <class A>
  static constexpr A identity() {
    return std::numeric_limits<A>::has_infinity ? -std::numeric_limits<A>::infinity()
                                                : std::numeric_limits<A>::lowest();
  }
  template <class X>
  static X combine(const X& a, const X& b) {
    if constexpr (std::is_arithmetic_v<X>)
      return (b > a || b != b) ? b : a;
    else
      return ((b > a) | (b != b)) ? b : a;
  }
};

struct Smallest : Add {
  template <class A>
  static constexpr A identity() {
    return std::numeric_limits<A>::has_infinity ? std::numeric_limits<A>::infinity() : std::numeric_limits<A>::max();
  }
  template <class X>
  static X combine(const X& a, const X& b) {
    if constexpr (std::is_arithmetic_v<X>)
      return (b < a || b != b) ? b : a;
    else
      return ((b < a) | (b != b)) ? b : a;
  }
};

}  // namespace thalweg::kernels
