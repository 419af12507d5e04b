"""What the metrics of MOSES need to know of one molecule, by RDKit; it runs in worker processes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqtutor.system.files import packaged
from seqtutor.system.tensorflow_setup import cores
from seqtutor.system.workers import Task, Workers

if TYPE_CHECKING:
    from rdkit.Chem import Mol
    from rdkit.Chem.rdFingerprintGenerator import FingerprintGenerator64
    from rdkit.DataStructs import ExplicitBitVect

BITS = 1024  # of a fingerprint
VALUES = ("logp", "sa", "qed", "weight")
FILTERS = packaged("data", "molecules", "moses-filters.csv")  # MCF and PAINS as MOSES has them
LARGEST_RING = 7  # atoms, of what passes the filters
ATOMS = {"C", "N", "S", "O", "F", "Cl", "Br", "H"}  # of what passes the filters
LIMIT = 10.0  # seconds of processor time a molecule; one takes 3 ms
CHUNK = 64  # molecules sent to a worker at once


class Features(NamedTuple):
    """Of one molecule.

    Attributes:
      bits: the Morgan fingerprint of radius 2, packed to 128 bytes, as hexadecimal digits.
      fragments: BRICS fragments as SMILES, with repeats.
      scaffold: the Bemis-Murcko scaffold as SMILES; empty where it has fewer than two rings.
      values: in the order of VALUES; g/mol and the units of `properties`.
      passes: whether it passes the filters; None where that was not asked.
    """

    bits: str
    fragments: list[str]
    scaffold: str
    values: list[float]
    passes: bool | None


def features(smiles: str, filters: bool) -> Features:
    """The features of a valid SMILES; `filters`: whether to look at these, a third of the work."""
    from rdkit import rdBase
    from rdkit.Chem import QED, Crippen, Descriptors, FragmentOnBRICSBonds, MolFromSmiles, MolToSmiles
    from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol
    from rdkit.Contrib.SA_Score import sascorer

    with rdBase.BlockLogs():
        mol = MolFromSmiles(smiles)
        scaffold = GetScaffoldForMol(mol)
        return Features(
            np.packbits(_generator().GetFingerprintAsNumPy(mol)).tobytes().hex(),
            MolToSmiles(FragmentOnBRICSBonds(mol)).split("."),
            MolToSmiles(scaffold) if scaffold.GetRingInfo().NumRings() >= 2 else "",
            [Crippen.MolLogP(mol), sascorer.calculateScore(mol), QED.qed(mol), Descriptors.MolWt(mol)],
            _passes(mol) if filters else None,
        )


def every(smiles: Iterable[str], filters: bool) -> Iterator[Features | None]:
    """The features of each valid SMILES, in order; None where RDKit gave up on one. One worker process a core."""
    with Workers(cores(), Task(f"{__name__}:features", LIMIT, _from_json, _lost, ("C", True))) as workers:
        yield from workers.map((filters,), smiles, CHUNK)


def _from_json(values: Any) -> Features | None:
    return Features(*values)


def _lost(smiles: str, reason: str) -> Features | None:
    return None


def _passes(mol: Mol) -> bool:
    """Small rings, no charges, the ATOMS alone, and none of the patterns of FILTERS, with hydrogens as atoms."""
    from rdkit.Chem import AddHs, PatternFingerprint
    from rdkit.DataStructs import AllProbeBitsMatch

    if any(len(ring) > LARGEST_RING for ring in mol.GetRingInfo().AtomRings()):
        return False
    if any(atom.GetFormalCharge() != 0 or atom.GetSymbol() not in ATOMS for atom in mol.GetAtoms()):
        return False
    whole = AddHs(mol)
    screen = PatternFingerprint(whole)
    return not any(AllProbeBitsMatch(bits, screen) and whole.HasSubstructMatch(pattern) for pattern, bits in _filters())


@lru_cache(maxsize=1)
def _generator() -> FingerprintGenerator64:
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    return GetMorganGenerator(radius=2, fpSize=BITS)


@lru_cache(maxsize=1)
def _filters() -> list[tuple[Mol, ExplicitBitVect]]:
    """The patterns, each with the bits that RDKit's pattern fingerprint of every molecule with a match has."""
    from rdkit.Chem import MolFromSmarts, PatternFingerprint

    with FILTERS.open(encoding="utf-8", newline="") as file:
        patterns = [MolFromSmarts(row["smarts"]) for row in csv.DictReader(file)]
    return [(pattern, PatternFingerprint(pattern)) for pattern in patterns]
