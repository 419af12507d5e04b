"""Components of a molecule's reward beside the properties that every table shows, by RDKit; only what is asked for.

| component | value | unit |
|---|---|---|
| `tpsa` | topological polar surface area of nitrogen and oxygen | square angstrom |
| `weight` | molecular weight | g/mol |
| `donors`, `acceptors` | atoms that give and that take hydrogen bonds (RDKit's `NumHDonors`, `NumHAcceptors`) | atoms |
| `rotatable` | rotatable bonds | bonds |
| `rings` | rings of the smallest set of smallest rings | rings |
| `alerts` | structural alerts of the PAINS and Brenk catalogues that match | alerts |
| `smarts(PATTERN)` | 1 if the pattern matches anywhere, else 0 | |
| `count(PATTERN)` | how often the pattern matches, at different atoms | matches |
| `descriptor(NAME)` | any of RDKit's `Descriptors.descList`, such as `FractionCSP3`; nan makes a molecule invalid | |
| `similar(SMILES)` | Tanimoto similarity to the nearest of the molecules given: Morgan, radius 2, 2048 bits | 0 to 1 |
| `task(NAME)` | score in a task of a benchmark, see `tasks` | 0 to 1 |
| `scaffold_seen` | how many molecules scored before in this run have the same scaffold | molecules |

All but some descriptors are 0 or more. Pure functions of a molecule and the argument in parentheses, if any; they run
in worker processes. For `scaffold_seen` those give the scaffold, and `ScaffoldMemory` counts it where the reward is.

A scaffold is Bemis and Murcko's (1996); a molecule without a ring is its own.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqtutor.domains.molecules.tasks import TASKS
from seqtutor.errors import UserError, unknown_name

if TYPE_CHECKING:
    from rdkit.Chem import Mol
    from rdkit.Chem.FilterCatalog import FilterCatalog
    from rdkit.DataStructs import ExplicitBitVect

BITS = 2048  # of a fingerprint


class Component(NamedTuple):
    """A component: its function of a molecule and an argument, and the most that counts where it has no transform.

    It is infinite where a transform must be given. `argument` says in capitals what is in parentheses after the name;
    it is empty where nothing is. `forfeited`: whether an invalid molecule loses as much by it as a valid one can earn
    or lose, or nothing.
    """

    measure: Callable[[Mol, str], float | str]
    most: float
    argument: str = ""
    forfeited: bool = True


def measure(mol: Mol, name: str) -> float | str:
    """The value of a component such as `tpsa` or `smarts(C=O)`; for `scaffold_seen` the scaffold, as SMILES.

    Raises UserError if RDKit cannot read the argument.
    """
    kind, _, argument = name.partition("(")
    return COMPONENTS[kind].measure(mol, argument.removesuffix(")"))


def check(name: str) -> None:
    """Raises UserError if RDKit cannot read the argument of a component."""
    from rdkit.Chem import MolFromSmiles

    measure(MolFromSmiles("C"), name)


def _descriptor(name: str) -> Callable[[Mol, str], float]:
    """The function of that name of RDKit's descriptors."""

    def descriptor(mol: Mol, argument: str) -> float:
        from rdkit.Chem import Descriptors

        return float(getattr(Descriptors, name)(mol))

    return descriptor


def _named(mol: Mol, argument: str) -> float:
    """Raises ValueError for a molecule that has no such number."""
    from rdkit.Chem import Descriptors

    known = dict(Descriptors.descList)
    if argument not in known:
        near = difflib.get_close_matches(argument, known, n=3, cutoff=0.5) or ["one of rdkit.Chem.Descriptors.descList"]
        raise UserError(f"reward 'descriptor({argument})': RDKit has no such number; did you mean {', '.join(near)}?")
    value = float(known[argument](mol))
    if not math.isfinite(value):
        raise ValueError(f"its {argument} is {value}")
    return value


def _alerts(mol: Mol, argument: str) -> float:
    return float(len(_catalogue().GetMatches(mol)))


def _smarts(mol: Mol, argument: str) -> float:
    return float(mol.HasSubstructMatch(_pattern(argument, "smarts")))


def _count(mol: Mol, argument: str) -> float:
    return float(len(mol.GetSubstructMatches(_pattern(argument, "count"))))


def _similar(mol: Mol, argument: str) -> float:
    from rdkit.DataStructs import BulkTanimotoSimilarity

    return max(BulkTanimotoSimilarity(_fingerprint(mol), [_reference(smiles) for smiles in argument.split(",")]))


def _task(mol: Mol, argument: str) -> float:
    if argument not in TASKS:
        raise unknown_name("task", argument, TASKS)
    return TASKS[argument](mol)


def _scaffold(mol: Mol, argument: str) -> str:
    from rdkit.Chem import MolToSmiles
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    return MurckoScaffoldSmiles(mol=mol) or MolToSmiles(mol)


COMPONENTS = {
    "tpsa": Component(_descriptor("TPSA"), 300.0),
    "weight": Component(_descriptor("MolWt"), 1000.0),
    "donors": Component(_descriptor("NumHDonors"), 10.0),
    "acceptors": Component(_descriptor("NumHAcceptors"), 20.0),
    "rotatable": Component(_descriptor("NumRotatableBonds"), 20.0),
    "rings": Component(_descriptor("RingCount"), 10.0),
    "alerts": Component(_alerts, 5.0),
    "smarts": Component(_smarts, 1.0, "PATTERN"),
    "count": Component(_count, 20.0, "PATTERN"),
    "descriptor": Component(_named, math.inf, "NAME"),
    "similar": Component(_similar, 1.0, "SMILES"),
    "task": Component(_task, 1.0, "NAME", forfeited=False),
    "scaffold_seen": Component(_scaffold, 25.0),
}


class ScaffoldMemory:
    """How often each scaffold has been seen."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def seen(self, scaffolds: Iterable[str | None]) -> np.ndarray:
        """How often each was seen before, those in front of it included, float64 [N]; nan for None. Notes them."""
        before = []
        for scaffold in scaffolds:
            before.append(np.nan if scaffold is None else self._times[scaffold])
            self._times.update([] if scaffold is None else [scaffold])
        return np.array(before, np.float64)

    def state(self) -> dict[str, np.ndarray]:
        """The scaffolds in the order they came, and their counts."""
        return {"scaffolds": np.array(list(self._times), np.bytes_), "times": np.array(list(self._times.values()), int)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        names = (name.decode("ascii") for name in state["scaffolds"].tolist())
        self._times = Counter(dict(zip(names, state["times"].tolist(), strict=True)))


@lru_cache(maxsize=1)
def _catalogue() -> FilterCatalog:
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    both = FilterCatalogParams()
    for catalogue in (both.FilterCatalogs.PAINS, both.FilterCatalogs.BRENK):
        both.AddCatalog(catalogue)
    return FilterCatalog(both)


@lru_cache(maxsize=256)
def _pattern(smarts: str, name: str) -> Mol:
    from rdkit.Chem import MolFromSmarts

    return _read(MolFromSmarts, smarts, name, "SMARTS")


@lru_cache(maxsize=256)
def _reference(smiles: str) -> ExplicitBitVect:
    from rdkit.Chem import MolFromSmiles

    return _fingerprint(_read(MolFromSmiles, smiles, "similar", "SMILES"))


def _fingerprint(mol: Mol) -> ExplicitBitVect:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS).GetFingerprint(mol)


def _read(parse: Callable[[str], Any], text: str, name: str, kind: str) -> Mol:
    from rdkit import rdBase

    with rdBase.BlockLogs():
        mol = parse(text)
    if mol is None or mol.GetNumAtoms() == 0:
        raise UserError(f"reward '{name}({text})': RDKit cannot read '{text}' as {kind}")
    return mol
