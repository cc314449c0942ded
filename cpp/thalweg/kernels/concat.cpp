// Kernels that join, cut, repeat and pad. Joining and cutting move runs: a tensor is outer x (axis * inner) elements.
#include <algorithm>
#include <numeric>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/strides.h"
#include "thalweg/num/math.h"

namespace thalweg::kernels {
namespace {

int64_t positive(int64_t axis, int rank) { return axis < 0 ? axis + rank : axis; }

/// Joins inputs [first, first + n) along `axis` into output 0.
void concat(KernelContext& k, int first, int n, int axis) {
  Tensor& out = k.out(0);
  int64_t width = out.shape().size(axis, out.rank());
  if (out.size() == 0) return;
  visit_size(out.dtype(), [&]<class U>() {
    U* y = static_cast<U*>(out.data());
    Ints start{0};
    for (int i = 0; i < n; ++i) start.push_back(start.back() + k.in(first + i).shape().size(axis, out.rank()));
    k.parallel_for(out.size(), 0.1 * sizeof(U), [&](int64_t begin, int64_t end) {
      int64_t row = begin / width, column = begin % width;
      size_t i = size_t(std::upper_bound(start.begin(), start.end(), column) - start.begin()) - 1;
      for (int64_t at = begin; at < end;) {
        int64_t piece = start[i + 1] - start[i], offset = column - start[i];
        int64_t run = std::min(piece - offset, end - at);
        copy_run(static_cast<const U*>(k.in(first + int(i)).data()) + row * piece + offset, run, y + at);
        at += run;
        column += run;
        ++i;
        if (column == width) {
          column = 0;
          i = 0;
          ++row;
        }
      }
    });
  });
}

/// Cuts input `value` along `axis` into the outputs, whose shapes say where.
void split(KernelContext& k, int value, int axis) {
  const Tensor& in = k.in(value);
  int64_t outer = in.shape().size(0, axis), width = in.shape().size(axis, in.rank());
  visit_size(in.dtype(), [&]<class U>() {
    const U* x = static_cast<const U*>(in.data());
    int64_t offset = 0;
    for (int i = 0; i < k.outputs(); ++i) {
      int64_t piece = k.out(i).shape().size(axis, in.rank());
      U* y = static_cast<U*>(k.out(i).data());
      if (outer == 1) {
        k.parallel_for(piece, 0.1 * sizeof(U),
                       [&](int64_t begin, int64_t end) { copy_run(x + offset + begin, end - begin, y + begin); });
      } else {
        k.parallel_for(outer, 3 + 0.1 * double(piece) * sizeof(U), [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r) copy_run(x + r * width + offset, piece, y + r * piece);
        });
      }
      offset += piece;
    }
  });
}

struct ConcatV2 {
  void operator()(KernelContext& k) const {
    int n = k.inputs() - 1;
    concat(k, 0, n, int(positive(to_ints(k.in(n))[0], k.in(0).rank())));
  }
};

struct Concat {
  void operator()(KernelContext& k) const {
    concat(k, 1, k.inputs() - 1, int(positive(to_ints(k.in(0))[0], k.in(1).rank())));
  }
};

struct ConcatOffset {
  void operator()(KernelContext& k) const {
    int64_t rank = k.in(1).size(), axis = *k.in<int32_t>(0);
    TW_CHECK(axis >= -rank && axis < rank, "Concat dim is out of range: ", axis, " vs. ", rank);
    axis = positive(axis, int(rank));
    Ints first = to_ints(k.in(1));
    int64_t offset = 0;
    for (int i = 0; i < k.outputs(); ++i) {
      Ints shape = to_ints(k.in(i + 1));
      TW_CHECK(std::ssize(shape) == rank, "input ", i, " should contain ", rank, " elements, but got ", shape.size());
      for (int64_t d = 0; d < rank; ++d) {
        TW_CHECK(d == axis || shape[size_t(d)] == first[size_t(d)], "All dimensions except ", axis,
                 " must match. Input ", i, " has shape ", k.in(i + 1).to_string(8),
                 " and doesn't match input 0 with shape ", k.in(1).to_string(8), ".");
      }
      visit<kIndex>(k.out(i).dtype(), [&]<class T>() {
        std::fill_n(k.out<T>(i), rank, T(0));
        k.out<T>(i)[axis] = T(offset);
      });
      offset += shape[size_t(axis)];
    }
  }
};

struct Split {
  void operator()(KernelContext& k) const { split(k, 1, int(positive(to_ints(k.in(0))[0], k.in(1).rank()))); }
};

struct SplitV {
  void operator()(KernelContext& k) const { split(k, 0, int(positive(to_ints(k.in(2))[0], k.in(0).rank()))); }
};

struct Pack {
  int64_t axis;
  explicit Pack(const KernelInit& init) : axis(init.attr<int64_t>("axis")) {}
  // Each input is `outer` runs that stand n apart in the output: a joining of runs.
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    int at = int(positive(axis, out.rank()));
    int64_t outer = out.shape().size(0, at), run = out.shape().size(at + 1, out.rank()), n = k.inputs();
    if (out.size() == 0) return;
    visit_size(out.dtype(), [&]<class U>() {
      U* y = static_cast<U*>(out.data());
      k.parallel_for(outer * n, 3 + 0.1 * double(run) * sizeof(U), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          copy_run(static_cast<const U*>(k.in(int(i % n)).data()) + i / n * run, run, y + i * run);
        }
      });
    });
  }
};

struct Unpack {
  int64_t axis;
  explicit Unpack(const KernelInit& init) : axis(init.attr<int64_t>("axis")) {}
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    int at = int(positive(axis, in.rank()));
    int64_t outer = in.shape().size(0, at), run = in.shape().size(at + 1, in.rank()), n = k.outputs();
    if (in.size() == 0) return;
    visit_size(in.dtype(), [&]<class U>() {
      const U* x = static_cast<const U*>(in.data());
      k.parallel_for(outer * n, 3 + 0.1 * double(run) * sizeof(U), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          copy_run(x + i * run, run, static_cast<U*>(k.out(int(i % n)).data()) + i / n * run);
        }
      });
    });
  }
};

struct Tile {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints multiples = to_ints(k.in(1));
    auto from = strides_of(in.shape()), to = strides_of(k.out(0).shape());
    StridedCopy copy;
    for (int i = 0; i < in.rank(); ++i) {
      copy.axis(multiples[size_t(i)], 0, to[size_t(i)] * in.dim(i));
      copy.axis(in.dim(i), from[size_t(i)], to[size_t(i)]);
    }
    copy.run(k, in, k.out(0));
  }
};

/// Adds every element of `in` to the place in `out` that `place` gives for it; the number of elements of `out` is small
/// enough, or the order of additions important enough, to do this on one thread.
template <class T>
struct TileGrad {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Tensor& out = k.out(0);
    Ints multiples = to_ints(k.in(1));
    auto from = strides_of(in.shape());
    const T* x = k.in<T>(0);
    T* y = k.out<T>(0);
    int rank = in.rank();
    int64_t tiles = 1;
    for (int64_t m : multiples) tiles *= m;
    // For each output element, the sum over its copies, in row-major order of the tiles.
    k.parallel_for(out.size(), 2.0 * double(tiles), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t first = 0, rest = i;
        for (int d = rank - 1; d >= 0; --d) {
          first += rest % out.dim(d) * from[size_t(d)];
          rest /= out.dim(d);
        }
        Compute<T> sum(0);
        for (int64_t t = 0; t < tiles; ++t) {
          int64_t offset = 0, index = t;
          for (int d = rank - 1; d >= 0; --d) {
            offset += index % multiples[size_t(d)] * out.dim(d) * from[size_t(d)];
            index /= multiples[size_t(d)];
          }
          sum = math::add(sum, Compute<T>(x[first + offset]));
        }
        y[i] = T(sum);
      }
    });
  }
};

struct Pad {  // and PadV2
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Tensor& out = k.out(0);
    Ints paddings = to_ints(k.in(1));
    if (out.size() > in.size()) {
      visit_size(out.dtype(), [&]<class U>() {
        U value{};
        if (k.inputs() > 2) value = *static_cast<const U*>(k.in(2).data());
        U* y = static_cast<U*>(out.data());
        k.parallel_for(out.size(), 0.1 * sizeof(U),
                       [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, value); });
      });
    }
    auto from = strides_of(in.shape()), to = strides_of(out.shape());
    StridedCopy copy;
    for (int i = 0; i < in.rank(); ++i) {
      copy.axis(in.dim(i), from[size_t(i)], to[size_t(i)]);
      copy.out_offset += paddings[size_t(2 * i)] * to[size_t(i)];
    }
    copy.run(k, in, out);
  }
};

/// Where index i of a mirror-padded dimension was read; `skip` is 1 if the edge is not repeated.
int64_t mirrored(int64_t i, int64_t before, int64_t size, int64_t skip) {
  i -= before;
  if (i < 0) return -i - 1 + skip;
  return i < size ? i : 2 * size - 1 - i - skip;
}

/// For each dimension, the source index of each padded index, times the stride.
std::vector<Ints> mirror_offsets(const Shape& inner, const Shape& padded, const Ints& paddings, bool reflect) {
  auto strides = strides_of(inner);
  std::vector<Ints> offsets(size_t(inner.rank()));
  for (int d = 0; d < inner.rank(); ++d) {
    for (int64_t i = 0; i < padded[d]; ++i) {
      offsets[size_t(d)].push_back(mirrored(i, paddings[size_t(2 * d)], inner[d], reflect) * strides[size_t(d)]);
    }
  }
  return offsets;
}

/// Calls f(padded element, inner element) for the padded elements [begin, end) in order.
template <class F>
void walk_mirror(const Shape& padded, const std::vector<Ints>& offsets, int64_t begin, int64_t end, F&& f) {
  int rank = padded.rank();
  std::array<int64_t, kMaxRank> index{};
  int64_t rest = begin, from = 0;
  for (int d = rank - 1; d >= 0; --d) {
    index[size_t(d)] = rest % padded[d];
    rest /= padded[d];
    from += offsets[size_t(d)][size_t(index[size_t(d)])];
  }
  for (int64_t n = begin; n < end; ++n) {
    f(n, from);
    for (int d = rank - 1; d >= 0; --d) {
      const Ints& o = offsets[size_t(d)];
      from -= o[size_t(index[size_t(d)])];
      index[size_t(d)] = index[size_t(d)] + 1 == padded[d] ? 0 : index[size_t(d)] + 1;
      from += o[size_t(index[size_t(d)])];
      if (index[size_t(d)] != 0) break;
    }
  }
}

struct MirrorPad {
  bool reflect;
  explicit MirrorPad(const KernelInit& init) : reflect(init.attr<std::string>("mode") == "REFLECT") {}
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    Ints paddings = to_ints(k.in(1));
    for (int d = 0; d < out.rank(); ++d) {
      int64_t before = paddings[size_t(2 * d)], after = paddings[size_t(2 * d + 1)], size = k.in(0).dim(d);
      if (reflect) {
        TW_CHECK(before < size && after < size, "paddings must be less than the dimension size: ", before, ", ", after,
                 " not less than ", size);
      } else {
        TW_CHECK(before <= size && after <= size, "paddings must be no greater than the dimension size: ", before, ", ",
                 after, " greater than ", size);
      }
    }
    if (out.size() == 0) return;
    auto offsets = mirror_offsets(k.in(0).shape(), out.shape(), paddings, reflect);
    visit_size(out.dtype(), [&]<class U>() {
      const U* x = static_cast<const U*>(k.in(0).data());
      U* y = static_cast<U*>(out.data());
      k.parallel_for(out.size(), 2, [&](int64_t begin, int64_t end) {
        walk_mirror(out.shape(), offsets, begin, end, [&](int64_t to, int64_t from) { y[to] = x[from]; });
      });
    });
  }
};

template <class T>
struct MirrorPadGrad {
  bool reflect;
  explicit MirrorPadGrad(const KernelInit& init) : reflect(init.attr<std::string>("mode") == "REFLECT") {}
  // On one thread: several padded elements are added to one, always in the same order.
  void operator()(KernelContext& k) const {
    const Tensor& dy = k.in(0);
    Tensor& out = k.out(0);
    zero(k, out);
    if (out.size() == 0) {
      TW_CHECK(dy.size() == 0, "MirrorPadGrad: nothing is left of shape ", dy.shape());
      return;
    }
    Ints paddings = to_ints(k.in(1));
    for (int d = 0; d < out.rank(); ++d) {
      int64_t most = std::max(paddings[size_t(2 * d)], paddings[size_t(2 * d + 1)]);
      TW_CHECK(most <= out.dim(d) - reflect, "MirrorPadGrad: a padding of ", most, " is too large for a dimension of ",
               out.dim(d));
    }
    auto offsets = mirror_offsets(out.shape(), dy.shape(), paddings, reflect);
    const T* x = k.in<T>(0);
    T* y = k.out<T>(0);
    walk_mirror(dy.shape(), offsets, 0, dy.size(),
                [&](int64_t from, int64_t to) { y[to] = T(math::add(Compute<T>(y[to]), Compute<T>(x[from]))); });
  }
};

}  // namespace

void register_concat(KernelRegistry& r) {
  r.add<ConcatV2>("ConcatV2", kCpu);
  r.add<Concat>("Concat", kCpu);
  r.add<ConcatOffset>("ConcatOffset", kCpu);
  r.add<Split>("Split", kCpu);
  r.add<SplitV>("SplitV", kCpu);
  r.add<Pack>("Pack", kCpu);
  r.add<Unpack>("Unpack", kCpu);
  r.add<Tile>("Tile", kCpu);
  r.add_all<TileGrad, kNumeric>("TileGrad", kCpu);
  r.add<Pad>("Pad", kCpu);
  r.add<Pad>("PadV2", kCpu);
  r.add<MirrorPad>("MirrorPad", kCpu);
  r.add_all<MirrorPadGrad, kNumeric>("MirrorPadGrad", kCpu);
}

}  // namespace thalweg::kernels
