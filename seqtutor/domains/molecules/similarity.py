"""How a set of molecules lies to itself and to a reference set: diversity, nearest neighbours, fragments, scaffolds.

The definitions are those of MOSES (Polykovskiy et al. 2020, section 3.2): Morgan fingerprints of radius 2 and 1024
bits, Tanimoto similarity, fragments by BRICS, scaffolds of Bemis and Murcko with at least two rings.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from seqtutor.stats.estimate import Z95, Estimate, RatioSums

BITS = 1024


def fingerprints(names: Iterable[str]) -> np.ndarray:
    """Morgan fingerprints of SMILES, radius 2, float32 [N, 1024] of zeros and ones."""
    from rdkit import rdBase
    from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    with rdBase.BlockLogs():
        rows = [generator.GetFingerprintAsNumPy(MolFromSmiles(name)) for name in names]
    return np.array(rows, np.float32).reshape(-1, BITS)


def fragments(names: Iterable[str]) -> list[Counter[str]]:
    """How often each BRICS fragment is in each molecule; a molecule without a bond to break is its own one."""
    from rdkit.Chem import FragmentOnBRICSBonds, MolFromSmiles, MolToSmiles

    return [Counter(MolToSmiles(FragmentOnBRICSBonds(MolFromSmiles(name))).split(".")) for name in names]


def scaffolds(names: Iterable[str]) -> list[Counter[str]]:
    """The Bemis-Murcko scaffold of each molecule, once; nothing where it has fewer than two rings."""
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    found = []
    for name in names:
        molecule = MolFromSmiles(name)
        rings = molecule.GetRingInfo().NumRings()
        found.append(Counter([MurckoScaffoldSmiles(mol=molecule)] if rings >= 2 else []))
    return found


def summed(molecules: Iterable[Counter[str]]) -> Counter[str]:
    """The counts of all molecules together."""
    total: Counter[str] = Counter()
    for counts in molecules:
        total.update(counts)
    return total


def tanimoto(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Similarities [n, m] of fingerprints [n, bits] and [m, bits] of zeros and ones; of two empty ones, 1."""
    both = left @ right.T
    either = left.sum(1)[:, None] + right.sum(1)[None, :] - both
    return np.divide(both, either, out=np.ones_like(both), where=either > 0)


def diversity(prints: np.ndarray) -> Estimate:
    """One minus the mean Tanimoto similarity of all pairs of rows; prints float32 [n, bits] of zeros and ones.

    With h_i the mean similarity of molecule i to the others, leaving it out moves the mean of all pairs by
    2 (mean(h) - h_i) / (n - 2), hence se^2 = (n - 1) / n * sum_i (2 (h_i - mean(h)) / (n - 2))^2.
    """
    n = len(prints)
    if n < 3:
        return Estimate(math.nan, None, None, n)
    similarity = tanimoto(prints, prints).astype(np.float64)
    to_others = (similarity.sum(1) - 1.0) / (n - 1)  # less each molecule's similarity to itself
    value, spread = 1.0 - to_others.mean(), to_others - to_others.mean()
    error = math.sqrt((n - 1) / n * np.sum((2.0 * spread / (n - 2)) ** 2))
    return Estimate(float(value), value - Z95 * error, value + Z95 * error, n, error)


def nearest(prints: np.ndarray, reference: np.ndarray) -> Estimate:
    """SNN: the mean Tanimoto similarity of each row of prints [n, bits] to the nearest of the reference [m, bits]."""
    sums = RatioSums()
    if len(prints) and len(reference):
        sums.add(tanimoto(prints, reference).max(axis=1).astype(np.float64))
    return sums.estimate()


def cosine(molecules: Sequence[Counter[str]], reference: Counter[str]) -> Estimate:
    """Cosine of the angle between the summed counts S of molecules and the counts R of a reference.

    The standard error is the jackknife's: leaving molecule i out gives (S - x_i) R / (|S - x_i| |R|).
    """
    n, total = len(molecules), summed(molecules)
    size = math.sqrt(sum(count**2 for count in reference.values()))
    square = sum(count**2 for count in total.values())
    product = sum(count * reference[name] for name, count in total.items())
    if n < 2 or not size or not square:
        return Estimate(math.nan, None, None, n)
    without = np.empty(n)
    for i, counts in enumerate(molecules):
        less = sum(count * (count - 2 * total[name]) for name, count in counts.items())
        share = product - sum(count * reference[name] for name, count in counts.items())
        without[i] = share / (math.sqrt(square + less) * size) if square + less > 0 else 0.0
    value = product / (math.sqrt(square) * size)
    error = math.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))
    return Estimate(value, value - Z95 * error, value + Z95 * error, n, error)
