"""What `data info` draws of molecules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import columns
from seqtutor.domains.statistics import Property

# As they are called in `properties` and in `components`, with the names they are drawn under.
_DRAWN = {"qed": "QED", "logp": "logP", "sa": "SA", "weight": "weight (g/mol)", "rings": "rings"}
_COMPONENTS = ("weight", "rings")


def properties(smiles: Sequence[str], pool: Pool) -> list[Property]:
    """Drug-likeness, solubility, synthetic accessibility, weight and rings of the valid ones among the molecules."""
    valid = [molecule for molecule in pool.map(smiles, _COMPONENTS) if molecule.valid]
    found = columns(valid) | {
        name: np.array([dict(molecule.extra)[name] for molecule in valid], np.float64) for name in _COMPONENTS
    }
    return [Property(title, found[name]) for name, title in _DRAWN.items()]
