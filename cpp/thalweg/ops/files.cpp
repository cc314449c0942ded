#include "thalweg/ops/files.h"

#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

void infer_read(Infer& s) {
  s.rank(0, 0);
  s.out(0, PartialShape(Shape()));
}

/// One more dimension: as many elements as the bytes of a string hold.
void infer_decode_raw(Infer& s) {
  PartialShape shape = s.in(0);
  if (!shape.known_rank()) return;
  shape.push_back(kUnknown);
  s.out(0, shape);
}

}  // namespace

void register_files(OpRegistry& r) {
  // Stateful: what a file holds is not known before it is read.
  r.add("ReadFile(filename: string) -> contents: string")
      .api("io.read_file")
      .doc("All of a file.")
      .infer(infer_read)
      .no_grad()
      .stateful();
  r.add("WriteFile(filename: string, contents: string) ->")
      .api("io.write_file")
      .doc("Writes a file, and makes the folders it lies in.")
      .infer([](Infer& s) {
        s.rank(0, 0);
        s.rank(1, 0);
      })
      .no_grad()
      .stateful();
  r.add("MatchingFiles(pattern: string) -> filenames: string")
      .api("io.matching_files")
      .doc("The files whose names match one of the patterns (*, ? and [...], not over slashes), in order.")
      .infer([](Infer& s) {
        s.rank_at_most(0, 1);
        s.out(0, {kUnknown});
      })
      .no_grad()
      .stateful();
  r.add("DecodeRaw(bytes: string; out_type: type, little_endian: bool = true) -> output: out_type")
      .types("out_type", kPlain - kQuantized - DTypeSet{DType::uint32, DType::uint64})
      .doc("The numbers that the bytes of strings of one length hold.")
      .infer(infer_decode_raw)
      .no_grad();
}

}  // namespace thalweg::ops
