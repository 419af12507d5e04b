"""The metrics of GuacaMol's distribution learning (Brown et al. 2019) as its package guacamol 0.5.5 defines them.

Of the texts drawn, the training data being the reference, everything as canonical SMILES without stereochemistry:

| metric | guacamol | what |
|---|---|---|
| `guacamol_valid` | `Validity` | share of the first MOST texts that RDKit can read |
| `guacamol_unique` | `Uniqueness` | share of different ones among the first MOST valid ones |
| `guacamol_novelty` | `Novelty` | share of the first MOST different ones that is not in the training data |
| `guacamol_kl` | `KL divergence` | mean of exp(-D) over nine descriptors and the internal similarity: `divergences` |
| `guacamol_fcd` | `Frechet ...` | exp(-FCD / 5) of the first MOST valid ones, if the package fcd is installed |

guacamol draws until it has MOST = 10,000 of each kind; here the shares are of those that there are. Its reference for
the last two is 10,000 random molecules of the training data; here they are those of the smallest hashes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqtutor.domains.molecules import frechet_chemnet
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.reward import Decode, molecules_of
from seqtutor.domains.molecules.similarity import tanimoto
from seqtutor.domains.molecules.statistics import Reference, hashes
from seqtutor.domains.statistics import Statistics
from seqtutor.stats.estimate import Estimate, RatioSums, share_distinct
from seqtutor.system.tensorflow_setup import cores
from seqtutor.system.workers import Task, Workers

if TYPE_CHECKING:
    from rdkit.Chem.rdFingerprintGenerator import FingerprintGenerator64

MOST = 10_000  # molecules that each metric is of
CONTINUOUS = ("BertzCT", "MolLogP", "MolWt", "TPSA")  # descriptors of RDKit
DISCRETE = ("NumHAcceptors", "NumHDonors", "NumRotatableBonds", "NumAliphaticRings", "NumAromaticRings")
BITS = 4096  # of a Morgan fingerprint, radius 2
NEVER = 1e-10  # added to each probability, so that none is 0
LIMIT = 10.0  # seconds of processor time a molecule; one takes 2 ms
CHUNK, BLOCK = 64, 1_000  # molecules sent to a worker, and compared, at once


class Features(NamedTuple):
    """Of one molecule: SMILES without stereochemistry, CONTINUOUS and DISCRETE, packed bits as hexadecimal digits."""

    name: str
    values: list[float]
    bits: str


def features(smiles: str) -> Features:
    """The features of a valid SMILES; a descriptor that is not finite counts as 0."""
    from rdkit import rdBase
    from rdkit.Chem import Descriptors, MolFromSmiles, MolToSmiles

    with rdBase.BlockLogs():
        name = MolToSmiles(MolFromSmiles(smiles), isomericSmiles=False)
        mol = MolFromSmiles(name)
        values = [float(getattr(Descriptors, each)(mol)) for each in (*CONTINUOUS, *DISCRETE)]
        bits = np.packbits(_generator().GetFingerprintAsNumPy(mol)).tobytes().hex()
        return Features(name, [value if math.isfinite(value) else 0.0 for value in values], bits)


@lru_cache(maxsize=1)
def _generator() -> FingerprintGenerator64:
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    return GetMorganGenerator(radius=2, fpSize=BITS)


def every(smiles: Iterable[str]) -> list[Features]:
    """The features of valid SMILES, in order, without those that RDKit gave up on. One worker process a core."""
    with Workers(cores(), Task(f"{__name__}:features", LIMIT, _from_json, _lost, ("C",))) as workers:
        return [found for found in workers.map((), smiles, CHUNK) if found is not None]


def _from_json(values: Any) -> Features | None:
    return Features(*values)


def _lost(smiles: str, reason: str) -> Features | None:
    return None


class Described:
    """Different molecules, described: values [N, 9], and the similarity of each to the most similar other one [N]."""

    def __init__(self, molecules: Sequence[Features]):
        self.values = np.array([each.values for each in molecules], np.float64).reshape(-1, 9)
        self._bits = [bytes.fromhex(each.bits) for each in molecules]

    @cached_property
    def similarity(self) -> np.ndarray:
        """0 where there is no other one."""
        packed = np.array([np.frombuffer(bits, np.uint8) for bits in self._bits], np.uint8).reshape(-1, BITS // 8)
        nearest = np.zeros(len(packed), np.float32)
        blocks = [slice(start, start + BLOCK) for start in range(0, len(packed), BLOCK)]
        for i, ours in enumerate(blocks):
            mine = np.unpackbits(packed[ours], axis=1).astype(np.float32)
            for theirs in blocks[i:]:
                same = theirs == ours
                found = tanimoto(mine, mine if same else np.unpackbits(packed[theirs], axis=1).astype(np.float32))
                if same:
                    np.fill_diagonal(found, 0.0)
                nearest[ours] = np.maximum(nearest[ours], found.max(axis=1))
                nearest[theirs] = np.maximum(nearest[theirs], found.max(axis=0))
        return nearest.astype(np.float64)


def kl_score(reference: Described, molecules: Described) -> float:
    """The mean of exp(-D) over all `divergences`; nan where one of the sets has fewer than two molecules."""
    if min(len(reference.values), len(molecules.values)) < 2:
        return math.nan
    return float(np.mean([math.exp(-found) for found in divergences(reference, molecules).values()]))


def divergences(reference: Described, molecules: Described) -> dict[str, float]:
    """D(reference || molecules) of each descriptor and of the internal similarity, nats."""
    found = {}
    for i, name in enumerate((*CONTINUOUS, *DISCRETE)):
        of = continuous_divergence if name in CONTINUOUS else discrete_divergence
        found[name] = of(reference.values[:, i], molecules.values[:, i])
    return {**found, "internal_similarity": continuous_divergence(reference.similarity, molecules.similarity)}


def continuous_divergence(reference: np.ndarray, sample: np.ndarray) -> float:
    """D of the densities of two samples at 1,000 places from the least to the greatest value.

    Densities are of Gaussian kernels with Scott's width, s n^(-1/5); D is inf where a sample has no width.
    """
    if min(reference.std(), sample.std()) == 0:
        return math.inf
    both = np.concatenate([reference, sample])
    places = np.linspace(both.min(), both.max(), 1000)
    return _divergence(_density(reference, places), _density(sample, places))


def _density(sample: np.ndarray, places: np.ndarray) -> np.ndarray:
    width = sample.std(ddof=1) * len(sample) ** -0.2
    total = np.zeros(len(places))
    for start in range(0, len(sample), BLOCK):
        total += np.exp(-0.5 * ((places[:, None] - sample[start : start + BLOCK]) / width) ** 2).sum(axis=1)
    return total / (len(sample) * width * math.sqrt(2 * math.pi))


def discrete_divergence(reference: np.ndarray, sample: np.ndarray) -> float:
    """D of the histograms of two samples, in ten bins from the least to the greatest value of the reference."""
    counts, edges = np.histogram(reference, 10)
    other = np.histogram(sample, edges)[0]
    heights = (each / max(1, each.sum()) / np.diff(edges) for each in (counts, other))
    return _divergence(*heights)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """sum_i p_i log(p_i / q_i), each scaled to the sum 1 after NEVER was added."""
    p, q = ((each + NEVER) / (each + NEVER).sum() for each in (p, q))
    return float(np.sum(p * np.log(p / q)))


class GuacamolStatistics(Statistics):
    """See the module."""

    def __init__(self, training: Reference | None, decode: Decode, end: int, pool: Pool):
        """Args: training, None leaves out what needs it; decode, the text of token ids; end, id of the end token;
        pool, examines molecules.
        """
        self._training, self._decode, self._end, self._pool = training, decode, end, pool
        self._valid, self._seen = RatioSums(share=True), 0
        self._smiles: list[str] = []  # of the valid ones

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds sequences: tokens int32 [N, T], lengths int32 [N]."""
        molecules = molecules_of(tokens, lengths, self._decode, self._end, self._pool)()
        self._valid.add(np.array([molecule.valid for molecule in molecules[: MOST - self._seen]], np.float64))
        self._seen = min(MOST, self._seen + len(molecules))
        self._smiles += [molecule.canonical for molecule in molecules if molecule.valid]

    def result(self) -> dict[str, Estimate]:
        """Every metric by name; nan where there are too few molecules."""
        found = {"valid": self._valid.estimate()}
        molecules = every(self._smiles)
        first = [each.name for each in molecules[:MOST]]
        found["unique"] = share_distinct(np.unique(hashes(first), return_counts=True)[1])
        different = list({each.name: each for each in molecules}.values())[:MOST]
        if self._training is not None:
            novel = RatioSums(share=True)
            novel.add(~np.isin(hashes([each.name for each in different]), self._training.hashes))
            found["novelty"] = novel.estimate()
            reference = every(self._training.larger)
            own, theirs = Described(different), Described(list({each.name: each for each in reference}.values()))
            found["kl"] = Estimate(kl_score(theirs, own), None, None, len(different))
            if frechet_chemnet.available() and min(len(first), len(reference)) > 1:
                sets = (frechet_chemnet.activations(each) for each in (first, [each.name for each in reference]))
                found["fcd"] = Estimate(math.exp(-frechet_chemnet.distance(*sets) / 5), None, None, len(first))
        return {f"guacamol_{name}": value for name, value in found.items()}

    def close(self) -> None:
        """Ends the pool's worker processes; they start again when next needed."""
        self._pool.close()
