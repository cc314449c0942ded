// Kernels that move elements to other places of a tensor of the same size.
#include "thalweg/kernels/array.h"
#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

struct Reverse {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    std::array<bool, kMaxRank> flip{};
    Ints axes = to_ints(k.in(1));
    for (size_t i = 0; i < axes.size(); ++i) {
      int64_t a = axes[i], rank = in.rank();
      TW_CHECK(a >= -rank && a < rank, "'axis'[", i, "] = ", a, " is out of valid range [0, ", rank - 1);
      bool& taken = flip[size_t(a < 0 ? a + rank : a)];
      TW_CHECK(!taken, "axis ", a < 0 ? a + rank : a, " specified more than once.");
      taken = true;
    }
    auto strides = strides_of(in.shape());
    StridedCopy copy;
    for (int d = 0; d < in.rank(); ++d) {
      int64_t s = strides[size_t(d)];
      if (flip[size_t(d)]) copy.in_offset += (in.dim(d) - 1) * s;
      copy.axis(in.dim(d), flip[size_t(d)] ? -s : s, s);
    }
    copy.run(k, in, k.out(0));
  }
};

struct ReverseSequence {
  int seq, batch;
  explicit ReverseSequence(const KernelInit& init)
      : seq(int(init.attr<int64_t>("seq_dim"))), batch(int(init.attr<int64_t>("batch_dim"))) {}
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints lengths = to_ints(k.in(1));
    for (size_t i = 0; i < lengths.size(); ++i) {
      TW_CHECK(lengths[i] >= 0, "seq_lens(", i, ") < 0");
      TW_CHECK(lengths[i] <= in.dim(seq), "seq_lens(", i, ") > input.dims(", seq, ")");
    }
    if (in.size() == 0) return;
    auto strides = strides_of(in.shape());
    // Everything inside both dimensions moves as one run.
    int last = std::max(seq, batch);
    int64_t run = strides[size_t(last)];
    visit_size(in.dtype(), [&]<class U>() {
      const U* x = static_cast<const U*>(in.data());
      U* y = static_cast<U*>(k.out(0).data());
      k.parallel_for(in.size() / run, 5 + 0.1 * double(run) * sizeof(U), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          int64_t at = n * run;
          int64_t s = at / strides[size_t(seq)] % in.dim(seq), b = at / strides[size_t(batch)] % in.dim(batch);
          int64_t length = lengths[size_t(b)], from = s < length ? length - 1 - s : s;
          copy_run(x + at + (from - s) * strides[size_t(seq)], run, y + at);
        }
      });
    });
  }
};

struct Roll {
  void operator()(KernelContext& k) const {
    const Tensor& in = k.in(0);
    Ints shifts = to_ints(k.in(1)), axes = to_ints(k.in(2));
    std::array<int64_t, kMaxRank> shift{};
    for (size_t i = 0; i < axes.size(); ++i) {
      int64_t a = axes[i] < 0 ? axes[i] + in.rank() : axes[i];
      TW_CHECK(a >= 0 && a < in.rank(), "axis ", a, " is out of range");
      int64_t n = std::max<int64_t>(in.dim(int(a)), 1);
      shift[size_t(a)] = ((shift[size_t(a)] + shifts[i] % n) % n + n) % n;
    }
    if (in.size() == 0) return;
    auto strides = strides_of(in.shape());
    // Each rolled dimension falls into two parts; every combination of parts is a block copied whole.
    auto block = [&](auto& self, int d, StridedCopy copy) -> void {
      if (d == in.rank()) return copy.run(k, in, k.out(0));
      int64_t n = in.dim(d), by = shift[size_t(d)], stride = strides[size_t(d)];
      for (int part = 0; part < (by ? 2 : 1); ++part) {
        StridedCopy c = copy;
        c.in_offset += part ? (n - by) * stride : 0;
        c.out_offset += part ? 0 : by * stride;
        c.axis(part ? by : n - by, stride, stride);
        self(self, d + 1, c);
      }
    };
    block(block, 0, StridedCopy());
  }
};

/// The six dimensions of a picture cut into blocks, in the order batch, row, row in block, column, column in block,
/// channel, with their strides in the picture and in the one whose channels hold the blocks.
struct Blocks {
  StridedCopy to_depth, to_space;
  Blocks(const Shape& space, int64_t block, bool last) {
    int64_t batch = space[0], rows = space[last ? 1 : 2] / block, cols = space[last ? 2 : 3] / block;
    int64_t channels = space[last ? 3 : 1], deep = channels * block * block;
    int64_t h = rows * block, w = cols * block;
    // Strides of batch, row, column, channel in either picture.
    std::array<int64_t, 4> s = last ? std::array<int64_t, 4>{h * w * channels, w * channels, channels, 1}
                                    : std::array<int64_t, 4>{h * w * channels, w, 1, h * w};
    std::array<int64_t, 4> d = last ? std::array<int64_t, 4>{rows * cols * deep, cols * deep, deep, 1}
                                    : std::array<int64_t, 4>{rows * cols * deep, cols, 1, rows * cols};
    auto axis = [&](int64_t size, int64_t in_space, int64_t in_depth) {
      to_depth.axis(size, in_space, in_depth);
      to_space.axis(size, in_depth, in_space);
    };
    axis(batch, s[0], d[0]);
    axis(rows, s[1] * block, d[1]);
    axis(block, s[1], d[3] * channels * block);
    axis(cols, s[2] * block, d[2]);
    axis(block, s[2], d[3] * channels);
    axis(channels, s[3], d[3]);
  }
};

struct SpaceToDepth {
  int64_t block;
  bool last;
  explicit SpaceToDepth(const KernelInit& init)
      : block(init.attr<int64_t>("block_size")), last(init.attr<std::string>("data_format") == "NHWC") {}
  void operator()(KernelContext& k) const { Blocks(k.in(0).shape(), block, last).to_depth.run(k, k.in(0), k.out(0)); }
};

struct DepthToSpace : SpaceToDepth {
  using SpaceToDepth::SpaceToDepth;
  void operator()(KernelContext& k) const { Blocks(k.out(0).shape(), block, last).to_space.run(k, k.in(0), k.out(0)); }
};

}  // namespace

void register_rearrange(KernelRegistry& r) {
  r.add<Reverse>("ReverseV2", kCpu);
  r.add<ReverseSequence>("ReverseSequence", kCpu);
  r.add<Roll>("Roll", kCpu);
  r.add<SpaceToDepth>("SpaceToDepth", kCpu);
  r.add<DepthToSpace>("DepthToSpace", kCpu);
}

}  // namespace thalweg::kernels
