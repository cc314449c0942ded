// TensorFlow's AttrValue message.
#pragma once

#include "thalweg/formats/tensor_proto.h"
#include "thalweg/registry/signature.h"

namespace thalweg {

THALWEG_API WireWriter attr_proto(const AttrValue& value);
/// `kind` tells what an empty or ambiguous message stands for; null for free-form attributes. `budget` as for
/// read_tensor_proto.
THALWEG_API AttrValue read_attr_proto(WireReader r, const AttrKind* kind, size_t& budget);

}  // namespace thalweg
