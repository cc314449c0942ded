// Windows of poolings, and the registration of their kernels.
#include "thalweg/kernels/pool.h"

#include <iterator>

#include "thalweg/kernels/families.h"

namespace thalweg::kernels {

PoolAttrs::PoolAttrs(const KernelInit& init)
    : attrs(init.attrs), op(init.op.name), from_inputs(init.op.name == "MaxPoolV2") {}

ops::Window PoolAttrs::window(const KernelContext& k) const {
  Ints ksize, strides;
  if (from_inputs) {
    std::ranges::copy(k.in(1).flat<int32_t>(), std::back_inserter(ksize));
    std::ranges::copy(k.in(2).flat<int32_t>(), std::back_inserter(strides));
  } else {
    ksize = attrs.get<Ints>("ksize");
    strides = attrs.get<Ints>("strides");
  }
  ops::Window w(op, attrs, &strides);
  w.row.kernel = ksize[size_t(w.layout.row)];
  w.col.kernel = ksize[size_t(w.layout.col)];
  return w;
}

PoolShape::PoolShape(ops::Window w, const Shape& in, const Shape& out) {
  const ops::Layout& l = w.layout;
  rows = in[l.row], cols = in[l.col], out_rows = out[l.row], out_cols = out[l.col];
  planes = l.nchw ? in[l.batch] * in[l.channel] : in[l.batch];
  lanes = l.nchw ? 1 : in[l.channel];
  w.place(rows, cols);
  row = w.row, col = w.col;
}

bool PoolShape::tiles_input() const {
  auto along = [](const ops::Axis& a, int64_t size, int64_t outs) {
    return a.kernel == a.stride && outs * a.stride - a.before >= size;
  };
  return along(row, rows, out_rows) && along(col, cols, out_cols);
}

void register_max_pool(KernelRegistry& r);
void register_mean_pool(KernelRegistry& r);

void register_pool(KernelRegistry& r) {
  register_max_pool(r);
  register_mean_pool(r);
}

}  // namespace thalweg::kernels
