// Lists of tensors as values: a TensorList op takes a list and gives another one. An item that was not set reads as
// zeros, in values and in gradients alike.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

/// An element's shape from an input that is a vector, or the scalar -1 where nothing is known.
PartialShape element(Infer& s, int i) {
  if (!s.in(i).known_rank() || s.in(i).rank() == 0) return {};
  return s.shape_from(i);
}

/// Input `input` is the shape of an element, which the last output is.
template <int input>
void infer_element(Infer& s) {
  s.out(s.outputs() - 1, element(s, input));
  if (s.outputs() == 2) s.out(0, Shape());
}

void infer_list(Infer& s) { s.out(0, Shape()); }

void infer_stack(Infer& s) {
  int64_t n = s.attr<int64_t>("num_elements");
  s.out(0, Infer::concat({n < 0 ? kUnknown : n}, element(s, 1)));
}

void infer_gather(Infer& s) { s.out(0, Infer::concat(s.rank(1, 1), element(s, 2))); }

void infer_concat(Infer& s) {
  PartialShape item = element(s, 1);
  s.out(0, Infer::concat({kUnknown}, Infer::slice(item, 1)));
  s.out(1, PartialShape::unknown(1));
}

void infer_from_tensor(Infer& s) {
  s.merge(Infer::slice(s.rank_at_least(0, 1), 1), element(s, 1));
  s.out(0, Shape());
}

Out length(const Out& list) { return node("TensorListLength", {list}); }

Out any_shape() { return int_scalar(-1); }

/// A list of `size` items, none of them set.
Out reserve(const Out& size, DType dtype) {
  return node("TensorListReserve", {any_shape(), size}, {{"element_dtype", dtype}});
}

Out item(const Out& list, const Out& index, const Out& like) {
  return node("TensorListGetItem", {list, index, shape_of(like)}, {{"element_dtype", like.dtype()}});
}

Outs push_back(Grad& g) {
  Out popped = node("TensorListPopBack", {g.dy, shape_of(g.in(1))}, {{"element_dtype", g.in(1).dtype()}});
  return {popped, popped.output(1)};
}

Outs pop_back(Grad& g) {
  Out list = g.has_dy(0) ? g.dys(0) : reserve(length(g.out(0)), g.out(1).dtype());
  return {node("TensorListPushBack", {list, g.dys(1)}), Out()};
}

Outs stack(Grad& g) { return {node("TensorListFromTensor", {g.dy, any_shape()}), Out()}; }

Outs from_tensor(Grad& g) {
  Out x = g.in(0);
  int64_t n = x.shape().known_rank() ? x.shape()[0] : kUnknown;
  Out element = node("StridedSlice", {shape_of(x), ints({1}), ints({0}), ints({1})}, {{"end_mask", int64_t(1)}});
  return {node("TensorListStack", {g.dy, element}, {{"element_dtype", x.dtype()}, {"num_elements", n}}), Out()};
}

Outs set_item(Grad& g) {
  auto [list, index, x] = g.inputs<3>();
  (void)list;
  Out dx = item(g.dy, index, x);  // made first, it runs first: then the list can be changed in place
  // The place that was overwritten passes nothing back.
  Out cleared = node("_TensorListClearItem", {g.dy, index}, {{"element_dtype", x.dtype()}});
  return {cleared, Out(), dx};
}

Outs add_item(Grad& g) {
  auto [list, index, x] = g.inputs<3>();
  (void)list;
  return {g.dy, Out(), item(g.dy, index, x)};
}

Outs clear_item(Grad& g) {
  return {node("_TensorListClearItem", {g.dy, g.in(1)}, {{"element_dtype", g.attr<DType>("element_dtype")}}), Out()};
}

Outs get_item(Grad& g) {
  return {node("TensorListSetItem", {reserve(length(g.in(0)), g.dy.dtype()), g.in(1), g.dy}), Out(), Out()};
}

Outs gather(Grad& g) {
  return {node("TensorListScatterV2", {g.dy, g.in(1), any_shape(), length(g.in(0))}), Out(), Out()};
}

Outs scatter(Grad& g) {
  Out x = g.in(0);
  Out element = node("StridedSlice", {shape_of(x), ints({1}), ints({0}), ints({1})}, {{"end_mask", int64_t(1)}});
  return {node("TensorListGather", {g.dy, g.in(1), element}, {{"element_dtype", x.dtype()}}), Out(), Out(), Out()};
}

Outs scatter_into(Grad& g) {
  Out x = g.in(1), indices = g.in(2);
  Out element = node("StridedSlice", {shape_of(x), ints({1}), ints({0}), ints({1})}, {{"end_mask", int64_t(1)}});
  Out dx = node("TensorListGather", {g.dy, indices, element}, {{"element_dtype", x.dtype()}});
  return {node("_TensorListClearItem", {g.dy, indices}, {{"element_dtype", x.dtype()}}), dx, Out()};
}

Outs concat(Grad& g) { return {node("TensorListSplit", {g.dys(0), any_shape(), g.out(1)}), Out(), Out()}; }

Outs split(Grad& g) {
  Out x = g.in(0);
  Out rest = node("StridedSlice", {shape_of(x), ints({1}), ints({0}), ints({1})}, {{"end_mask", int64_t(1)}});
  Out element = node("ConcatV2", {ints({-1}), rest, int_scalar(0)});
  return {node("TensorListConcatV2", {g.dy, element, g.in(2)}, {{"element_dtype", x.dtype()}}), Out(), Out()};
}

Outs resize(Grad& g) { return {node("TensorListResize", {g.dy, length(g.in(0))}), Out()}; }

}  // namespace

void register_list(OpRegistry& r) {
  r.add("EmptyTensorList(element_shape: shape_type, max_num_elements: int32; element_dtype: type) -> handle: variant")
      .types("shape_type", kIndex)
      .doc("A list without items; -1 as max_num_elements means no limit.")
      .infer(infer_list)
      .no_grad();
  r.add("TensorListReserve(element_shape: shape_type, num_elements: int32; element_dtype: type) -> handle: variant")
      .types("shape_type", kIndex)
      .doc("A list of num_elements items, none of which is set.")
      .infer(infer_list)
      .no_grad();
  r.add("TensorListPushBack(input_handle: variant, tensor: element_dtype) -> output_handle: variant")
      .doc("The list with an item more.")
      .infer(infer_list)
      .grad(push_back);
  r.add(
       "TensorListPopBack(input_handle: variant, element_shape: int32; element_dtype: type) -> "
       "output_handle: variant, tensor: element_dtype")
      .doc("The list without its last item, and that item.")
      .infer(infer_element<1>)
      .grad(pop_back);
  r.add("TensorListLength(input_handle: variant) -> length: int32")
      .doc("The number of items.")
      .infer(infer_scalar)
      .no_grad();
  r.add("TensorListElementShape(input_handle: variant; shape_type: type) -> element_shape: shape_type")
      .types("shape_type", kIndex)
      .doc("What is known of the shape of the items; -1 stands for an unknown size.")
      .infer(infer_unknown)  // a vector, or the scalar -1
      .no_grad();
  r.add(
       "TensorListSetItem(input_handle: variant, index: int32, item: element_dtype; "
       "resize_if_index_out_of_bounds: bool = false) -> output_handle: variant")
      .doc("The list with one item replaced.")
      .infer(infer_list)
      .grad(set_item);
  r.add(
       "TensorListGetItem(input_handle: variant, index: int32, element_shape: int32; element_dtype: type) -> "
       "item: element_dtype")
      .doc("One item.")
      .infer(infer_element<2>)
      .grad(get_item);
  r.add(
       "TensorListStack(input_handle: variant, element_shape: int32; element_dtype: type, num_elements: int = -1) -> "
       "tensor: element_dtype")
      .doc("All items, which have one shape, as one tensor.")
      .infer(infer_stack)
      .grad(stack);
  r.add("TensorListFromTensor(tensor: element_dtype, element_shape: shape_type) -> output_handle: variant")
      .types("shape_type", kIndex)
      .doc("A list of the rows of a tensor.")
      .infer(infer_from_tensor)
      .grad(from_tensor);
  r.add(
       "TensorListGather(input_handle: variant, indices: int32, element_shape: int32; element_dtype: type) -> "
       "values: element_dtype")
      .doc("Some of the items as one tensor.")
      .infer(infer_gather)
      .grad(gather);
  r.add(
       "TensorListScatterV2(tensor: element_dtype, indices: int32, element_shape: shape_type, num_elements: int32) -> "
       "output_handle: variant")
      .types("shape_type", kIndex)
      .doc("A list with the rows of a tensor at the given places; -1 as num_elements means as many as the places need.")
      .infer(infer_list)
      .grad(scatter);
  r.add(
       "TensorListConcatV2(input_handle: variant, element_shape: shape_type, leading_dims: int64; "
       "element_dtype: type) -> tensor: element_dtype, lengths: int64")
      .types("shape_type", kIndex)
      .doc(
          "All items one after the other along their first dimension, and how long each is there; leading_dims are "
          "those of items that were not set.")
      .infer(infer_concat)
      .grad(concat);
  r.add("TensorListSplit(tensor: element_dtype, element_shape: shape_type, lengths: int64) -> output_handle: variant")
      .types("shape_type", kIndex)
      .doc("A list of pieces of a tensor along its first dimension.")
      .infer(infer_list)
      .grad(split);
  r.add(
       "TensorListScatterIntoExistingList(input_handle: variant, tensor: element_dtype, indices: int32) -> "
       "output_handle: variant")
      .doc("The list with the rows of a tensor at the given places.")
      .infer(infer_list)
      .grad(scatter_into);
  r.add("TensorListResize(input_handle: variant, size: int32) -> output_handle: variant")
      .doc("The list with items dropped from its end or with items that are not set added to it.")
      .infer(infer_list)
      .grad(resize);

  r.add("_TensorListAddItem(input_handle: variant, index: int32, item: element_dtype) -> output_handle: variant")
      .doc("The list with something added to one item: how gradients of reads are summed.")
      .infer(infer_list)
      .grad(add_item);
  r.add("_TensorListClearItem(input_handle: variant, index: int32; element_dtype: type) -> output_handle: variant")
      .doc("The list with the items at `index` (one or several) as if they had not been set.")
      .infer(infer_list)
      .grad(clear_item);
}

}  // namespace thalweg::ops
