// The two halves of every elementwise kernel: a row function, instantiated from an op's struct, that walks dense or
// repeated operands packet by packet; and one driver, not a template, that turns broadcasting and threads into rows.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "thalweg/num/vec_math.h"
#include "thalweg/ops/elementwise.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

using Row = RowLoop::Fn;

inline constexpr int kMaxOperands = 3;

struct Operand {
  const void* data;
  Shape shape;  // broadcasts to the output's
  size_t size;  // of an element
};

/// Runs `row` over all of `out`; `cost` is the nanoseconds of one element. Operands may share the output's memory
/// exactly.
void run_rows(KernelContext& k, Row row, const void* op, std::span<const Operand> in, Tensor& out, double cost);

/// What must hold of the operands before any row runs.
enum class Check {
  kNone,
  kSameSize,     // operands are not broadcast
  kNonzero,      // integers: operand 1 has no 0
  kNonnegative,  // integers: operand 1 has nothing below 0
  kEqualShapes,  // Equal with incompatible_shape_error = false: other shapes give a constant
};

/// An elementwise kernel as data.
struct RowKernel {
  std::string op, type_attr;
  DType dtype;
  Row row;
  double cost;
  Check check = Check::kNone;
  bool otherwise = false;                                     // kEqualShapes: the constant
  void (*make)(const Attrs& attrs, void* storage) = nullptr;  // the op's struct, at most kOpBytes
};
inline constexpr size_t kOpBytes = 16;
void add_rows(KernelRegistry& r, RowKernel kernel);

// The family in translation units of bearable size.
void register_unary(KernelRegistry& r);
void register_binary(KernelRegistry& r);
void register_binary_integer(KernelRegistry& r);
void register_compare(KernelRegistry& r);
void register_elementwise_others(KernelRegistry& r);

/// What arithmetic on stored elements of T uses: packets for real numbers, lanes for bool and complex.
template <class Op, class T>
using Number = std::conditional_t<std::same_as<T, bool> || is_complex<T> || requires { Op::kScalar; }, Lane<Compute<T>>,
                                  Vec<Compute<T>>>;

/// What a store of the formula's result writes: T itself, unless the number changed kind.
template <class Y, class T>
struct Stored {
  using type = T;
};
template <class T>
struct Stored<bool, T> {
  using type = bool;
};
template <class K, class T>
  requires requires(K k) { k.m; }
struct Stored<K, T> {
  using type = bool;
};
template <class Y, class T>
  requires(!std::same_as<Y, Compute<T>> && !std::same_as<Y, bool>)
struct Stored<Lane<Y>, T> {
  using type = Y;
};

// Each loop over packets is one function that is not inlined: the tail, padded to a packet by repeating the last
// element, runs the same instructions, so that a value never depends on its position.

template <class N, class Op, class T, class R>
[[gnu::noinline]] void unary_packets(const Op& op, const T* x, R* y, int64_t n) {
  for (int64_t i = 0; i < n; i += N::size) store(y + i, op.f(load<N>(x + i)));
}

/// Reading back what was written in smaller pieces waits until all of it is in the cache: a single element, the most
/// frequent tail, is written as one packet.
template <class N, class T, int size>
const T* padded(const T* x, int64_t n, T (&buffer)[size]) {
  if constexpr (size > 1 && std::same_as<T, Compute<T>>) {
    if (n == 1) {
      store(buffer, splat<N>(*x));
      return buffer;
    }
  }
  for (int i = 0; i < size; ++i) buffer[i] = x[i < n ? i : n - 1];
  return buffer;
}

template <class Op, class T>
void unary_row(const void* op_, const void* const* in, void* out, int64_t n, unsigned /*repeated*/) {
  using N = Number<Op, T>;
  using R = typename Stored<decltype(std::declval<const Op&>().f(std::declval<N>())), T>::type;
  const Op& op = *static_cast<const Op*>(op_);
  const T* x = static_cast<const T*>(in[0]);
  R* y = static_cast<R*>(out);
  int64_t whole = n / N::size * N::size, rest = n - whole;
  unary_packets<N>(op, x, y, whole);
  if (rest) {
    T buffer[N::size];
    R result[N::size];
    unary_packets<N>(op, padded<N>(x + whole, rest, buffer), result, N::size);
    std::copy_n(result, rest, y + whole);
  }
}

template <class N, bool a_repeated, bool b_repeated, class Op, class T, class R>
[[gnu::noinline]] void binary_packets(const Op& op, const T* a, const T* b, R* y, int64_t n) {
  N x = splat<N>(*a), z = splat<N>(*b);
  for (int64_t i = 0; i < n; i += N::size) {
    if constexpr (!a_repeated) x = load<N>(a + i);
    if constexpr (!b_repeated) z = load<N>(b + i);
    store(y + i, op.f(x, z));
  }
}

template <class Op, class T>
void binary_row(const void* op_, const void* const* in, void* out, int64_t n, unsigned repeated) {
  using N = Number<Op, T>;
  using R = typename Stored<decltype(std::declval<const Op&>().f(std::declval<N>(), std::declval<N>())), T>::type;
  const Op& op = *static_cast<const Op*>(op_);
  const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  R* y = static_cast<R*>(out);
  auto packets = [&](const T* a, const T* b, R* y, int64_t n) {
    if (repeated == 1)
      binary_packets<N, true, false>(op, a, b, y, n);
    else if (repeated == 2)
      binary_packets<N, false, true>(op, a, b, y, n);
    else
      binary_packets<N, false, false>(op, a, b, y, n);
  };
  int64_t whole = n / N::size * N::size, rest = n - whole;
  if (whole) packets(a, b, y, whole);
  if (rest) {
    T left[N::size], right[N::size];
    R result[N::size];
    packets(repeated & 1 ? a : padded<N>(a + whole, rest, left), repeated & 2 ? b : padded<N>(b + whole, rest, right),
            result, N::size);
    std::copy_n(result, rest, y + whole);
  }
}

/// The op's name: what stands before '(' in its signature.
constexpr std::string_view op_name(const OpInfo& info) {
  return info.signature.text().substr(0, info.signature.text().find('('));
}

template <class Op, class T>
RowKernel row_kernel(Row row, double cost) {
  static_assert(sizeof(Op) <= kOpBytes && std::is_trivially_copyable_v<Op>);
  RowKernel k;
  k.op = op_name(Op::info);
  k.dtype = dtype_of<T>;
  if (Op::info.signature.text().find(": T") != std::string_view::npos) k.type_attr = "T";
  k.row = row;
  k.cost = is_complex<T> ? cost * 10 : cost;
  k.make = [](const Attrs& attrs, void* storage) { new (storage) Op(make_op<Op>(attrs)); };
  return k;
}

template <class Op, class... In>
constexpr bool contains(List<In...>) {
  return (std::same_as<Op, In> || ...);
}

}  // namespace thalweg::kernels
