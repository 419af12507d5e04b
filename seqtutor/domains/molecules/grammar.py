"""What each token of a SMILES is: an atom with bonds to give, a bond, a branch or a ring closure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

KINDS = ("atom", "free", "aromatic", "wants", "yields", "open", "close", "order", "dot")
ORDERS = {"-": 1, "=": 2, "#": 3, "$": 4, "/": 1, "\\": 1}
_MARKS = {"(": "open", ")": "close", ".": "dot"}
_RING = re.compile(r"[0-9]|%[0-9]{2}")
UNKNOWN = 4  # bonds of an atom without usual valences, such as a metal


class TokenTable:
    """KINDS of each token, float32 [A, 9], and which of the R lowest ring closures it is, float32 [A, R].

    `free`: the bonds an atom has to give. Hydrogens that are written are left out, and of an aromatic atom the double
    bond that it `wants` in its system. One that `yields` wants none once its last bond is given, as `n` with three
    neighbours. `order`: of a bond.
    """

    def __init__(self, symbols: Sequence[str], rings: int):
        self.kinds = np.array([[_kinds(symbol).get(name, 0) for name in KINDS] for symbol in symbols], np.float32)
        closures = sorted(filter(_RING.fullmatch, symbols), key=lambda symbol: int(symbol.lstrip("%")))
        self.rings = np.array([[symbol == ring for ring in closures[:rings]] for symbol in symbols], np.float32)
        self.rings = np.pad(self.rings, ((0, 0), (0, rings - self.rings.shape[1])))


def _kinds(symbol: str) -> dict[str, float]:
    if symbol in _MARKS:
        return {_MARKS[symbol]: 1}
    return {"order": ORDERS[symbol]} if symbol in ORDERS else _atom(symbol)


def _atom(symbol: str) -> dict[str, float]:
    """Of a token that RDKit reads as an atom; else nothing."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(symbol, sanitize=False)
    if mol is None or mol.GetNumAtoms() != 1:
        return {}
    atom = mol.GetAtomWithIdx(0)
    hydrogens = atom.GetNumExplicitHs()
    like = atom.GetAtomicNum() - atom.GetFormalCharge()  # N+ has the valences of C
    valences = list(Chem.GetPeriodicTable().GetValenceList(like)) if 0 < like < 119 else [-1]
    least, most = (UNKNOWN if valence < 0 else valence for valence in (valences[0], valences[-1]))
    if not atom.GetIsAromatic():
        return {"atom": 1, "free": most - hydrogens}
    if least == 2:  # o, s: of their bonds none is double
        return {"atom": 1, "aromatic": 1, "free": 2 - hydrogens}
    wants = least == 4 or not hydrogens
    return {"atom": 1, "aromatic": 1, "free": 3 - hydrogens, "wants": wants, "yields": least == 3}
