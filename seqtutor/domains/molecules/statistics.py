"""Statistics of a set of molecules: the paper's Table 2, and uniqueness, novelty and diversity beside it.

`valid` is a share of all sequences and `characters` their mean length. The rest is of the valid ones:

* mean and best (`best_...`: the largest, for SA the smallest) of every property.
* `unique`: different molecules (canonical SMILES) per molecule, d / n. Leaving out one molecule changes d only
  if it is one of the f that occur once, so the jackknife's standard error is sqrt(f (1 - f/n)) / n; where that
  is 0 (f is 0 or n) the interval is Wilson's.
* `novel`: the share of the different molecules that are not in the reference, as in MOSES.
* `diversity`, `snn`, `fragments`, `scaffolds` (see `similarity`): of at most 2,000 valid molecules, drawn by the seed;
  the last three against at most 5,000 of the reference, those with the smallest hashes.

Memory: 8 bytes a molecule, for the hash by which it is known again (two of 10^6 molecules share one with
probability 3 in 10^8), and as much for each of the reference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import PROPERTIES, Molecule, columns
from seqtutor.domains.molecules.reward import Decode, molecules_of
from seqtutor.domains.molecules.similarity import (
    cosine,
    diversity,
    fingerprints,
    fragments,
    nearest,
    scaffolds,
    summed,
    tanimoto,
)
from seqtutor.domains.neighbours import Neighbour, Neighbours
from seqtutor.domains.statistics import MetricNote, Statistics
from seqtutor.stats import distinct
from seqtutor.stats.estimate import Estimate, RatioSums, share_distinct

SAMPLE = 2_000  # molecules that similarities are measured on, at the most
OF_REFERENCE = 5_000  # molecules of the reference that they are compared with, at the most
OF_LARGER = 10_000  # the same for the metrics of GuacaMol
BLOCK = 20_000  # SMILES of a reference read at once
PROBE = 100  # of every block, so many are compared with their canonical form
LOWER_IS_BETTER = {"sa"}
_UNITS = {"logp": "", "qed": "0 to 1", "sa": "1 to 10", "ring_penalty": "", "penalised_logp": ""}
_BETTER = {"qed": "higher", "sa": "lower", "penalised_logp": "higher"}
METRIC_NOTES = {
    "valid": MetricNote("share", "higher"),
    **{name: MetricNote(unit, _BETTER.get(name, "")) for name, unit in _UNITS.items()},
    **{f"best_{name}": MetricNote(unit, _BETTER.get(name, "")) for name, unit in _UNITS.items()},
    "snn": MetricNote("similarity, 0 to 1"),
    "fragments": MetricNote("similarity, 0 to 1", "higher"),
    "scaffolds": MetricNote("similarity, 0 to 1", "higher"),
    "characters": MetricNote("characters"),
}


class Reference:
    """A set of molecules to compare with, read once.

    Attributes:
      hashes: uint64, sorted, of every different one.
      sample: canonical SMILES of the OF_REFERENCE of them with the smallest hashes: as good as random ones, and the
        same whatever their order.
      larger: the same of OF_LARGER.
    """

    def __init__(self, smiles: Iterable[str], pool: Pool):
        """Args: smiles, of training data; pool, makes them canonical."""
        parts = [np.zeros(0, np.uint64)]
        smallest: dict[int, str] = {}
        for block in canonical_blocks(smiles, pool):
            parts.append(hashes(block))
            smallest |= dict(zip(parts[-1].tolist(), block, strict=True))
            smallest = {key: smallest[key] for key in sorted(smallest)[:OF_LARGER]}
        self.hashes = np.unique(np.concatenate(parts))
        found = pool.canonical(list(smallest.values()))
        self.sample = [molecule.canonical for molecule in found[:OF_REFERENCE] if molecule.valid]
        self.larger = [molecule.canonical for molecule in found if molecule.valid]

    @cached_property
    def fingerprints(self) -> np.ndarray:
        """Of the sample."""
        return fingerprints(self.sample)

    @cached_property
    def fragments(self) -> Counter[str]:
        """Of the sample, summed."""
        return summed(fragments(self.sample))

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """Of the sample, summed."""
        return summed(scaffolds(self.sample))


class MoleculeStatistics(Statistics):
    """See the module."""

    def __init__(self, reference: Reference | None, seed: int, decode: Decode, end: int, pool: Pool):
        """Args: reference, the training data, None to leave out what needs it; seed, draws the sample that
        similarities are measured on; decode, the text of token ids; end, id of the end token; pool, examines molecules.
        """
        self._decode, self._end, self._pool = decode, end, pool
        self._reference = reference
        self._sums = {name: RatioSums(share=name == "valid") for name in ("valid", "characters", *PROPERTIES)}
        self._best: dict[str, float] = {}
        self._hashes: list[np.ndarray] = []
        self._random = np.random.default_rng(seed)
        self._keys = np.zeros(0)
        self._sample: list[str] = []

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds sequences: tokens int32 [N, T], lengths int32 [N]."""
        molecules = molecules_of(tokens, lengths, self._decode, self._end, self._pool)()
        self._sums["valid"].add(np.array([molecule.valid for molecule in molecules], np.float64))
        texts = (self._decode(row[:length]) for row, length in zip(tokens, lengths, strict=True))
        self._sums["characters"].add(np.array([len(text) for text in texts]))
        valid = [molecule for molecule in molecules if molecule.valid]
        if not valid:
            return
        for name, values in columns(valid).items():
            self._sums[name].add(values)
            best = min if name in LOWER_IS_BETTER else max
            extreme = float(best(values))
            self._best[name] = best(extreme, self._best.get(name, extreme))
        names = [molecule.canonical for molecule in valid]
        self._hashes.append(hashes(names))
        self._draw(names)

    def _draw(self, names: list[str]) -> None:
        """Keeps the SAMPLE molecules with the smallest random keys, whatever the batches: a uniform sample."""
        keys = np.concatenate([self._keys, self._random.random(len(names))])
        names = self._sample + names
        kept = np.argsort(keys, kind="stable")[:SAMPLE]
        self._keys, self._sample = keys[kept], [names[i] for i in kept]

    def result(self) -> dict[str, Estimate]:
        """Every statistic by name, in the order of Table 2; nan where there is no valid molecule."""
        found = {"valid": self._sums["valid"].estimate()}
        for name in PROPERTIES:
            found[name] = mean = self._sums[name].estimate()
            found[f"best_{name}"] = Estimate(self._best.get(name, math.nan), None, None, mean.n)
        distinct, counts = np.unique(np.concatenate([np.zeros(0, np.uint64), *self._hashes]), return_counts=True)
        found["unique"] = share_distinct(counts)
        if self._reference is not None:
            novel = RatioSums(share=True)
            novel.add(~np.isin(distinct, self._reference.hashes))
            found["novel"] = novel.estimate()
        found |= self._similarities(self._reference)
        found["characters"] = self._sums["characters"].estimate()
        return found

    def _similarities(self, reference: Reference | None) -> dict[str, Estimate]:
        prints = fingerprints(self._sample)
        found = {"diversity": diversity(prints)}
        if reference is None:
            return found
        return found | {
            "snn": nearest(prints, reference.fingerprints),
            "fragments": cosine(fragments(self._sample), reference.fragments),
            "scaffolds": cosine(scaffolds(self._sample), reference.scaffolds),
        }

    def close(self) -> None:
        """Ends the pool's worker processes; they start again when next needed."""
        self._pool.close()


def known(texts: Sequence[str], reference: Reference, pool: Pool) -> np.ndarray:
    """Which SMILES are in a reference, as they are written or in their canonical form, bool [N]."""
    canonical = hashes(molecule.canonical for molecule in pool.canonical(texts))
    return np.isin(hashes(texts), reference.hashes) | np.isin(canonical, reference.hashes)


def nearest_molecules(smiles: Sequence[str], reference: Reference, pool: Pool) -> Neighbours:
    """The molecule of the reference with the highest Tanimoto similarity, for each SMILES; None for an invalid one.

    Equal molecules are found in the whole reference, similar ones in its sample.
    """
    how = (
        f"Tanimoto similarity of Morgan fingerprints, among {len(reference.sample):,} of {len(reference.hashes):,} "
        "training molecules; equal ones among all"
    )
    return Neighbours(how, [_nearest(molecule, reference) for molecule in pool.canonical(smiles)])


def _nearest(molecule: Molecule, reference: Reference) -> Neighbour | None:
    if not molecule.valid:
        return None
    if np.isin(hashes([molecule.canonical]), reference.hashes)[0]:
        return Neighbour(molecule.canonical, 1.0)
    if not reference.sample:
        return None
    similarity = tanimoto(fingerprints([molecule.canonical]), reference.fingerprints)[0]
    best = int(similarity.argmax())
    return Neighbour(reference.sample[best], float(similarity[best]))


def hashes(names: Iterable[str]) -> np.ndarray:
    """64-bit BLAKE2b hashes of strings, uint64 [N]: the same in every process."""
    return distinct.hashes(name.encode() for name in names)


def canonical_blocks(smiles: Iterable[str], pool: Pool) -> Iterator[list[str]]:
    """Canonical SMILES of a reference, block by block.

    Those cost 0.3 ms each, too much for the million and a half of MOSES, of which all but 3 in 10,000 are
    canonical as they are. So a full block is taken as it is if at most one of its first PROBE is not.
    """
    texts = iter(smiles)
    while block := list(islice(texts, BLOCK)):
        probe = zip(pool.canonical(block[:PROBE]), block, strict=False)
        if len(block) < BLOCK or sum(molecule.canonical != text for molecule, text in probe) > 1:
            block = [molecule.canonical for molecule in pool.canonical(block) if molecule.valid]
        yield block
