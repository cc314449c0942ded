// CPU kernels of the dense convolutions.
#include "thalweg/kernels/conv.h"
#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

template <class T>
struct Conv2D : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.in(0).shape(), k.in(1).shape(), k.out(0).shape());
    conv_forward(k, s, k.in<T>(0), k.in<T>(1), k.out<T>(0));
  }
};

template <class T>
struct Conv2DBackpropInput : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.out(0).shape(), k.in(1).shape(), k.in(2).shape());
    conv_backward_input(k, s, k.in<T>(1), k.in<T>(2), k.out<T>(0));
  }
};

template <class T>
struct Conv2DBackpropFilter : ConvAttrs {
  using ConvAttrs::ConvAttrs;
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    ConvShape s(window, k.in(0).shape(), k.out(0).shape(), k.in(2).shape());
    conv_backward_filter(k, s, k.in<T>(0), k.in<T>(2), k.out<T>(0));
  }
};

}  // namespace

void register_conv(KernelRegistry& r) {
  r.add_all<Conv2D, kFloating | DTypeSet{DType::int32}>("Conv2D", kCpu);
  r.add_all<Conv2DBackpropInput, kFloating | DTypeSet{DType::int32}>("Conv2DBackpropInput", kCpu);
  r.add_all<Conv2DBackpropFilter, kFloating>("Conv2DBackpropFilter", kCpu);
  register_depthwise(r);
}

}  // namespace thalweg::kernels
