// Vectors over the channels of a pixel, whose number is seldom a multiple of a vector's.
#pragma once

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {

/// Elements of T as vectors of the type that they are compared and added in.
template <class T>
struct WholeVector {
  using A = Compute<T>;
  using V = typename Packet<A>::V;
  static V load(const T* p) {
    if constexpr (std::is_same_v<T, A>) return Packet<A>::load(p).v;
    A lanes[Packet<A>::size];
    convert(p, lanes, Packet<A>::size);
    return Packet<A>::load(lanes).v;
  }
  static void store(V v, T* p) {
    if constexpr (std::is_same_v<T, A>) return Packet<A>{v}.store(p);
    A lanes[Packet<A>::size];
    Packet<A>{v}.store(lanes);
    convert(lanes, p, Packet<A>::size);
  }
};
template <class T>
struct PartVector {
  using A = Compute<T>;
  using V = typename Packet<A>::V;
  int n;
  V load(const T* p) const {
    if constexpr (std::is_same_v<T, A>) return Packet<A>::load(p, n).v;
    A lanes[Packet<A>::size] = {};
    convert(p, lanes, n);
    return Packet<A>::load(lanes).v;
  }
  void store(V v, T* p) const {
    if constexpr (std::is_same_v<T, A>) return Packet<A>{v}.store(p, n);
    A lanes[Packet<A>::size];
    Packet<A>{v}.store(lanes);
    convert(lanes, p, n);
  }
};
/// Calls f(element, vector) for vectors over n contiguous elements.
template <class T, class F>
void for_each_vector(int64_t n, F&& f) {
  constexpr int kLanes = Packet<Compute<T>>::size;
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) f(j, WholeVector<T>{});
  if (j < n) f(j, PartVector<T>{int(n - j)});
}

}  // namespace thalweg::kernels
