// Copies of operands in the order in which the micro-kernel reads them.
#pragma once

#include <algorithm>

#include "thalweg/kernels/conv_blocks.h"
#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_tile.h"

namespace thalweg::kernels {
namespace detail {

/// square[p] = element p of each of as many lines as a vector has lanes. Blocks of four are put in their place as they
/// are loaded, which leaves half of the shuffles. All of a line is read before the next: lines may share a cache set.
inline void load_transposed(const float* from, int64_t line_step, Floats* square) {
  Floats r[kBlocks][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 4
    for (int q = 0; q < kBlocks; ++q) {
      const float* p[kBlocks];
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) p[b] = from + (4 * b + j) * line_step + 4 * q;
      r[q][j] = load_blocks(p);
      keep(r[q][j]);
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < kBlocks; ++q) {
    transpose_blocks(r[q]);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) square[4 * q + j] = r[q][j];
  }
}

/// out[p * width + i] = from[i * line_step + p] for i < lines, p < depth, zero for i from `lines` to the last lane of a
/// packet or `width`: squares of packets are transposed in registers.
template <class T>
void pack_lines(const T* from, int64_t line_step, int64_t lines, int64_t depth, int64_t width, SumType<T>* out) {
  using S = SumType<T>;
  using P = Packet<S>;
  constexpr int64_t kAhead = 64;  // elements: four cache lines
  for (int64_t i0 = 0; i0 < width; i0 += P::size) {
    const int count = int(std::clamp<int64_t>(lines - i0, 0, P::size)),
              lanes = int(std::min<int64_t>(P::size, width - i0));
    for (int64_t p0 = 0; p0 < depth; p0 += P::size) {
      const int steps = int(std::min<int64_t>(P::size, depth - p0));
      P square[P::size];
      if constexpr (std::is_same_v<T, float> && kVectorBytes == 64) {  // with 8 lanes no faster
        // Of a line that is shorter than a vector the rest is read too, the next line's elements, and not stored.
        const int64_t end = (i0 + P::size - 1) * line_step + p0 + P::size;
        if (count == P::size && (steps == P::size || end <= (lines - 1) * line_step + depth)) {
          for (int i = 0; i < count; ++i) __builtin_prefetch(from + (i0 + i) * line_step + p0 + kAhead);
          load_transposed(from + i0 * line_step + p0, line_step, square);
          for (int p = 0; p < steps; ++p) square[p].store(out + (p0 + p) * width + i0);
          continue;
        }
      }
      for (int i = 0; i < P::size; ++i) {
        const T* line = from + (i0 + i) * line_step + p0;
        if constexpr (is_sum_type<T>) {
          const S* same = reinterpret_cast<const S*>(line);
          if (i < count) __builtin_prefetch(line + kAhead);
          square[i] = i >= count ? P::zero() : steps == P::size ? P::load(same) : P::load(same, steps);
        } else {
          S converted[P::size] = {};
          if (i < count) convert(line, converted, steps);
          square[i] = P::load(converted);
        }
      }
      transpose(square);
      S* to = out + p0 * width + i0;
      // A whole packet may be stored where less is wanted as long as the next row, written later, covers the excess.
      const int64_t whole = i0 + P::size <= width ? steps
                            : i0 > 0              ? 0
                                                  : std::min<int64_t>(steps, depth - p0 - ceil_div(P::size, width));
      int p = 0;
      for (; p < whole; ++p) square[p].store(to + p * width);
      for (; p < steps; ++p) square[p].store(to + p * width, lanes);
    }
  }
}

/// out[p * width + i] = from[p * step + i] for i < count, zero up to `width`.
template <class T>
void pack_runs(const T* from, int64_t step, int64_t count, int64_t depth, int64_t width, SumType<T>* out) {
  using S = SumType<T>;
  using P = Packet<S>;
  constexpr int64_t kLine = 64 / sizeof(T), kRowsAhead = 16;
  for (int64_t p = 0; p < depth; ++p, from += step, out += width) {
    // Rows often lie pages apart, where the hardware does not look ahead.
    const T* ahead = from + std::min<int64_t>(kRowsAhead, depth - 1 - p) * step;
    for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(ahead + i);
    if constexpr (is_sum_type<T>) {
      const S* same = reinterpret_cast<const S*>(from);
      int64_t i = 0;
      for (; i + P::size <= count; i += P::size) P::load(same + i).store(out + i);
      if (i < width) {
        P rest = P::load(same + i, int(count - i));
        width - i >= P::size ? rest.store(out + i) : rest.store(out + i, int(width - i));
      }
    } else {
      convert(from, out, count);
      std::fill(out + count, out + width, S(0));
    }
  }
}

/// Any strides.
template <class T>
void pack_elements(const T* from, int64_t line_step, int64_t step, int64_t lines, int64_t depth, int64_t width,
                   SumType<T>* out) {
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t i = 0; i < width; ++i) {
      out[p * width + i] = i < lines ? SumType<T>(from[i * line_step + p * step]) : SumType<T>(0);
    }
  }
}

template <class T>
void pack_any(const T* from, int64_t line_step, int64_t step, int64_t lines, int64_t depth, int64_t width,
              SumType<T>* out) {
  if (line_step == 1) {
    pack_runs(from, step, lines, depth, width, out);
  } else if (step == 1) {
    pack_lines(from, line_step, lines, depth, width, out);
  } else {
    pack_elements(from, line_step, step, lines, depth, width, out);
  }
}

}  // namespace detail

/// Rows [p0, p1) of B's panel at column `col` -> [p1 - p0][width], padded with zeros.
template <class T>
void pack_panel(const MatrixView<T>& b, int64_t col, int64_t p0, int64_t p1, SumType<T>* out) {
  using S = SumType<T>;
  detail::pack_any(b.data + col * b.col_stride + p0 * b.row_stride, b.col_stride, b.row_stride,
                   std::min<int64_t>(b.cols - col, kPanel<S>), p1 - p0, panel_width<S>(b.cols - col), out);
}

/// B[k][n] -> panels [k][width] padded with zeros; panel j starts at j * kPanel * k.
template <class T>
void pack_panel(const MatrixView<T>& b, int64_t col, SumType<T>* out) {
  pack_panel(b, col, 0, b.rows, out);
}

/// Rows [p0, p1) of the panels from column `col` to `end`, a panel's number of columns times p1 - p0 apart. Rows of B
/// are read as far as the panels reach: each lies in a page of its own, and short pieces of rows are all that the
/// hardware would look ahead.
template <class T>
void pack_panels(const MatrixView<T>& b, int64_t col, int64_t end, int64_t p0, int64_t p1, SumType<T>* out) {
  using S = SumType<T>;
  constexpr int64_t kWidth = kPanel<S>, kLine = 64 / int64_t(sizeof(T)), kRowsAhead = 2;
  const int64_t depth = p1 - p0;
  int64_t whole = b.col_stride == 1 ? (end - col) / kWidth * kWidth : 0;
  if (whole > 0) {
    const T* from = b.data + p0 * b.row_stride + col;
    for (int64_t p = 0; p < depth; ++p, from += b.row_stride) {
      const T* ahead = from + std::min<int64_t>(kRowsAhead, depth - 1 - p) * b.row_stride;
      for (int64_t j = 0; j < whole; j += kWidth) {
        for (int64_t i = 0; i < kWidth; i += kLine) __builtin_prefetch(ahead + j + i);
        convert(from + j, out + j * depth + p * kWidth, kWidth);
      }
    }
  }
  for (; col + whole < end; whole += kWidth) pack_panel(b, col + whole, p0, p1, out + whole * depth);
}

/// An operand as a tile reads it: A from row to row and step to step, B from row to row, and no further than its
/// columns if asked.
template <class S>
struct Operand {
  const S* data;
  int64_t stride, step = 1;
  bool masked = false;
};

/// How rows of A are packed. Rows that are contiguous stay so, an odd number of cache lines apart: broadcasts that walk
/// along lines are faster than those that take one line a step. Others are packed step by step, in whole packets.
template <class T>
struct PackedRows {
  using S = SumType<T>;
  static constexpr int64_t kLine = 64 / sizeof(S);
  static constexpr int64_t kWidth = ceil_div(kTileRows, Packet<S>::size) * Packet<S>::size;
  bool contiguous;
  int64_t depth;

  int64_t stride() const { return (ceil_div(depth, kLine) | 1) * kLine; }
  /// Elements that a tile takes.
  int64_t size() const { return contiguous ? kTileRows * stride() : kWidth * depth; }
  Operand<S> at(const S* data, int64_t p) const {
    return contiguous ? Operand<S>{data + p, stride(), 1} : Operand<S>{data + p * kWidth, 1, kWidth};
  }
  /// Rows [first, first + height) and columns [p0, p0 + depth) of A.
  void pack(const MatrixView<T>& a, int64_t first, int height, int64_t p0, S* out) const {
    const T* from = a.data + first * a.row_stride + p0 * a.col_stride;
    if (contiguous) {
      for (int i = 0; i < height; ++i) convert(from + i * a.row_stride, out + i * stride(), depth);
    } else {
      detail::pack_any(from, a.row_stride, a.col_stride, height, depth, kWidth, out);
    }
  }
  /// Elements that hold any tile of this depth or less.
  static constexpr int64_t most(int64_t depth) { return std::max(kTileRows * (depth + 2 * kLine), kWidth * depth); }
};

}  // namespace thalweg::kernels
