// An op of one's own, with its documentation, shape rule, gradient and kernel: everything but the first element becomes
// 0.
#include <thalweg/thalweg.h>

using namespace thalweg;  // NOLINT(google-build-using-namespace)

namespace {

/// `ZeroOut` keeps element 0; the gradient sends dy there and nowhere else.
void register_op(OpRegistry& ops) {
  ops.add("ZeroOut(to_zero: T) -> zeroed: T", kFloating | kIndex)
      .doc("Keeps the first element of `to_zero` and sets all others to zero.")
      .infer(infer_unchanged)
      .grad([](Grad& g) { return Outs{node("ZeroOut", {g.dy})}; });
}

template <class T>
struct ZeroOut {
  void operator()(KernelContext& k) const {
    T* out = k.out<T>(0);
    std::fill_n(out, k.out(0).size(), T(0));
    if (k.in(0).size() > 0) out[0] = k.in<T>(0)[0];
  }
};

}  // namespace

extern "C" THALWEG_EXPORT int thalweg_plugin(PluginApi* api) noexcept {
  if (api->abi != kPluginAbi) return api->refuse("zero_out was built for another version of Thalweg");
  return api->guard([&] {
    register_op(*api->ops);
    api->kernels->add<ZeroOut, float, double, half, bfloat16, int32_t, int64_t>("ZeroOut", kCpu);
  });
}
