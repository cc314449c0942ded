#include "thalweg/kernels/strides.h"

#include <algorithm>

namespace thalweg::kernels {
namespace {

constexpr double kNsPerByte = 0.1;  // what a copying thread gets from memory: about 10 GB/s

/// An edge of this many elements keeps a block of source columns and destination rows in the first-level cache.
constexpr int64_t kBlock = 32;

/// out[c * ld_out + r] = in[r * ld_in + c] for r < rows, c < cols.
template <class U>
void transpose_block(const U* in, int64_t ld_in, U* out, int64_t ld_out, int64_t rows, int64_t cols) {
  int64_t c = 0;
  if constexpr (sizeof(U) == 4) {
    // 8 x 8 tiles: eight reads and writes of a vector each; the compiler turns the shuffles into unpacks.
    using V = uint32_t __attribute__((vector_size(32), aligned(4)));
    for (; c + 8 <= cols; c += 8) {
      int64_t r = 0;
      for (; r + 8 <= rows; r += 8) {
        V a[8], b[8];
        for (int i = 0; i < 8; ++i) std::memcpy(&a[i], in + (r + i) * ld_in + c, sizeof(V));
        for (int i = 0; i < 8; i += 2) {
          b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
          b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
        }
        for (int i = 0; i < 8; i += 4) {
          a[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
          a[i + 1] = __builtin_shufflevector(b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
          a[i + 2] = __builtin_shufflevector(b[i + 1], b[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
          a[i + 3] = __builtin_shufflevector(b[i + 1], b[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
        }
        for (int i = 0; i < 4; ++i) {
          b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
          b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        }
        for (int i = 0; i < 8; ++i) std::memcpy(out + (c + i) * ld_out + r, &b[i], sizeof(V));
      }
      for (; r < rows; ++r) {
        for (int64_t i = 0; i < 8; ++i) out[(c + i) * ld_out + r] = in[r * ld_in + c + i];
      }
    }
  }
  for (; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) out[c * ld_out + r] = in[r * ld_in + c];
  }
}

template <class U>
void copy_row(const U* in, int64_t in_stride, U* out, int64_t out_stride, int64_t n) {
  if (in_stride == 1 && out_stride == 1) {
    if (n * int64_t(sizeof(U)) <= 32) {
      for (int64_t i = 0; i < n; ++i) out[i] = in[i];
    } else {
      copy_run(in, n, out);
    }
  } else if (in_stride == 0 && out_stride == 1) {
    std::fill_n(out, n, *in);
  } else if (out_stride == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * in_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

}  // namespace

void StridedCopy::axis(int64_t size, int64_t in_stride, int64_t out_stride) {
  if (size == 1) return;
  TW_ASSERT(rank_ < kMaxAxes);
  axes_[size_t(rank_++)] = {size, in_stride, out_stride};
}

/// The axes in the order they are walked: by falling destination stride, joined where two walk as one.
struct StridedCopy::Order {
  std::array<Axis, kMaxAxes> axes;
  int rank = 0;

  explicit Order(const StridedCopy& c) {
    std::array<Axis, kMaxAxes> sorted = c.axes_;
    std::stable_sort(sorted.begin(), sorted.begin() + c.rank_,
                     [](const Axis& a, const Axis& b) { return std::abs(a.out) > std::abs(b.out); });
    for (int i = 0; i < c.rank_; ++i) {
      const Axis& a = sorted[size_t(i)];
      if (rank > 0) {
        Axis& last = axes[size_t(rank - 1)];
        if (last.in == a.in * a.size && last.out == a.out * a.size) {
          last = {last.size * a.size, a.in, a.out};
          continue;
        }
      }
      axes[size_t(rank++)] = a;
    }
    if (rank == 0) axes[size_t(rank++)] = {1, 1, 1};
  }

  Axis take(int i) {
    Axis a = axes[size_t(i)];
    std::copy(axes.begin() + i + 1, axes.begin() + rank, axes.begin() + i);
    --rank;
    return a;
  }

  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= axes[size_t(i)].size;
    return n;
  }

  /// Calls f(in offset, out offset) for the indices [begin, end) of these axes, counted row-major.
  template <class F>
  void walk(int64_t begin, int64_t end, F&& f) const {
    std::array<int64_t, kMaxAxes> index{};
    int64_t in = 0, out = 0, rest = begin;
    for (int i = rank - 1; i >= 0; --i) {
      const Axis& a = axes[size_t(i)];
      index[size_t(i)] = rest % a.size;
      rest /= a.size;
      in += index[size_t(i)] * a.in;
      out += index[size_t(i)] * a.out;
    }
    for (int64_t n = begin; n < end; ++n) {
      f(in, out);
      for (int i = rank - 1; i >= 0; --i) {
        const Axis& a = axes[size_t(i)];
        in += a.in;
        out += a.out;
        if (++index[size_t(i)] < a.size) break;
        index[size_t(i)] = 0;
        in -= a.in * a.size;
        out -= a.out * a.size;
      }
    }
  }
};

template <class U>
void StridedCopy::run_as(KernelContext& k, const U* in, U* out) const {
  Order order(*this);
  constexpr double ns = kNsPerByte * sizeof(U) * (std::is_trivially_copyable_v<U> ? 1 : 4);
  Axis inner = order.take(order.rank - 1);
  // The source may run along another axis than the destination: then the two axes are copied in blocks.
  int along = -1;
  for (int i = 0; i < order.rank && inner.out == 1 && inner.in != 1 && inner.in != 0; ++i) {
    if (order.axes[size_t(i)].in == 1 && order.axes[size_t(i)].size > 1) along = i;
  }
  if (along >= 0) {
    Axis column = order.take(along);  // in: 1, out: its stride
    int64_t strips = (inner.size + kBlock - 1) / kBlock;
    int64_t blocks = (column.size + kBlock - 1) / kBlock;
    k.parallel_for(order.count() * blocks, ns * 2 * double(inner.size) * kBlock, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        int64_t c = n % blocks * kBlock;
        order.walk(n / blocks, n / blocks + 1, [&](int64_t from, int64_t to) {
          for (int64_t s = 0; s < strips; ++s) {
            int64_t r = s * kBlock;
            transpose_block(in + from + r * inner.in + c, inner.in, out + to + c * column.out + r, column.out,
                            std::min(kBlock, inner.size - r), std::min(kBlock, column.size - c));
          }
        });
      }
    });
    return;
  }
  double cost = ns * (inner.in == 1 && inner.out == 1 ? 1 : 4);
  int64_t rows = order.count();
  if (rows < 2 * k.pool().threads() && inner.size > 1) {  // few long rows: cut the rows themselves
    for (int64_t n = 0; n < rows; ++n) {
      order.walk(n, n + 1, [&](int64_t from, int64_t to) {
        k.parallel_for(inner.size, cost, [&](int64_t begin, int64_t end) {
          copy_row(in + from + begin * inner.in, inner.in, out + to + begin * inner.out, inner.out, end - begin);
        });
      });
    }
    return;
  }
  k.parallel_for(rows, 2 + cost * double(inner.size), [&](int64_t begin, int64_t end) {
    order.walk(begin, end,
               [&](int64_t from, int64_t to) { copy_row(in + from, inner.in, out + to, inner.out, inner.size); });
  });
}

void StridedCopy::run(KernelContext& k, const Tensor& in, Tensor& out) const {
  for (int i = 0; i < rank_; ++i) {
    if (axes_[size_t(i)].size == 0) return;
  }
  visit_size(in.dtype(), [&]<class U>() {
    run_as(k, static_cast<const U*>(in.data()) + in_offset, static_cast<U*>(out.data()) + out_offset);
  });
}

std::array<int64_t, kMaxRank> strides_of(const Shape& shape) {
  std::array<int64_t, kMaxRank> strides{};
  int64_t n = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[size_t(i)] = n;
    n *= shape[i];
  }
  return strides;
}

Ints to_ints(const Tensor& t) {
  Ints out(size_t(t.size()));
  visit<kInteger>(t.dtype(), [&]<class T>() { std::copy_n(t.ptr<T>(), t.size(), out.begin()); });
  return out;
}

std::string position(const Shape& shape, int64_t i) {
  if (shape.rank() == 0) return "";
  std::array<int64_t, kMaxRank> index{};
  for (int d = shape.rank() - 1; d >= 0; --d) {
    index[size_t(d)] = i % shape[d];
    i /= shape[d];
  }
  std::string out;
  for (int d = 0; d < shape.rank(); ++d) out += str(d ? "," : "[", index[size_t(d)]);
  return out + "]";
}

void copy_bytes(KernelContext& k, const void* from, void* to, int64_t bytes) {
  k.parallel_for(bytes, kNsPerByte, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, size_t(end - begin));
  });
}

void zero(KernelContext& k, Tensor& t) {
  visit_size(t.dtype(), [&]<class U>() {
    U* p = static_cast<U*>(t.data());
    k.parallel_for(t.size(), kNsPerByte * sizeof(U), [&](int64_t begin, int64_t end) {
      if constexpr (std::is_trivially_copyable_v<U>) {
        std::memset(static_cast<void*>(p + begin), 0, size_t(end - begin) * sizeof(U));
      } else {
        std::fill(p + begin, p + end, U());
      }
    });
  });
}

}  // namespace thalweg::kernels
