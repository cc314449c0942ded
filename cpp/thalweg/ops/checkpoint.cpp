// Ops that write and read checkpoints.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {

void register_checkpoint(OpRegistry& r) {
  r.add(
       "SaveV2(prefix: string, tensor_names: string, shape_and_slices: string, tensors: dtypes...; dtypes: list(type))"
       " ->")
      .doc("Writes a checkpoint of format V2 with a value per name. Slices, if any, are refused.")
      .infer([](Infer& s) {
        s.rank(0, 0);
        s.merge(s.rank(1, 1), s.rank(2, 1));
      })
      .no_grad()
      .stateful();
  r.add(
       "RestoreV2(prefix: string, tensor_names: string, shape_and_slices: string; dtypes: list(type))"
       " -> tensors: dtypes...")
      .doc("Reads the named values of a checkpoint of format V2. Slices, if any, are refused.")
      .infer([](Infer& s) {
        s.rank(0, 0);
        s.merge(s.rank(1, 1), s.rank(2, 1));
      })
      .no_grad()
      .stateful();
  r.add("ShardedFilename(basename: string, shard: int32, num_shards: int32) -> filename: string")
      .doc("basename-SSSSS-of-NNNNN, the name of one file of several.")
      .infer([](Infer& s) {
        for (int i = 0; i < 3; ++i) s.rank(i, 0);
        infer_scalar(s);
      })
      .no_grad();
}

}  // namespace thalweg::ops
