// Random ops. The stateful ones draw from a stream kept per node and session; the stateless ones depend on their seed
// only.
#include "thalweg/ops/random.h"

#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

void infer_shaped(Infer& s) { s.out(0, wanted_shape(s)); }

void infer_stateless(Infer& s) {
  require_seed(s);
  s.out(0, wanted_shape(s));
}

void infer_stateless_int(Infer& s) {
  s.rank(2, 0);
  s.rank(3, 0);
  infer_stateless(s);
}

void infer_multinomial(Infer& s) {
  PartialShape logits = s.rank(0, 2);
  s.rank(1, 0);
  auto samples = s.scalar(1);
  s.require(!samples || *samples >= 0, "num_samples should be nonnegative, got ", samples.value_or(0));
  s.out(0, PartialShape{logits[0], samples.value_or(kUnknown)});
}

void infer_keyed(Infer& s) {
  require_key(s);
  s.out(0, wanted_shape(s));
}

void infer_key_counter(Infer& s) {
  PartialShape seed = s.rank(0, 1);
  s.merge(seed[0], 2);
  s.out(0, {1});
  s.out(1, {2});
  if (s.outputs() == 3) s.out(2, PartialShape(Shape()));
}

/// The same distributions over a key and a counter instead of a seed: what tf.random.Generator draws from.
void register_keyed(OpRegistry& r) {
  constexpr DTypeSet kWide = kIndex | DTypeSet{DType::uint32, DType::uint64};
  auto keyed = [&](OpDef& def, std::string_view doc) -> OpDef& {
    return def.types("Tshape", kIndex, DType::int32).doc(doc).infer(infer_keyed).no_grad();
  };
  r.add("StatelessRandomGetKeyCounter(seed: Tseed) -> key: uint64, counter: uint64")
      .types("Tseed", kIndex, DType::int64)
      .doc("The Philox key and counter that a seed of two numbers stands for.")
      .infer(infer_key_counter)
      .no_grad();
  r.add("StatelessRandomGetKeyCounterAlg(seed: Tseed) -> key: uint64, counter: uint64, alg: int32")
      .types("Tseed", kIndex, DType::int64)
      .doc("StatelessRandomGetKeyCounter, and the number of the algorithm.")
      .infer(infer_key_counter)
      .no_grad();
  r.add("StatelessRandomGetAlg() -> alg: int32")
      .doc("The number of the algorithm that this device draws with: 1, Philox.")
      .infer(infer_scalar)
      .no_grad()
      .stateful();
  keyed(r.add("StatelessRandomUniformV2(shape: Tshape, key: uint64, counter: uint64, alg: int32; dtype: type = float32)"
              " -> output: dtype"),
        "Uniformly distributed in [0, 1), a function of key and counter alone.")
      .types("dtype", kFloating);
  keyed(r.add("StatelessRandomNormalV2(shape: Tshape, key: uint64, counter: uint64, alg: int32; dtype: type = float32)"
              " -> output: dtype"),
        "Normally distributed with mean 0 and deviation 1, a function of key and counter alone.")
      .types("dtype", kFloating);
  keyed(r.add("StatelessTruncatedNormalV2(shape: Tshape, key: uint64, counter: uint64, alg: int32;"
              " dtype: type = float32) -> output: dtype"),
        "Normally distributed within two deviations, a function of key and counter alone.")
      .types("dtype", kFloating);
  keyed(r.add("StatelessRandomUniformIntV2(shape: Tshape, key: uint64, counter: uint64, alg: int32, minval: dtype,"
              " maxval: dtype) -> output: dtype"),
        "Uniformly distributed integers in [minval, maxval), a function of key and counter alone.")
      .types("dtype", kWide)
      .infer([](Infer& s) {
        s.rank(4, 0);
        s.rank(5, 0);
        infer_keyed(s);
      });
  keyed(r.add("StatelessRandomUniformFullIntV2(shape: Tshape, key: uint64, counter: uint64, alg: int32;"
              " dtype: type = uint64) -> output: dtype"),
        "Integers over the whole range of their type, a function of key and counter alone.")
      .types("dtype", kWide);
  r.add("StatelessShuffle(value: T, key: uint64, counter: uint64, alg: int32) -> output: T")
      .doc("The rows of the input in random order, a function of key and counter alone.")
      .infer([](Infer& s) {
        require_key(s);
        s.out(0, s.in(0));
      })
      .no_grad();
}

}  // namespace

void register_random(OpRegistry& r) {
  auto stateful = [&](OpDef& def, std::string_view doc) -> OpDef& {
    def.types("T", kIndex).types("dtype", kFloating);
    return def.doc(doc).infer(infer_shaped).no_grad().stateful();
  };
  stateful(r.add("RandomUniform(shape: T; seed: int = 0, seed2: int = 0, dtype: type) -> output: dtype"),
           "Uniformly distributed in [0, 1).");
  stateful(r.add("RandomStandardNormal(shape: T; seed: int = 0, seed2: int = 0, dtype: type) -> output: dtype"),
           "Normally distributed with mean 0 and deviation 1.");
  stateful(r.add("TruncatedNormal(shape: T; seed: int = 0, seed2: int = 0, dtype: type) -> output: dtype"),
           "Normally distributed with mean 0 and deviation 1; values beyond 2 are drawn again.");
  r.add("RandomUniformInt(shape: T, minval: Tout, maxval: Tout; seed: int = 0, seed2: int = 0) -> output: Tout", kIndex)
      .types("Tout", kIndex)
      .doc("Uniformly distributed integers in [minval, maxval).")
      .infer([](Infer& s) {
        s.rank(1, 0);
        s.rank(2, 0);
        infer_shaped(s);
      })
      .no_grad()
      .stateful();
  r.add("RandomShuffle(value: T; seed: int = 0, seed2: int = 0) -> output: T")
      .doc("The rows of the input in random order.")
      .api("random.shuffle")
      .infer([](Infer& s) { s.out(0, s.in(0)); })
      .no_grad()
      .stateful();
  r.add(
       "Multinomial(logits: T, num_samples: int32; seed: int = 0, seed2: int = 0, output_dtype: type = int64)"
       " -> output: output_dtype",
       kReal)
      .types("output_dtype", kIndex)
      .doc("Draws class numbers from each row of unnormalized log probabilities.")
      .infer(infer_multinomial)
      .no_grad()
      .stateful();

  auto stateless = [&](OpDef& def, std::string_view doc) {
    def.types("T", kIndex, DType::int32).types("Tseed", kIndex, DType::int64).types("dtype", kFloating);
    def.doc(doc).infer(infer_stateless).no_grad();
  };
  stateless(r.add("StatelessRandomUniform(shape: T, seed: Tseed; dtype: type = float32) -> output: dtype"),
            "Uniformly distributed in [0, 1), a function of the seed alone.");
  stateless(r.add("StatelessRandomNormal(shape: T, seed: Tseed; dtype: type = float32) -> output: dtype"),
            "Normally distributed with mean 0 and deviation 1, a function of the seed alone.");
  stateless(r.add("StatelessTruncatedNormal(shape: T, seed: Tseed; dtype: type = float32) -> output: dtype"),
            "Normally distributed within two deviations, a function of the seed alone.");
  r.add("StatelessRandomUniformInt(shape: T, seed: Tseed, minval: dtype, maxval: dtype) -> output: dtype", kIndex)
      .types("Tseed", kIndex, DType::int64)
      .types("dtype", kIndex)
      .doc("Uniformly distributed integers in [minval, maxval), a function of the seed alone.")
      .infer(infer_stateless_int)
      .no_grad();
  constexpr DTypeSet kWide = kIndex | DTypeSet{DType::uint32, DType::uint64};
  r.add("StatelessRandomUniformFullInt(shape: T, seed: Tseed; dtype: type = uint64) -> output: dtype")
      .types("T", kIndex, DType::int32)
      .types("Tseed", kWide, DType::int64)
      .types("dtype", kWide)
      .doc("Integers over the whole range of their type, a function of the seed alone.")
      .infer(infer_stateless)
      .no_grad();
  r.add(
       "StatelessMultinomial(logits: T, num_samples: int32, seed: Tseed; output_dtype: type = int64)"
       " -> output: output_dtype",
       kReal)
      .types("Tseed", kIndex, DType::int64)
      .types("output_dtype", kIndex)
      .doc("Draws class numbers from rows of log probabilities, a function of the seed alone.")
      .infer([](Infer& s) {
        s.merge(s.rank(2, 1)[0], 2);
        infer_multinomial(s);
      })
      .no_grad();
  register_keyed(r);
  register_rejection(r);
  register_candidates(r);
}

}  // namespace thalweg::ops
