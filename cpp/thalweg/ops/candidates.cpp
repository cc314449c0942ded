// Samplers of candidate classes for losses over many classes: contract and shapes.
#include "thalweg/ops/random.h"

namespace thalweg::ops {
namespace {

/// Classes drawn, and how often each of them and of the true classes is to be expected in such a draw.
void infer_candidates(Infer& s) {
  PartialShape truth = s.rank(0, 2);
  int64_t num_true = s.attr<int64_t>("num_true"), sampled = s.attr<int64_t>("num_sampled");
  s.require(num_true >= 1, s.op().name, ": num_true must be at least 1, got ", num_true);
  s.require(sampled >= 1, s.op().name, ": num_sampled must be at least 1, got ", sampled);
  s.require(truth[1] < 0 || truth[1] == num_true, "true_classes must have num_true columns, expected: ", num_true,
            " was: ", truth[1]);
  s.out(0, {sampled});
  s.out(1, {truth[0], num_true});
  s.out(2, {sampled});
}

void infer_in_range(Infer& s) {
  infer_candidates(s);
  int64_t range = s.attr<int64_t>("range_max"), sampled = s.attr<int64_t>("num_sampled");
  s.require(range >= 1, s.op().name, ": range_max must be at least 1, got ", range);
  s.require(!s.attr<bool>("unique") || sampled <= range, "Sampler's range is too small. ", s.op().name, ": ", sampled,
            " different classes of ", range);
}

void infer_fixed_unigram(Infer& s) {
  infer_in_range(s);
  s.require(s.attr<std::string>("vocab_file").empty() != s.attr<Floats>("unigrams").empty(),
            "Must provide either vocab_file or unigrams.");
  int64_t shards = s.attr<int64_t>("num_shards"), shard = s.attr<int64_t>("shard");
  s.require(shards >= 1 && shard >= 0 && shard < shards, s.op().name, ": shard ", shard, " is not one of ", shards);
  s.require(s.attr<int64_t>("num_reserved_ids") >= 0, s.op().name, ": num_reserved_ids must not be negative");
}

void infer_hits(Infer& s) {
  PartialShape truth = s.rank(0, 2);
  s.rank(1, 1);
  int64_t num_true = s.attr<int64_t>("num_true");
  s.require(truth[1] < 0 || truth[1] == num_true, "true_classes must have num_true columns, expected: ", num_true,
            " was: ", truth[1]);
  for (int i = 0; i < 3; ++i) s.out(i, {kUnknown});
}

}  // namespace

void register_candidates(OpRegistry& r) {
  r.add(
       "UniformCandidateSampler(true_classes: int64; num_true: int, num_sampled: int, unique: bool, range_max: int,"
       " seed: int = 0, seed2: int = 0)"
       " -> sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32")
      .doc("Draws num_sampled classes of [0, range_max), all alike.")
      .infer(infer_in_range)
      .no_grad()
      .stateful();
  r.add(
       "LogUniformCandidateSampler(true_classes: int64; num_true: int, num_sampled: int, unique: bool, range_max: int,"
       " seed: int = 0, seed2: int = 0)"
       " -> sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32")
      .doc(
          "Draws num_sampled classes of [0, range_max), class c with probability log((c + 2) / (c + 1)) / log(range_max"
          " + 1).")
      .infer(infer_in_range)
      .no_grad()
      .stateful();
  r.add(
       "LearnedUnigramCandidateSampler(true_classes: int64; num_true: int, num_sampled: int, unique: bool,"
       " range_max: int, seed: int = 0, seed2: int = 0)"
       " -> sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32")
      .doc(
          "Draws num_sampled classes of [0, range_max) by how often they have been true classes of this node so far,"
          " plus 1.")
      .infer(infer_in_range)
      .no_grad()
      .stateful();
  r.add(
       "FixedUnigramCandidateSampler(true_classes: int64; num_true: int, num_sampled: int, unique: bool,"
       " range_max: int, vocab_file: string = '', distortion: float = 1.0, num_reserved_ids: int = 0,"
       " num_shards: int = 1, shard: int = 0, unigrams: list(float) = [], seed: int = 0, seed2: int = 0)"
       " -> sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32")
      .doc(
          "Draws num_sampled classes by the counts given, each to the power of distortion; or by those of a file, which"
          " are the last of the comma-separated values of each line.")
      .infer(infer_fixed_unigram)
      .no_grad()
      .stateful();
  r.add(
       "AllCandidateSampler(true_classes: int64; num_true: int, num_sampled: int, unique: bool, seed: int = 0,"
       " seed2: int = 0)"
       " -> sampled_candidates: int64, true_expected_count: float32, sampled_expected_count: float32")
      .doc("All classes of [0, num_sampled), in order.")
      .infer(infer_candidates)
      .no_grad()
      .stateful();
  r.add(
       "ComputeAccidentalHits(true_classes: int64, sampled_candidates: int64; num_true: int, seed: int = 0,"
       " seed2: int = 0) -> indices: int32, ids: int64, weights: float32")
      .doc(
          "The places (row, candidate) at which a sampled class is one of the row's true classes; weights are the"
          " lowest float32.")
      .infer(infer_hits)
      .no_grad();
}

}  // namespace thalweg::ops
