"""Properties of one molecule, from its SMILES, by RDKit. Pure functions; they run in worker processes.

| property | unit | source |
|---|---|---|
| `logp` | log10 of the octanol-water partition coefficient | Wildman and Crippen 1999 |
| `sa` | synthetic accessibility, 1 (easy) to 10 (hard) | Ertl and Schuffenhauer 2009, RDKit's `SA_Score` |
| `qed` | drug-likeness, 0 to 1 | Bickerton et al. 2012, RDKit's `QED` |
| `ring_penalty` | minus the atoms above 6 in the largest ring, 0 without such a ring | Kusner et al. 2017 |
| `penalised_logp` | logp - sa + ring_penalty (no term standardised) | Kusner et al. 2017 |

Rings are those of RDKit's smallest set of smallest rings. Properties are those of the canonical SMILES:
QED sums floats in atom order, so two spellings of one molecule would else differ in the last bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqtutor.domains.molecules import components
from seqtutor.domains.molecules.smiles import parse

if TYPE_CHECKING:
    from rdkit.Chem import Mol
    from rdkit.Chem.QED import QEDproperties


class Measured:
    """A molecule whose costly intermediate results are made once, when a property first asks for them."""

    def __init__(self, mol: Mol):
        self.mol = mol

    @cached_property
    def terms(self) -> QEDproperties:
        """The eight terms of QED: MW, ALOGP (Crippen's logP), HBA, HBD, PSA, ROTB, AROM, ALERTS."""
        from rdkit.Chem import QED

        return QED.properties(self.mol)

    @cached_property
    def sa(self) -> float:
        """The synthetic accessibility score."""
        from rdkit.Contrib.SA_Score import sascorer

        return sascorer.calculateScore(self.mol)

    @property
    def qed(self) -> float:
        """The quantitative estimate of drug-likeness, with its usual (mean) weights."""
        from rdkit.Chem import QED

        return QED.qed(self.mol, qedProperties=self.terms)

    @property
    def ring_penalty(self) -> float:
        """Minus the atoms above 6 in the largest ring."""
        largest = max((len(ring) for ring in self.mol.GetRingInfo().AtomRings()), default=0)
        return float(min(0, 6 - largest))


PROPERTIES: dict[str, Callable[[Measured], float]] = {
    "logp": lambda m: m.terms.ALOGP,
    "sa": lambda m: m.sa,
    "qed": lambda m: m.qed,
    "ring_penalty": lambda m: m.ring_penalty,
    "penalised_logp": lambda m: m.terms.ALOGP - m.sa + m.ring_penalty,
}


class Molecule(NamedTuple):
    """What is known of one SMILES. `values`, in the order of PROPERTIES, are nan unless it is valid and measured."""

    valid: bool
    canonical: str = ""
    values: tuple[float, ...] = (math.nan,) * len(PROPERTIES)
    reason: str = ""  # why it is not valid
    extra: tuple[
        tuple[str, float | str], ...
    ] = ()  # of a valid one, the components asked for (see `components`) by name


@lru_cache(maxsize=50_000)
def measure(
    canonical: str, extra: tuple[str, ...] = ()
) -> tuple[tuple[float, ...], tuple[tuple[str, float | str], ...]]:
    """Every property of a canonical SMILES, in the order of PROPERTIES, and the components named in `extra`.

    Raises ValueError if it does not parse.
    """
    from rdkit import Chem

    mol = Chem.MolFromSmiles(canonical)
    if mol is None:
        raise ValueError("its canonical form does not parse")
    measured = Measured(mol)
    values = tuple(float(function(measured)) for function in PROPERTIES.values())
    return values, tuple((name, components.measure(mol, name)) for name in extra)


def examine(smiles: str, properties: bool = True, extra: Sequence[str] = ()) -> Molecule:
    """Validity, canonical SMILES and, if asked for, properties of a SMILES, and with them the components in `extra`.

    Never raises on bad input; MemoryError where the machine has no more of it.

    Valid is what RDKit parses and sanitises and has at least one atom. Blanks are not part of a SMILES
    (RDKit would take what follows them for a name). The numbers of atom maps are not part of the molecule.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        if smiles.split() != [smiles]:
            return Molecule(False, reason="empty or with blanks")
        try:
            mol = parse(smiles)
            if mol is None:
                return Molecule(False, reason="not a molecule")
            canonical = Chem.MolToSmiles(mol)
            if not properties:
                return Molecule(True, canonical)
            values, more = measure(canonical, tuple(extra))
            return Molecule(True, canonical, values, extra=more)
        except MemoryError:  # says nothing about the molecule
            raise
        except Exception as error:  # RDKit raises many kinds on odd atoms: one string must not end a run
            return Molecule(False, reason=f"{type(error).__name__}: {error}")


def columns(molecules: Sequence[Molecule]) -> dict[str, np.ndarray]:
    """The properties of molecules by name, float64 [N] each; nan where a molecule is not valid."""
    values = np.array([molecule.values for molecule in molecules], np.float64).reshape(-1, len(PROPERTIES))
    return dict(zip(PROPERTIES, values.T, strict=True))
