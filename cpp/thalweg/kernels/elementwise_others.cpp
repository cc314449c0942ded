// CPU kernels of the elementwise ops that are not one formula of one or two numbers: AddN, ClipByValue, Add of strings.
#include "thalweg/kernels/elementwise.h"
#include "thalweg/kernels/list.h"
#include "thalweg/ops/binary.h"

namespace thalweg::kernels {
namespace {

struct NoOp {};  // picks packets or lanes by dtype alone

/// Sums N tensors in one pass, packet by packet: the output may share any input's memory.
template <class T>
struct AddN {
  using N = Number<NoOp, T>;

  static void packets(const T* const* in, int count, int64_t begin, int64_t end, T* out) {
    int64_t i = begin;
    for (; i + N::size <= end; i += N::size) {
      N sum = load<N>(in[0] + i);
      for (int j = 1; j < count; ++j) sum = sum + load<N>(in[j] + i);
      store(out + i, sum);
    }
    if (i == end) return;
    int rest = int(end - i);
    N sum = load<N>(in[0] + i, rest);
    for (int j = 1; j < count; ++j) sum = sum + load<N>(in[j] + i, rest);
    store(out + i, sum, rest);
  }

  void operator()(KernelContext& k) const {
    int count = k.inputs();
    int64_t n = k.out(0).size();
    std::vector<const T*> in(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      TW_CHECK(k.in(i).shape() == k.in(0).shape(),
               "Inputs to operation AddN must have the same size and shape. Input 0: ", k.in(0).shape(), " != input ",
               i, ": ", k.in(i).shape());
      in[size_t(i)] = k.in<T>(i);
    }
    T* out = k.out<T>(0);
    k.parallel_for(n, 0.2 * (count + 1),
                   [&](int64_t begin, int64_t end) { packets(in.data(), count, begin, end, out); });
  }
};

template <class>
struct AddLists {
  static constexpr bool kGivesOutputs = true;
  void operator()(KernelContext& k) const {
    auto list = [&](int i) -> const TensorList& {
      const Tensor& t = k.in(i);
      TW_CHECK(t.size() == 1 && t.ptr<Variant>()[0].list(), "AddN: input ", i, " is not a list");
      return *t.ptr<Variant>()[0].list();
    };
    TensorList sum = list(0);
    for (int i = 1; i < k.inputs(); ++i) sum = sum_of_lists(sum, list(i));
    k.set_out(0, Tensor::scalar(Variant(std::move(sum))));
  }
};

template <class T>
void clip_row(const void*, const void* const* in, void* out, int64_t n, unsigned repeated) {
  using N = Vec<Compute<T>>;
  const T* x[3];
  for (size_t i = 0; i < 3; ++i) x[i] = static_cast<const T*>(in[i]);
  T* y = static_cast<T*>(out);
  N v[3] = {splat<N>(*x[0]), splat<N>(*x[1]), splat<N>(*x[2])};
  auto packet = [&](int64_t at, auto... count) {
    for (size_t i = 0; i < 3; ++i) {
      if (!(repeated >> i & 1)) v[i] = load<N>(x[i] + at, count...);
    }
    store(y + at, min(max(v[0], v[1]), v[2]), count...);
  };
  int64_t at = 0;
  for (; at + N::size <= n; at += N::size) packet(at);
  if (at < n) packet(at, int(n - at));
}

template <class T>
struct ClipByValue {
  void operator()(KernelContext& k) const {
    Operand in[3];
    for (int i = 0; i < 3; ++i) {
      const Tensor& t = k.in(i);
      TW_CHECK(t.size() == 1 || t.shape() == k.in(0).shape(),
               "ClipByValue: limits are scalars or have the shape of t: ", k.in(0), ", ", k.in(1), ", ", k.in(2));
      in[i] = {t.data(), t.size() == 1 ? Shape() : t.shape(), sizeof(T)};
    }
    run_rows(k, clip_row<T>, nullptr, in, k.out(0), 0.5);
  }
};

void join_row(const void*, const void* const* in, void* out, int64_t n, unsigned repeated) {
  auto *a = static_cast<const std::string*>(in[0]), *b = static_cast<const std::string*>(in[1]);
  for (int64_t i = 0; i < n; ++i) {
    std::string joined = a[repeated & 1 ? 0 : i];
    joined += b[repeated & 2 ? 0 : i];
    static_cast<std::string*>(out)[i] = std::move(joined);
  }
}

}  // namespace

void register_elementwise_others(KernelRegistry& r) {
  r.add_all<AddN, kNumeric>("AddN", kCpu);
  r.add<AddLists, Variant>("AddN", kCpu);
  r.add_all<ClipByValue, kReal>("ClipByValue", kCpu);
  add_rows(r, row_kernel<ops::Add, std::string>(join_row, 50));
}

}  // namespace thalweg::kernels
