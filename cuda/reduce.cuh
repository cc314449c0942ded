// Reductions on the GPU: any axes of any shape, in an order that the shape alone decides. No atomics.
#pragma once

#include <limits>

#include "cuda/launch.h"
#include "cuda/walk.h"
#include "thalweg/num/math.h"

namespace thalweg::cuda {

template <class A>
__device__ A shuffle_down(A x, int delta) {
  return __shfl_down_sync(0xffffffffu, x, unsigned(delta));
}

/// The accumulators of a block's threads, combined; thread 0 gets the result. Blocks are whole warps.
template <class R>
__device__ typename R::Acc reduce_block(typename R::Acc x) {
  using A = typename R::Acc;
  __shared__ A warps[kWarp];
  for (int d = kWarp / 2; d > 0; d /= 2) x = R::combine(x, shuffle_down(x, d));
  if (blockDim.x == kWarp) return x;
  __syncthreads();  // the last round's results have been read
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = x;
  __syncthreads();
  if (threadIdx.x < kWarp) {
    x = threadIdx.x < blockDim.x / kWarp ? warps[threadIdx.x] : R::identity();
    for (int d = kWarp / 2; d > 0; d /= 2) x = R::combine(x, shuffle_down(x, d));
  }
  return x;
}

/// The same for every thread of the block.
template <class R>
__device__ typename R::Acc reduce_block_for_all(typename R::Acc x) {
  __shared__ typename R::Acc result;
  x = reduce_block<R>(x);
  __syncthreads();
  if (threadIdx.x == 0) result = x;
  __syncthreads();
  return result;
}

/// A reduction cut into pieces: output o's elements [c * count / chunks, (c + 1) * count / chunks) make piece (o, c).
struct Reduction {
  Walk<1> kept, reduced;
  int64_t outputs = 1, count = 1, chunks = 1;
};

// R: In, Acc, Out; identity(), load(In, position), combine(Acc, Acc), finish(Acc, count). Pieces are stored as Acc and
// joined by a second pass; an output in one piece is finished at once.
template <class R>
__device__ void store(void* out, int64_t at, typename R::Acc x, const Reduction& r, int64_t count) {
  if (r.chunks == 1)
    static_cast<typename R::Out*>(out)[at] = R::finish(x, count);
  else
    static_cast<typename R::Acc*>(out)[at] = x;
}

/// One block per piece: where a piece lies together in memory. `count` is what finish() is told; a second pass reads
/// Acc.
template <class R, bool second>
__global__ void reduce_by_block(const void* in, void* out, Reduction r, int64_t count) {
  for (int64_t piece : Rows(r.outputs * r.chunks)) {
    int64_t o = piece / r.chunks, c = piece % r.chunks;
    int64_t begin = c * r.count / r.chunks, end = (c + 1) * r.count / r.chunks;
    int64_t base[1], offset[1];
    r.kept.find(o, base);
    auto acc = R::identity();
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
      r.reduced.find(i, offset);
      int64_t at = base[0] + offset[0];
      if constexpr (second)
        acc = R::combine(acc, static_cast<const typename R::Acc*>(in)[at]);
      else
        acc = R::combine(acc, R::load(static_cast<const typename R::In*>(in)[at], i));
    }
    acc = reduce_block<R>(acc);
    if (threadIdx.x == 0) store<R>(out, piece, acc, r, count);
  }
}

/// One thread per piece: where neighbouring outputs lie together in memory, or pieces are short.
template <class R>
__global__ void reduce_by_thread(const void* in, void* out, Reduction r, int64_t count) {
  for (int64_t index : Elements(r.outputs * r.chunks)) {
    int64_t o = index % r.outputs, c = index / r.outputs;
    int64_t begin = c * r.count / r.chunks, end = (c + 1) * r.count / r.chunks;
    int64_t base[1], offset[1];
    r.kept.find(o, base);
    auto acc = R::identity();
    for (int64_t i = begin; i < end; ++i) {
      r.reduced.find(i, offset);
      acc = R::combine(acc, R::load(static_cast<const typename R::In*>(in)[base[0] + offset[0]], i));
    }
    store<R>(out, o * r.chunks + c, acc, r, count);
  }
}

/// Bit i of `mask`: dimension i is reduced.
inline Reduction make_reduction(const Shape& shape, uint32_t mask) {
  Reduction r;
  Strides strides(shape);
  for (int i = 0; i < shape.rank(); ++i) {
    bool reduced = mask >> i & 1u;
    (reduced ? r.reduced : r.kept).axis(shape[i], {strides.of[i]});
  }
  r.outputs = r.kept.size;
  r.count = r.reduced.size;
  return r;
}

template <class R>
void reduce(KernelContext& k, Reduction r, const typename R::In* in, typename R::Out* out) {
  if (r.outputs == 0) return;
  bool together = r.reduced.rank > 0 && r.reduced.strides[0][r.reduced.rank - 1] == 1 && r.count >= kWarp;
  // Few outputs over many elements would leave most of the GPU idle: they are cut, and a second pass joins the pieces.
  int64_t wanted = together ? 1024 : 65536, shortest = together ? 4096 : 128;
  r.chunks = std::clamp<int64_t>(std::min(wanted / r.outputs, r.count / shortest), 1, 1024);
  int64_t pieces = r.outputs * r.chunks;
  void* to = out;
  if (r.chunks > 1) to = k.scratch<typename R::Acc>(pieces);
  if (together) {
    Grid grid = grid_of_rows(pieces, r.count / r.chunks <= 1024 ? kWarp : kThreads);
    launch(k, reduce_by_block<R, false>, grid, in, to, r, r.count);
  } else {
    launch(k, reduce_by_thread<R>, grid_for(pieces), in, to, r, r.count);
  }
  if (r.chunks == 1) return;
  Reduction join = make_reduction(Shape{r.outputs, r.chunks}, 2);
  launch(k, reduce_by_block<R, true>, grid_of_rows(r.outputs, r.chunks <= 256 ? kWarp : kThreads), to, out, join,
         r.count);
}

// What reductions combine with. Half and bfloat16 accumulate in float; integers wrap.

template <class T>
struct Sum {
  using In = T;
  using Acc = Compute<T>;
  using Out = T;
  TW_HD static Acc identity() { return Acc(0); }
  TW_HD static Acc load(T x, int64_t) { return Acc(x); }
  TW_HD static Acc combine(Acc a, Acc b) { return math::add(a, b); }
  TW_HD static Out finish(Acc x, int64_t) { return T(x); }
};

/// Integers divide towards zero after a wide sum; over nothing a float's mean is NaN, an integer's 0.
template <class T>
struct Mean {
  using In = T;
  using Acc = std::conditional_t<std::is_integral_v<T>, int64_t, Compute<T>>;
  using Out = T;
  TW_HD static Acc identity() { return Acc(0); }
  TW_HD static Acc load(T x, int64_t) { return Acc(x); }
  TW_HD static Acc combine(Acc a, Acc b) { return math::add(a, b); }
  TW_HD static Out finish(Acc x, int64_t n) {
    if constexpr (std::is_integral_v<T>)
      return T(n == 0 ? 0 : x / n);
    else
      return T(x / Acc(n));
  }
};

template <class T>
struct Prod : Sum<T> {
  using Acc = typename Sum<T>::Acc;
  TW_HD static Acc identity() { return Acc(1); }
  TW_HD static Acc combine(Acc a, Acc b) { return math::mul(a, b); }
};

template <class T>
struct SumSquares : Sum<T> {
  using Acc = typename Sum<T>::Acc;
  TW_HD static Acc load(T x, int64_t) { return Acc(x) * Acc(x); }
};

template <class T>
struct EuclideanNorm : SumSquares<T> {
  TW_HD static T finish(typename Sum<T>::Acc x, int64_t) { return T(std::sqrt(x)); }
};

template <class T>
struct HalfSumSquares : SumSquares<T> {
  TW_HD static T finish(typename Sum<T>::Acc x, int64_t) { return T(x / 2); }
};

/// Smaller than every number of the type (or equal to the least of them).
template <class A>
TW_HD A lowest() {
  if constexpr (std::is_floating_point_v<A>)
    return -std::numeric_limits<A>::infinity();
  else
    return std::numeric_limits<A>::lowest();
}
template <class A>
TW_HD A highest() {
  if constexpr (std::is_floating_point_v<A>)
    return std::numeric_limits<A>::infinity();
  else
    return std::numeric_limits<A>::max();
}

template <class T>
struct Max : Sum<T> {
  using Acc = typename Sum<T>::Acc;
  TW_HD static Acc identity() { return lowest<Acc>(); }
  TW_HD static Acc combine(Acc a, Acc b) { return math::max(a, b); }
};
template <class T>
struct Min : Sum<T> {
  using Acc = typename Sum<T>::Acc;
  TW_HD static Acc identity() { return highest<Acc>(); }
  TW_HD static Acc combine(Acc a, Acc b) { return math::min(a, b); }
};

struct All {
  using In = bool;
  using Acc = int;
  using Out = bool;
  TW_HD static int identity() { return 1; }
  TW_HD static int load(bool x, int64_t) { return x; }
  TW_HD static int combine(int a, int b) { return a & b; }
  TW_HD static bool finish(int x, int64_t) { return x != 0; }
};
struct Any : All {
  TW_HD static int identity() { return 0; }
  TW_HD static int combine(int a, int b) { return a | b; }
};

/// An element and where it stood.
template <class A>
struct Best {
  A value;
  int64_t at;
};
template <class A>
__device__ Best<A> shuffle_down(Best<A> x, int delta) {
  return {shuffle_down(x.value, delta), shuffle_down(x.at, delta)};
}

/// The position of the extreme: the first of equals. NaN, and whatever is not better than the worst value, is never
/// chosen; if nothing is, the position is 0.
template <class T, bool largest>
struct ArgExtreme {
  using In = T;
  using Value = Compute<T>;
  using Acc = Best<Value>;
  using Out = int64_t;
  TW_HD static Value worst() { return largest ? lowest<Value>() : highest<Value>(); }
  TW_HD static bool better(Value a, Value b) { return largest ? a > b : a < b; }
  TW_HD static Acc identity() { return {worst(), INT64_MAX}; }
  TW_HD static Acc load(T x, int64_t position) {
    return better(Value(x), worst()) ? Acc{Value(x), position} : identity();
  }
  TW_HD static Acc combine(Acc a, Acc b) {
    return better(b.value, a.value) || (b.value == a.value && b.at < a.at) ? b : a;
  }
  TW_HD static Out finish(Acc x, int64_t) { return x.at == INT64_MAX ? Out(0) : Out(x.at); }
};

}  // namespace thalweg::cuda
