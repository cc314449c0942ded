// TensorFlow's TensorProto and TensorShapeProto, the values inside GraphDef.
#pragma once

#include "thalweg/core/tensor.h"
#include "thalweg/formats/wire.h"

namespace thalweg {

THALWEG_API WireWriter shape_proto(const PartialShape& shape);
THALWEG_API PartialShape read_shape_proto(WireReader r);

/// One element and strings go to the repeated field of their type, everything else to tensor_content.
THALWEG_API WireWriter tensor_proto(const Tensor& t);
/// Reads both forms; a short repeated field is filled up with its last element. `budget` bounds the bytes that small
/// messages may expand to and is lowered by what this one takes.
THALWEG_API Tensor read_tensor_proto(WireReader r, size_t& budget);

/// The enum number; reference types (the number plus 100) give the type itself.
THALWEG_API DType read_dtype(const WireReader& r, uint64_t number);

}  // namespace thalweg
