"""Random ops: test_random.py has TensorFlow's numbers and their statistics."""

from __future__ import annotations

from op_case import Op

NAMES = """RandomUniform RandomStandardNormal TruncatedNormal RandomUniformInt RandomShuffle Multinomial
StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal StatelessRandomUniformInt
StatelessRandomUniformFullInt StatelessMultinomial"""
ROWS = [Op(name, tested_by="test_random.py") for name in NAMES.split()]
KEYED = """StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomGetAlg
StatelessRandomUniformV2 StatelessRandomNormalV2 StatelessTruncatedNormalV2 StatelessRandomUniformIntV2
StatelessRandomUniformFullIntV2 StatelessShuffle"""
ROWS += [Op(name, tested_by="test_stateless_random.py") for name in KEYED.split()]
REJECTION = """RandomGamma RandomPoissonV2 StatelessRandomGammaV2 StatelessRandomGammaV3
StatelessRandomPoisson StatelessRandomBinomial"""
ROWS += [Op(name, tested_by="test_random_rejection.py") for name in REJECTION.split()]
CANDIDATES = """UniformCandidateSampler LogUniformCandidateSampler LearnedUnigramCandidateSampler
FixedUnigramCandidateSampler AllCandidateSampler ComputeAccidentalHits"""
ROWS += [Op(name, tested_by="test_candidates.py") for name in CANDIDATES.split()]
