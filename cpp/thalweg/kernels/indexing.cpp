// Kernels that read parts of tensors. Every index comes from a tensor and is checked before memory is touched.
#include "thalweg/kernels/array.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/strides.h"
#include "thalweg/ops/strided_slice.h"

namespace thalweg::kernels {
namespace {

struct Slice {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints begin = to_ints(k.in(1));
    auto from = strides_of(in.shape()), to = strides_of(k.out(0).shape());
    StridedCopy copy;
    for (int i = 0; i < in.rank(); ++i) {
      copy.in_offset += begin[size_t(i)] * from[size_t(i)];
      copy.axis(k.out(0).dim(i), from[size_t(i)], to[size_t(i)]);
    }
    copy.run(k, in, k.out(0));
  }
};

/// The copy between a tensor of shape `whole` and its part, which is dense. `read` is from the whole to the part.
StridedCopy slice_copy(const Shape& whole, const ops::SliceSpec& spec, bool read) {
  auto strides = strides_of(whole);
  std::array<int64_t, kMaxRank> dense{};
  int64_t n = 1, offset = 0;
  for (int i = whole.rank() - 1; i >= 0; --i) {
    dense[size_t(i)] = n;
    n *= spec.dims[size_t(i)].size;
  }
  StridedCopy copy;
  for (int i = 0; i < whole.rank(); ++i) {
    const auto& d = spec.dims[size_t(i)];
    int64_t stride = d.size > 1 ? d.stride * strides[size_t(i)] : 0;
    offset += d.begin * strides[size_t(i)];
    if (read) {
      copy.axis(d.size, stride, dense[size_t(i)]);
    } else {
      copy.axis(d.size, dense[size_t(i)], stride);
    }
  }
  (read ? copy.in_offset : copy.out_offset) = offset;
  return copy;
}

/// Indices as inference reads them in a run: the number that stands for an unknown one is one like its neighbour.
Ints slice_indices(const Tensor& t) {
  Ints out = to_ints(t);
  std::ranges::replace(out, kUnknownValue, kUnknownValue + 1);
  return out;
}

struct StridedSlice {
  ops::SliceMasks masks;
  explicit StridedSlice(const KernelInit& init) : masks(init.attrs) {}
  void operator()(KernelContext& k) const {
    Ints begin = slice_indices(k.in(1)), end = slice_indices(k.in(2)), strides = slice_indices(k.in(3));
    auto spec = ops::resolve_slice(k.in(0).shape(), masks, begin.size(), &begin, &end, &strides);
    slice_copy(k.in(0).shape(), spec, true).run(k, k.in(0), k.out(0));
  }
};

struct StridedSliceGrad {
  ops::SliceMasks masks;
  explicit StridedSliceGrad(const KernelInit& init) : masks(init.attrs) {}
  void operator()(KernelContext& k) const {
    Ints begin = slice_indices(k.in(1)), end = slice_indices(k.in(2)), strides = slice_indices(k.in(3));
    Tensor& out = k.out(0);
    auto spec = ops::resolve_slice(out.shape(), masks, begin.size(), &begin, &end, &strides);
    TW_CHECK(spec.out == k.in(4).shape(), "shape of dy was ", k.in(4).shape(), " instead of ", spec.out);
    if (k.in(4).size() < out.size()) zero(k, out);
    slice_copy(out.shape(), spec, false).run(k, k.in(4), out);
  }
};

struct Gather {  // and GatherV2
  int64_t batch_dims;
  explicit Gather(const KernelInit& init) : batch_dims(init.attrs.get_or<int64_t>("batch_dims", 0)) {}

  void operator()(KernelContext& k) const {
    const Tensor &params = k.in(0), &indices = k.in(1);
    int64_t axis = k.inputs() > 2 ? to_ints(k.in(2))[0] : 0;
    int at = int(axis < 0 ? axis + params.rank() : axis);
    int b = int(batch_dims < 0 ? batch_dims + indices.rank() : batch_dims);
    int64_t batches = params.shape().size(0, b), outer = params.shape().size(b, at), limit = params.dim(at);
    int64_t run = params.shape().size(at + 1, params.rank()), count = indices.shape().size(b, indices.rank());
    if (k.out(0).size() == 0 && run == 0) return;  // rows of no elements: any index will do
    visit<kIndex | DTypeSet{DType::int16}>(indices.dtype(), [&]<class I>() {
      const I* index = k.in<I>(1);
      for (int64_t i = 0; i < indices.size(); ++i) {
        TW_CHECK(index[i] >= 0 && index[i] < limit, "indices", position(indices.shape(), i), " = ", index[i],
                 " is not in [0, ", limit, ")");
      }
      if (k.out(0).size() == 0) return;
      visit_size(params.dtype(), [&]<class U>() {
        const U* x = static_cast<const U*>(params.data());
        U* y = static_cast<U*>(k.out(0).data());
        k.parallel_for(batches * outer * count, 4 + 0.1 * double(run) * sizeof(U), [&](int64_t begin, int64_t end) {
          int64_t i = begin % count, row = begin / count;
          for (int64_t n = begin; n < end; ++n) {
            int64_t from = row * limit + index[row / outer * count + i];
            if (run == 1) {
              y[n] = x[from];
            } else {
              copy_run(x + from * run, run, y + n * run);
            }
            if (++i == count) {
              i = 0;
              ++row;
            }
          }
        });
      });
    });
  }
};

struct GatherNd {
  void operator()(KernelContext& k) const {
    const Tensor &params = k.in(0), &indices = k.in(1);
    int depth = int(indices.dim(-1));
    int64_t count = indices.shape().size(0, indices.rank() - 1);
    int64_t run = params.shape().size(depth, params.rank());
    auto strides = strides_of(params.shape());
    if (k.out(0).size() == 0 && count == 0) return;
    visit<kIndex | DTypeSet{DType::int16}>(indices.dtype(), [&]<class I>() {
      const I* index = k.in<I>(1);
      Ints from(size_t(count), 0);
      for (int64_t i = 0; i < count; ++i) {
        for (int d = 0; d < depth; ++d) {
          int64_t x = index[i * depth + d];
          if (x < 0 || x >= params.dim(d)) {
            std::string row;
            for (int e = 0; e < depth; ++e) row += str(e ? ", " : "", index[i * depth + e]);
            Shape where = indices.shape();
            Shape lead(where.dims().first(size_t(where.rank() - 1)));
            TW_FAIL(InvalidArgument, "indices", position(lead, i), " = [", row, "] does not index into param shape ",
                    params.shape());
          }
          from[size_t(i)] += x * strides[size_t(d)];
        }
      }
      visit_size(params.dtype(), [&]<class U>() {
        const U* x = static_cast<const U*>(params.data());
        U* y = static_cast<U*>(k.out(0).data());
        k.parallel_for(count, 4 + 0.1 * double(run) * sizeof(U), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) copy_run(x + from[size_t(i)], run, y + i * run);
        });
      });
    });
  }
};

struct OneHot {
  int64_t axis;
  explicit OneHot(const KernelInit& init) : axis(init.attr<int64_t>("axis")) {}
  void operator()(KernelContext& k) const {
    const Tensor& indices = k.in(0);
    Tensor& out = k.out(0);
    int at = axis < 0 ? indices.rank() : int(axis);
    int64_t depth = out.dim(at), inner = indices.shape().size(at, indices.rank());
    if (out.size() == 0) return;
    visit_size(out.dtype(), [&]<class U>() {
      const U &on = *static_cast<const U*>(k.in(2).data()), &off = *static_cast<const U*>(k.in(3).data());
      U* y = static_cast<U*>(out.data());
      k.parallel_for(out.size(), 0.1 * sizeof(U),
                     [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, off); });
      visit<kIndex | DTypeSet{DType::int8, DType::uint8}>(indices.dtype(), [&]<class I>() {
        const I* index = k.in<I>(0);
        for (int64_t i = 0; i < indices.size(); ++i) {
          int64_t x = index[i];  // outside of [0, depth): the row stays off
          if (x >= 0 && x < depth) y[(i / inner * depth + x) * inner + i % inner] = on;
        }
      });
    });
  }
};

template <class T>
struct Where {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    const T* x = static_cast<const T*>(in.data());
    int rank = in.rank();
    TW_CHECK(rank >= 1, "WhereOp : Unhandled input dimensions: ", rank);
    int64_t count = 0;
    for (int64_t i = 0; i < in.size(); ++i) count += x[i] != T(0);
    int64_t* y = k.out(0, Shape{count, rank}).template ptr<int64_t>();
    std::array<int64_t, kMaxRank> index{};
    for (int64_t i = 0; i < in.size(); ++i) {
      if (x[i] != T(0)) y = std::copy_n(index.begin(), rank, y);
      for (int d = rank - 1; d >= 0; --d) {
        if (++index[size_t(d)] < in.dim(d)) break;
        index[size_t(d)] = 0;
      }
    }
  }
};

}  // namespace

void register_indexing(KernelRegistry& r) {
  r.add<Slice>("Slice", kCpu);
  r.add<StridedSlice>("StridedSlice", kCpu);
  r.add<StridedSliceGrad>("StridedSliceGrad", kCpu);
  r.add<Gather>("Gather", kCpu);
  r.add<Gather>("GatherV2", kCpu);
  r.add<GatherNd>("GatherNd", kCpu);
  r.add<OneHot>("OneHot", kCpu);
  r.add_all<Where, kNumeric | kBool>("Where", kCpu);
  // Quantized numbers are true where their integers are not zero.
  auto quantized = [&]<class T>(DType t) {
    r.add(KernelEntry{"Where",
                      std::string(kCpu),
                      "T",
                      t,
                      [](const KernelInit& init) -> std::unique_ptr<Kernel> {
                        return std::make_unique<detail::KernelAdapter<Where<T>>>(init);
                      },
                      {},
                      {}});
  };
  quantized.operator()<int8_t>(DType::qint8);
  quantized.operator()<uint8_t>(DType::quint8);
  quantized.operator()<int16_t>(DType::qint16);
  quantized.operator()<uint16_t>(DType::quint16);
  quantized.operator()<int32_t>(DType::qint32);
  register_scatter(r);
  register_segment(r);
}

}  // namespace thalweg::kernels
