// Which taps of a strided filter reach which input elements: the gradient of the input is one stride-1 convolution of
// the output's gradient for every phase of the stride.
#pragma once

#include "thalweg/ops/window.h"

namespace thalweg::kernels {

/// The filter taps that reach the input elements of one phase along one axis, in ascending order of the gradient
/// element each of them reads.
struct Phase {
  int64_t count = 0, first_tap = 0, tap_step = 1;  // taps first_tap - i * tap_step
  int64_t first = 0, step = 0;  // gradient elements first + i * step, relative to the input's index / stride
};

Phase find_phase(const ops::Axis& a, int64_t phase);

/// Input elements of one phase.
inline int64_t phase_positions(int64_t size, int64_t phase, int64_t stride) {
  return (size - phase + stride - 1) / stride;
}

}  // namespace thalweg::kernels
