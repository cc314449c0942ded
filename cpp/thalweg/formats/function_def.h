// Functions of a graph as FunctionDef messages. function_library.h is the other direction.
#pragma once

#include "thalweg/formats/wire.h"
#include "thalweg/graph/function.h"

namespace thalweg {

/// Fields of FunctionDef, OpDef, OpDef.ArgDef, FunctionDef.ArgAttrs and of maps' entries.
namespace function_fields {
inline constexpr uint32_t kSignature = 1, kNodeDef = 3, kRet = 4, kControlRet = 6, kArgAttr = 7;
inline constexpr uint32_t kOpName = 1, kInputArg = 2, kOutputArg = 3, kStateful = 17, kControlOutput = 20;
inline constexpr uint32_t kArgName = 1, kArgType = 3, kArgTypeAttr = 4, kArgNumberAttr = 5, kArgTypeListAttr = 6;
inline constexpr uint32_t kArgAttrs = 1;
inline constexpr uint32_t kKey = 1, kValue = 2;
inline constexpr std::string_view kOutputShapes = "_output_shapes";  // what we know of an argument's shape
}  // namespace function_fields

WireWriter function_def(const GraphFunction& f);
/// How many tensors an output of an op stands for.
size_t output_count(const ArgDef& a, const Attrs& attrs);

}  // namespace thalweg
