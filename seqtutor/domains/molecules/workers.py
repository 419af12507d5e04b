"""Worker processes that examine molecules (see `system.workers`)."""

from __future__ import annotations

from typing import Any

from seqtutor.domains.molecules.properties import Molecule
from seqtutor.system.workers import DIED, TIMED_OUT, Task, Workers

__all__ = ["DIED", "TIMED_OUT", "Processes", "What"]

What = tuple[bool, tuple[str, ...]]  # whether properties are wanted, and which components beside them


class Processes(Workers[Molecule]):
    """Worker processes of this machine for the function `examine(smiles, *What) -> Molecule` of a module."""

    def __init__(self, size: int, module: str, limit: float):
        """Args: size, how many processes; module, where `examine` is; limit, seconds a molecule may take.

        The first call is of methane: it loads RDKit's tables, so that the first molecule's time is its own.
        """
        super().__init__(size, Task(f"{module}:examine", limit, _molecule, _lost, ("C", True)))


def _molecule(values: Any) -> Molecule:
    valid, canonical, numbers, reason, extra = values
    return Molecule(valid, canonical, tuple(numbers), reason, tuple(map(tuple, extra)))


def _lost(smiles: str, reason: str) -> Molecule:
    return Molecule(False, reason=reason)
