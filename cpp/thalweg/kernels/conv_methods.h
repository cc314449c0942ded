// The ways in which a convolution is computed. conv.cpp chooses among them; all give the same sums in another order.
#pragma once

#include "thalweg/kernels/conv.h"

namespace thalweg::kernels {

// Lanes are output channels: every shape and type.
template <class T>
void passes_forward(KernelContext& k, const ConvShape& s, const T* x, const T* filter, T* y, Finish finish);
template <class T>
void passes_backward_input(KernelContext& k, const ConvShape& s, const T* filter, const T* dy, T* dx, Finish finish);
template <class T>
void passes_backward_filter(KernelContext& k, const ConvShape& s, const T* x, const T* dy, T* dfilter, T* dbias);

// Lanes are neighbouring pixels: float, one group.
void planes_forward(KernelContext& k, const ConvShape& s, const float* x, const float* filter, float* y, Finish finish);
void planes_backward_input(KernelContext& k, const ConvShape& s, const float* filter, const float* dy, float* dx,
                           Finish finish);
void planes_backward_filter(KernelContext& k, const ConvShape& s, const float* x, const float* dy, float* dfilter,
                            float* dbias);

// Lanes are the elements of a filter row: float, one group, channels last, taps of a row without gaps.
void patches_backward_filter(KernelContext& k, const ConvShape& s, const float* x, const float* dy, float* dfilter,
                             float* dbias);

}  // namespace thalweg::kernels
