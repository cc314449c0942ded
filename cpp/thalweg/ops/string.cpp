// Ops on strings, which are byte sequences; UTF-8 is looked at only where a unit or encoding says so.
#include "thalweg/ops/families.h"
#include "thalweg/ops/files.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

/// Scalars stretch; everything else must have one shape.
void infer_join(Infer& s) {
  PartialShape shape = s.inputs() ? PartialShape{} : PartialShape(Shape());
  bool scalar = true, known = true;
  for (int i = 0; i < s.inputs(); ++i) {
    if (!s.in(i).known_rank()) known = false;
    if (!s.in(i).known_rank() || s.in(i).rank() == 0) continue;
    shape = scalar ? s.in(i) : s.merge(shape, s.in(i));
    scalar = false;
  }
  if (!known && scalar) return s.out(0, {});
  s.out(0, scalar ? PartialShape(Shape()) : shape);
}

void infer_substr(Infer& s) {
  s.merge(s.in(1), s.in(2));
  s.out(0, s.broadcast(s.in(0), s.in(1)));
}

void infer_reduce_join(Infer& s) {
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) return;
  bool keep = s.attr<bool>("keep_dims");
  auto axes = s.values(1);
  if (!axes) {
    if (keep) s.out(0, PartialShape::unknown(in.rank()));
    return;
  }
  std::vector<bool> reduced(size_t(in.rank()));
  for (int64_t a : *axes) {
    if (a == kUnknownValue) return;
    s.require(a >= -in.rank() && a < in.rank(), "Invalid reduction dimension ", a, " for input with ", in.rank(),
              " dimension(s)");
    reduced[size_t(s.axis(a, in.rank()))] = true;
  }
  PartialShape out = Shape();
  for (int i = 0; i < in.rank(); ++i) {
    if (reduced[size_t(i)] && !keep) continue;
    out.push_back(reduced[size_t(i)] ? 1 : in[i]);
  }
  s.out(0, out);
}

void infer_split(Infer& s) {
  s.rank(0, 1);
  s.rank(1, 0);
  if (s.running()) return;  // the kernel allocates
  s.out(0, PartialShape{kUnknown, 2});
  s.out(1, PartialShape{kUnknown});
  s.out(2, PartialShape{2});
}

}  // namespace

void register_string(OpRegistry& r) {
  r.add("StringJoin(inputs: N * string; separator: string = '') -> output: string")
      .doc("Joins strings element by element; scalars go with every element.")
      .api("strings.join")
      .infer(infer_join)
      .no_grad();
  r.add(
       "AsString(input: T; precision: int = -1, scientific: bool = false, shortest: bool = false, width: int = -1,"
       " fill: string = '') -> output: string",
       kReal | kComplex | kBool | kString)
      .doc("Each element as text, formatted as printf would.")
      .api("strings.as_string, as_string")
      .infer([](Infer& s) { s.out(0, s.in(0)); })
      .no_grad();
  r.add("StringToNumber(string_tensor: string; out_type: type = float32) -> output: out_type")
      .types("out_type",
             DTypeSet{DType::float32, DType::float64, DType::int32, DType::int64, DType::uint32, DType::uint64},
             DType::float32)
      .doc("Reads each string as a number.")
      .infer([](Infer& s) { s.out(0, s.in(0)); })
      .no_grad();
  auto unchanged = [&](OpDef& def, std::string_view api, std::string_view doc) -> OpDef& {
    return def.api(api).doc(doc).infer([](Infer& s) { s.out(0, s.in(0)); }).no_grad();
  };
  unchanged(r.add("StringLower(input: string; encoding: string = '') -> output: string"), "strings.lower",
            "ASCII letters in lower case; with encoding 'utf-8' Latin, Greek and Cyrillic ones too, one for one.");
  unchanged(r.add("StringUpper(input: string; encoding: string = '') -> output: string"), "strings.upper",
            "ASCII letters in upper case; with encoding 'utf-8' Latin, Greek and Cyrillic ones too, one for one.");
  unchanged(r.add("StringStrip(input: string) -> output: string"), "strings.strip",
            "Without white space at both ends.");
  unchanged(r.add("StaticRegexReplace(input: string; pattern: string, rewrite: string, replace_global: bool = true)"
                  " -> output: string"),
            "", "RegexReplace with a pattern and a rewrite that are known.");
  r.add("RegexReplace(input: string, pattern: string, rewrite: string; replace_global: bool = true) -> output: string")
      .doc(
          "Replaces what the pattern (RE2's syntax) matches, the first or all; \\0 to \\9 in the rewrite stand for "
          "groups.")
      .infer([](Infer& s) {
        s.rank(1, 0);
        s.rank(2, 0);
        s.out(0, s.in(0));
      })
      .no_grad();
  r.add("RegexFullMatch(input: string, pattern: string) -> output: bool")
      .doc("Whether the pattern (RE2's syntax) matches the whole string.")
      .infer([](Infer& s) {
        s.rank(1, 0);
        s.out(0, s.in(0));
      })
      .no_grad();
  unchanged(r.add("StaticRegexFullMatch(input: string; pattern: string) -> output: bool"), "",
            "RegexFullMatch with a pattern that is known.");
  unchanged(r.add("StringLength(input: string; unit: string {BYTE|UTF8_CHAR} = 'BYTE') -> output: int32"),
            "strings.length", "The length of each string.");
  r.add("Substr(input: string, pos: T, len: T; unit: string {BYTE|UTF8_CHAR} = 'BYTE') -> output: string", kIndex)
      .doc("The part of each string that starts at pos (from the end where negative) and is at most len long.")
      .api("strings.substr")
      .infer(infer_substr)
      .no_grad();
  r.add(
       "ReduceJoin(inputs: string, reduction_indices: int32; keep_dims: bool = false, separator: string = '')"
       " -> output: string")
      .doc("Joins strings along axes; the first axis given runs fastest.")
      .infer(infer_reduce_join)
      .no_grad();
  r.add(
       "StringSplit(input: string, delimiter: string; skip_empty: bool = true)"
       " -> indices: int64, values: string, shape: int64")
      .doc("Splits at any of the delimiter's characters (at every byte where it is empty) into a sparse matrix.")
      .infer(infer_split)
      .no_grad();
  r.add("StringSplitV2(input: string, sep: string; maxsplit: int = -1) -> indices: int64, values: string, shape: int64")
      .doc("Splits at each occurrence of sep (at white space where it is empty) into a sparse matrix.")
      .infer(infer_split)
      .no_grad();
  r.add(
       "StringFormat(inputs: T...; template: string = '%s', placeholder: string = '%s', summarize: int = 3)"
       " -> output: string")
      .doc("Puts summaries of tensors in the places that the template marks.")
      .infer(infer_scalar)
      .no_grad();
  register_files(r);
}

}  // namespace thalweg::ops
