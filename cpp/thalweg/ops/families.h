// The catalogue's table of contents: one function per family, each defined in the file of its name.
#pragma once

#include "thalweg/registry/op_def.h"

namespace thalweg {

namespace ops {
void register_elementwise(OpRegistry& r);  // unary.h, binary.h, compare.h
void register_cast(OpRegistry& r);         // Cast, Bitcast, Select
void register_reduce(OpRegistry& r);       // Sum, Mean, Max, ArgMax ...
void register_matmul(OpRegistry& r);
void register_linalg(OpRegistry& r);  // decompositions, inverses, linear systems
void register_conv(OpRegistry& r);
void register_pool(OpRegistry& r);
void register_softmax(OpRegistry& r);   // softmax and the cross-entropies, in_top_k, top_k
void register_array(OpRegistry& r);     // shapes: Reshape, Transpose, Shape, Fill, Range ...
void register_concat(OpRegistry& r);    // ConcatV2, Split, Pack, Unpack, Tile, Pad
void register_indexing(OpRegistry& r);  // Slice, StridedSlice, Gather, OneHot, Where
void register_state(OpRegistry& r);     // variables and assignment
void register_training(OpRegistry& r);  // ApplyAdam ...
void register_random(OpRegistry& r);
void register_control(OpRegistry& r);  // Const, Placeholder, Identity, NoOp, Print, Assert ...
void register_search(OpRegistry& r);   // places in sorted rows, histograms
void register_image(OpRegistry& r);    // resizing, colour spaces
void register_string(OpRegistry& r);
void register_summary(OpRegistry& r);
void register_checkpoint(OpRegistry& r);  // SaveV2, RestoreV2
void register_functional(OpRegistry& r);  // If, While, Case, PartitionedCall
void register_list(OpRegistry& r);        // TensorList ...
void register_internal(OpRegistry& r);    // what passes insert
}  // namespace ops

/// Adds every op of the library.
THALWEG_API void register_ops(OpRegistry& r);

}  // namespace thalweg
