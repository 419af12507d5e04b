"""The metrics of MOSES (Polykovskiy et al. 2020) as its package molsets 0.3.1 defines them: of all molecules.

Of the texts drawn, and after `moses_valid` of the valid ones, repeats included, as canonical SMILES:

| metric | molsets | what |
|---|---|---|
| `moses_valid` | `valid` | share that RDKit can read |
| `moses_unique_1k`, `moses_unique_10k` | `unique@1000`, `unique@10000` | different ones of the first 1,000 and 10,000 |
| `moses_novelty` | `Novelty` | share of the different ones that is not in the reference, the training data |
| `moses_int_div_1` | `IntDiv` | 1 - mean_i mean_j T_ij, each molecule beside itself too |
| `moses_int_div_2` | `IntDiv2` | 1 - mean_i (mean_j T_ij^2)^(1/2) |
| `moses_filters` | `Filters` | share without charge, rings above 7, elements but H C N O S F Cl Br, MCF and PAINS |
| `moses_snn_test` | `SNN/Test` | mean of the greatest T to a molecule of the test split |
| `moses_frag_test` | `Frag/Test` | cosine of the counts of BRICS fragments and those of the test split |
| `moses_scaf_test` | `Scaf/Test` | the same of Bemis-Murcko scaffolds with two rings or more |
| `moses_fcd_test` | `FCD/Test` | Frechet ChemNet Distance to the test split, if the package fcd is installed |
| `moses_logp`, `moses_sa`, `moses_qed`, `moses_weight` | `logP`, ... | Wasserstein distance to the test split |

and `..._test_sf` against the scaffold test split. T is the Tanimoto similarity of Morgan fingerprints, radius 2, 1024
bits. Where molsets differs: it takes a sequence cut at the length limit, or an empty one, for what its text is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from seqtutor.domains.molecules import frechet_chemnet
from seqtutor.domains.molecules.moses_features import VALUES, Features, every
from seqtutor.domains.molecules.moses_reference import MosesReference
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.reward import Decode, molecules_of
from seqtutor.domains.molecules.similarity import cosine, tanimoto
from seqtutor.domains.molecules.statistics import Reference, hashes
from seqtutor.domains.statistics import Statistics
from seqtutor.stats.estimate import Z95, Estimate, RatioSums, share_distinct
from seqtutor.system.progress import LOG

FIRST = {"1k": 1_000, "10k": 10_000}  # valid molecules that uniqueness is measured on
BLOCK = 4_000  # fingerprints of each side compared at once: 64 MB of similarities


class MosesStatistics(Statistics):
    """See the module. Memory: about 1 kB a valid molecule; time grows with their square."""

    def __init__(
        self, training: Reference | None, tests: Mapping[str, MosesReference], decode: Decode, end: int, pool: Pool
    ):
        """Args: training, None leaves out novelty; tests, by the end of their metrics' names, the first also for the
        Wasserstein distances; decode, the text of token ids; end, id of the end token; pool, examines molecules.
        """
        self._training, self._tests = training, tests
        self._decode, self._end, self._pool = decode, end, pool
        self._valid = RatioSums(share=True)
        self._smiles: list[str] = []

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds sequences: tokens int32 [N, T], lengths int32 [N]."""
        molecules = molecules_of(tokens, lengths, self._decode, self._end, self._pool)()
        self._valid.add(np.array([molecule.valid for molecule in molecules], np.float64))
        self._smiles += [molecule.canonical for molecule in molecules if molecule.valid]

    def result(self) -> dict[str, Estimate]:
        """Every metric by name; nan where there is no valid molecule."""
        known = hashes(self._smiles)
        found = {"valid": self._valid.estimate()}
        for name, count in FIRST.items():
            found[f"unique_{name}"] = share_distinct(np.unique(known[:count], return_counts=True)[1])
        if self._training is not None:
            novel = RatioSums(share=True)
            novel.add(~np.isin(np.unique(known), self._training.hashes))
            found["novelty"] = novel.estimate()
        features = self._features()
        prints = np.array([np.frombuffer(bytes.fromhex(each.bits), np.uint8) for each in features], np.uint8)
        found |= internal_diversity(prints)
        passing = RatioSums(share=True)
        passing.add(np.array([each.passes for each in features], np.float64))
        found["filters"] = passing.estimate()
        for key, test in self._tests.items():
            found |= {f"{name}_{key}": value for name, value in _compared(features, prints, test).items()}
        found |= self._distances_to_chemnet()
        values = np.array([each.values for each in features], np.float64).reshape(-1, len(VALUES))
        first = next(iter(self._tests.values()))
        for i, name in enumerate(VALUES):
            distance = wasserstein(values[:, i], first.values[:, i])
            found[name] = Estimate(distance, None, None, len(values))
        return {f"moses_{name}": value for name, value in found.items()}

    def _features(self) -> list[Features]:
        features = [each for each in every(self._smiles, filters=True) if each is not None]
        if lost := len(self._smiles) - len(features):
            LOG.warning(f"left {lost} molecules out of the metrics of MOSES: RDKit timed out")
        return features

    def _distances_to_chemnet(self) -> dict[str, Estimate]:
        references = {key: test.activations for key, test in self._tests.items() if test.activations is not None}
        if not references or len(self._smiles) < 2:
            return {}
        own = frechet_chemnet.activations(self._smiles)
        return {
            f"fcd_{key}": Estimate(frechet_chemnet.distance(own, reference), None, None, len(self._smiles))
            for key, reference in references.items()
        }

    def close(self) -> None:
        """Ends the pool's worker processes; they start again when next needed."""
        self._pool.close()


def _compared(features: Sequence[Features], prints: np.ndarray, test: MosesReference) -> dict[str, Estimate]:
    """The figures of molecules against one set."""
    sums = RatioSums()
    if len(prints) and len(test.prints):
        sums.add(nearest(prints, test.prints))
    scaffolds = [Counter([each.scaffold] if each.scaffold else []) for each in features]
    return {
        "snn": sums.estimate(),
        "frag": cosine([Counter(each.fragments) for each in features], test.fragments),
        "scaf": cosine(scaffolds, test.scaffolds),
    }


def nearest(prints: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The greatest Tanimoto similarity of each row, float64 [N]; packed fingerprints uint8 [N, 128] and [M, 128]."""
    best = np.zeros(len(prints), np.float32)
    for theirs in _blocks(reference):
        other = _unpacked(reference[theirs])
        for ours in _blocks(prints):
            np.maximum(best[ours], tanimoto(_unpacked(prints[ours]), other).max(axis=1), out=best[ours])
    return best.astype(np.float64)


def internal_diversity(prints: np.ndarray) -> dict[str, Estimate]:
    """`int_div_1` and `int_div_2` of packed fingerprints uint8 [N, 128].

    For the error of the first, with h_i = mean_j T_ij: adding molecule i moves the mean by 2 (h_i - mean(h)) / n.
    """
    n = len(prints)
    if n < 2:
        return {f"int_div_{p}": Estimate(math.nan, None, None, n) for p in (1, 2)}
    first, second = np.zeros(n), np.zeros(n)
    blocks = list(_blocks(prints))
    for i, ours in enumerate(blocks):
        mine = _unpacked(prints[ours])
        for theirs in blocks[i:]:
            similarity = tanimoto(mine, _unpacked(prints[theirs]))
            for sums, power in ((first, similarity), (second, similarity * similarity)):
                sums[ours] += power.sum(axis=1, dtype=np.float64)
                if theirs != ours:
                    sums[theirs] += power.sum(axis=0, dtype=np.float64)
    to_others = first / n
    value, error = 1.0 - float(to_others.mean()), 2.0 * float(to_others.std(ddof=1)) / math.sqrt(n)
    rooted = 1.0 - float(np.sqrt(second / n).mean())
    return {
        "int_div_1": Estimate(value, value - Z95 * error, value + Z95 * error, n, error),
        "int_div_2": Estimate(rooted, None, None, n),
    }


def _blocks(rows: np.ndarray) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, len(rows), BLOCK)]


def _unpacked(prints: np.ndarray) -> np.ndarray:
    return np.unpackbits(prints, axis=1).astype(np.float32)


def wasserstein(left: np.ndarray, right: np.ndarray) -> float:
    """The integral of |F(x) - G(x)|, F and G being the distribution functions of samples [N] and [M]; nan without."""
    if not len(left) or not len(right):
        return math.nan
    places = np.sort(np.concatenate([left, right]))
    below = [np.searchsorted(np.sort(each), places[:-1], side="right") / len(each) for each in (left, right)]
    return float(np.abs(below[0] - below[1]) @ np.diff(places))
