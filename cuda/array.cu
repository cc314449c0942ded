// Shapes, joins, slices and gathers.
#include "cuda/array.cuh"

#include "cuda/families.h"
#include "cuda/types.h"
#include "thalweg/ops/strided_slice.h"

namespace thalweg::cuda {
namespace {

/// The elements of a host integer tensor.
Ints to_ints(const Tensor& t) {
  Ints out;
  visit<kSigned>(t.dtype(), [&]<class I>() { out.assign(t.flat<I>().begin(), t.flat<I>().end()); });
  return out;
}

template <class U>
void run_move(KernelContext& k, const Tensor& in, int64_t in_offset, Tensor& out, int64_t out_offset,
              const Walk<2>& walk) {
  if (walk.size == 0) return;
  launch(k, move<U>, grid_for(walk.size), static_cast<const U*>(in.data()) + in_offset,
         static_cast<U*>(out.data()) + out_offset, walk);
}

template <class U>
void zero(KernelContext& k, Tensor& t) {
  if (t.size() > 0) launch(k, fill_bits<U>, grid_for(t.size()), static_cast<U*>(t.data()), U(0), t.size());
}

template <class U>
struct Transpose {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints perm = to_ints(k.in(1));
    Strides from(in.shape()), to(k.out(0).shape());
    Walk<2> walk;
    for (int i = 0; i < in.rank(); ++i) {
      int64_t p = perm[size_t(i)] < 0 ? perm[size_t(i)] + in.rank() : perm[size_t(i)];
      walk.axis(in.dim(int(p)), {from.of[p], to.of[i]});
    }
    run_move<U>(k, in, 0, k.out(0), 0, walk);
  }
};

template <class U>
struct BroadcastTo {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    run_move<U>(k, k.in(0), 0, out, 0, broadcast_walk<2>(out.shape(), {&k.in(0).shape(), &out.shape()}));
  }
};

template <class U>
struct Slice {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    const Shape& out = k.out(0).shape();
    Ints begin = to_ints(k.in(1));
    Strides from(in.shape()), to(out);
    int64_t offset = 0;
    Walk<2> walk;
    for (int i = 0; i < in.rank(); ++i) {
      offset += begin[size_t(i)] * from.of[i];
      walk.axis(out[i], {from.of[i], to.of[i]});
    }
    run_move<U>(k, in, offset, k.out(0), 0, walk);
  }
};

/// Both directions: StridedSlice reads the part from the whole, its gradient writes the part into zeros.
template <class U, bool gradient>
struct StridedSlice {
  ops::SliceMasks masks;
  explicit StridedSlice(const KernelInit& init) : masks(init.attrs) {}

  void operator()(KernelContext& k) const {
    const Shape& whole = gradient ? k.out(0).shape() : k.in(0).shape();
    Ints begin = to_ints(k.in(1)), end = to_ints(k.in(2)), strides = to_ints(k.in(3));
    auto spec = ops::resolve_slice(whole, masks, begin.size(), &begin, &end, &strides);
    Strides of(whole);
    int64_t offset = 0, dense = 1, part[kMaxRank];
    for (int i = whole.rank() - 1; i >= 0; --i) {
      part[i] = dense;
      dense *= spec.dims[size_t(i)].size;
    }
    Walk<2> walk;
    for (int i = 0; i < whole.rank(); ++i) {
      const auto& d = spec.dims[size_t(i)];
      offset += d.begin * of.of[i];
      int64_t step = d.stride * of.of[i];
      if (gradient)
        walk.axis(d.size, {part[i], step});
      else
        walk.axis(d.size, {step, part[i]});
    }
    if (gradient) {
      zero<U>(k, k.out(0));
      run_move<U>(k, k.in(4), 0, k.out(0), offset, walk);
    } else {
      run_move<U>(k, k.in(0), offset, k.out(0), 0, walk);
    }
  }
};

template <class U, bool with_value>
struct Pad {
  void operator()(KernelContext& k) const {
    const Shape& in = k.in(0).shape();
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    if (with_value) {
      launch(k, fill_with<U>, grid_for(out.size()), static_cast<U*>(out.data()), static_cast<const U*>(k.in(2).data()),
             out.size());
    } else {
      zero<U>(k, out);
    }
    Ints paddings = to_ints(k.in(1));
    Strides from(in), to(out.shape());
    int64_t offset = 0;
    Walk<2> walk;
    for (int i = 0; i < in.rank(); ++i) {
      offset += paddings[size_t(2 * i)] * to.of[i];
      walk.axis(in[i], {from.of[i], to.of[i]});
    }
    run_move<U>(k, k.in(0), 0, out, offset, walk);
  }
};

/// Writes input i, seen as [outer, width], into columns [offset, offset + width) of the output, seen as [outer, total].
template <class U>
void put_columns(KernelContext& k, int i, int64_t outer, int64_t width, int64_t offset, int64_t total) {
  Walk<2> walk;
  walk.axis(outer, {width, total});
  walk.axis(width, {1, 1});
  run_move<U>(k, k.in(i), 0, k.out(0), offset, walk);
}

/// The axis is the last input, whose place depends on their number; shapes tell it as well.
template <class U>
struct Concat {
  void operator()(KernelContext& k) const {
    const Shape& out = k.out(0).shape();
    if (out.size() == 0) return;
    int n = k.inputs() - 1, axis = 0;
    while (!joined_along(k, n, axis)) ++axis;
    int64_t outer = out.size(0, axis), total = out.size(axis, out.rank()), offset = 0;
    for (int i = 0; i < n; ++i) {
      int64_t width = k.in(i).shape().size(axis, out.rank());
      put_columns<U>(k, i, outer, width, offset, total);
      offset += width;
    }
  }

 private:
  /// Along every other axis all inputs are as long as the output.
  static bool joined_along(KernelContext& k, int n, int axis) {
    int64_t sum = 0;
    for (int i = 0; i < n; ++i) sum += k.in(i).dim(axis);
    return sum == k.out(0).dim(axis);
  }
};

template <class U>
struct Pack {
  int64_t axis;
  explicit Pack(const KernelInit& init) : axis(init.attr<int64_t>("axis")) {}

  void operator()(KernelContext& k) const {
    const Shape& out = k.out(0).shape();
    if (out.size() == 0) return;
    int at = int(axis < 0 ? axis + out.rank() : axis);
    int64_t outer = out.size(0, at), inner = out.size(at + 1, out.rank());
    for (int i = 0; i < k.inputs(); ++i) put_columns<U>(k, i, outer, inner, i * inner, k.inputs() * inner);
  }
};

template <class U>
struct Fill {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    launch(k, fill_with<U>, grid_for(out.size()), static_cast<U*>(out.data()), static_cast<const U*>(k.in(1).data()),
           out.size());
  }
};

template <class T>
struct ZerosLike {
  void operator()(KernelContext& k) const { zero<UnsignedOf<T>>(k, k.out(0)); }
};

template <class T>
struct OnesLike {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    if (out.size() > 0) launch(k, fill_bits<T>, grid_for(out.size()), out.ptr<T>(), T(1), out.size());
  }
};

template <class U>
struct OneHot {
  int64_t axis;
  DType indices;
  explicit OneHot(const KernelInit& init) : axis(init.attr<int64_t>("axis")), indices(init.attr<DType>("TI")) {}

  void operator()(KernelContext& k) const {
    const Shape &in = k.in(0).shape(), &out = k.out(0).shape();
    if (out.size() == 0) return;
    int at = axis < 0 ? in.rank() : int(axis);
    int64_t inner = in.size(at, in.rank());
    constexpr DTypeSet kFrom = kIndex | DTypeSet{DType::uint8, DType::int8};
    visit<kFrom>(indices, [&]<class I>() {
      launch(k, one_hot<U, I>, grid_for(out.size()), k.in<I>(0), static_cast<const U*>(k.in(2).data()),
             static_cast<const U*>(k.in(3).data()), static_cast<U*>(k.out(0).data()), out.size(), out[at], inner);
    });
  }
};

/// Gather, and GatherV2 whose axis lies on the host.
template <class U>
struct Gather {
  int64_t batch_dims;
  DType index;
  explicit Gather(const KernelInit& init)
      : batch_dims(init.attrs.get_or<int64_t>("batch_dims", 0)), index(init.attr<DType>("Tindices")) {}

  void operator()(KernelContext& k) const {
    const Shape &params = k.in(0).shape(), &at = k.in(1).shape();
    if (k.out(0).size() == 0) return;
    int64_t axis = k.inputs() > 2 ? to_ints(k.in(2))[0] : 0;
    int a = int(axis < 0 ? axis + params.rank() : axis);
    int b = int(batch_dims < 0 ? batch_dims + at.rank() : batch_dims);
    GatherShape s{params.size(0, b), params.size(b, a), params[a], params.size(a + 1, params.rank()),
                  at.size(b, at.rank())};
    constexpr DTypeSet kFrom = kIndex | DTypeSet{DType::int16};
    visit<kFrom>(index, [&]<class I>() {
      launch(k, gather<U, I>, grid_for(s.size()), static_cast<const U*>(k.in(0).data()), k.in<I>(1),
             static_cast<U*>(k.out(0).data()), s);
    });
  }
};

template <class T>
struct AddN {
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    if (out.size() == 0) return;
    std::vector<const T*> in;
    for (int i = 0; i < k.inputs(); ++i) in.push_back(k.in<T>(i));
    // An input whose memory the output has taken over must be read in the first round.
    if (auto taken = std::find(in.begin(), in.end(), out.ptr<T>()); taken != in.end()) std::swap(*taken, in.front());
    for (size_t next = 0; next < in.size();) {
      Several<T> some;
      if (next > 0) some.p[some.count++] = out.ptr<T>();
      while (some.count < kMany && next < in.size()) some.p[some.count++] = in[next++];
      launch(k, add_several<T>, grid_for(out.size()), some, out.ptr<T>(), out.size());
    }
  }
};

/// Shape, ShapeN, Size and Rank: numbers that the host knows.
template <class I, bool whole_shape>
struct ShapeOf {
  void operator()(KernelContext& k) const {
    for (int i = 0; i < k.inputs(); ++i) {
      const Shape& s = k.in(i).shape();
      std::vector<I> values;
      if (whole_shape)
        values.assign(s.dims().begin(), s.dims().end());
      else
        values.push_back(I(s.size()));
      k.device().copy_from_host(k.out(i).data(), values.data(), values.size() * sizeof(I));
    }
  }
};
struct Rank {
  void operator()(KernelContext& k) const {
    int32_t rank = k.in(0).rank();
    k.device().copy_from_host(k.out(0).data(), &rank, sizeof rank);
  }
};

template <class T>
void add_moves(KernelRegistry& r) {
  using U = UnsignedOf<T>;
  auto add = [&]<class K>(std::string_view op, std::vector<int> host = {}, std::string_view type_attr = "T") {
    register_kernel<K, T>(r, op, type_attr).host_inputs = std::move(host);
  };
  add.template operator()<Transpose<U>>("Transpose", {1});
  add.template operator()<BroadcastTo<U>>("BroadcastTo", {1});
  add.template operator()<Slice<U>>("Slice", {1, 2});
  add.template operator()<StridedSlice<U, false>>("StridedSlice", {1, 2, 3});
  add.template operator()<StridedSlice<U, true>>("StridedSliceGrad", {0, 1, 2, 3});
  add.template operator()<Pad<U, false>>("Pad", {1});
  add.template operator()<Pad<U, true>>("PadV2", {1});
  add.template operator()<Concat<U>>("ConcatV2");
  add.template operator()<Pack<U>>("Pack");
  add.template operator()<Fill<U>>("Fill", {0});
  add.template operator()<ZerosLike<T>>("ZerosLike");
  add.template operator()<OnesLike<T>>("OnesLike");
  add.template operator()<OneHot<U>>("OneHot", {1});
  add.template operator()<Gather<U>>("Gather", {}, "Tparams");
  add.template operator()<Gather<U>>("GatherV2", {2}, "Tparams");
}

}  // namespace

void register_array(KernelRegistry& r) {
  constexpr DTypeSet kMoved = kReal | kBool;
  for_each_dtype<kMoved>([&]<class T>() { add_moves<T>(r); });
  for_each_dtype<kTypes>([&]<class T>() { register_kernel<AddN<T>, T>(r, "AddN"); });
  for_each_dtype<kIndex>([&]<class I>() {
    register_kernel<ShapeOf<I, true>, I>(r, "Shape", "out_type");
    register_kernel<ShapeOf<I, true>, I>(r, "ShapeN", "out_type");
    register_kernel<ShapeOf<I, false>, I>(r, "Size", "out_type");
  });
  r.add<Rank>("Rank", kGpu);
}

}  // namespace thalweg::cuda
