"""A cache of molecules, of bounded size."""

from __future__ import annotations

from seqtutor.domains.molecules.properties import Molecule


class MoleculeCache:
    """Molecules by SMILES. Holds two generations of at most size / 2; a full one replaces the older."""

    def __init__(self, size: int):
        self._half = size // 2
        self._young: dict[str, Molecule] = {}
        self._old: dict[str, Molecule] = {}

    def get(self, smiles: str) -> Molecule | None:
        """The molecule, or None. One found in the older generation moves to the younger."""
        found = self._young.get(smiles)
        if found is None and (found := self._old.get(smiles)) is not None:
            self.put(smiles, found)
        return found

    def put(self, smiles: str, molecule: Molecule) -> None:
        """Keeps a molecule."""
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[smiles] = molecule
