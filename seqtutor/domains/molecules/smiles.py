"""SMILES as tokens: one an atom, a bond, a branch bracket or a ring closure.

`CC(=O)N[C@@H]1CCl` is `C C ( = O ) N [C@@H] 1 C Cl`. Two-letter atoms (Cl, Br), bracket atoms and
two-digit ring closures (%12) are one token each, and so are dative bonds (-> and <-); everything else is one
character. Only what OpenSMILES allows is a token, and RDKit's dative bonds; whether the tokens form a molecule is for
RDKit to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtutor.domains.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rdkit.Chem import Mol

END = "<end>"  # the end token, and the padding after it; no SMILES has it, while `$` would be a quadruple bond

_TOKEN = re.compile(r"Cl|Br|->|<-|[BCNOPSFIbcnops*()\-=#$:/\\.0-9]|\[[A-Za-z0-9@+\-:*]+\]|%[0-9]{2}")
_MAPPED = re.compile(r"\[[^]:]*:[0-9]+\]")  # an atom with the number of an atom map


def tokenize(text: str) -> list[str]:
    """Splits a SMILES into tokens; joined give it back. Raises ValueError that says what is wrong and where."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise ValueError(_what_is_wrong(text))
    return tokens


def _what_is_wrong(text: str) -> str:
    """Why text, which does not split into tokens, cannot be a SMILES; positions count from 1."""
    at = 0
    while match := _TOKEN.match(text, at):
        at = match.end()
    place = f"at position {at + 1}"
    if text[at] == "[":
        inside, closed, _ = text[at + 1 :].partition("]")
        return f"bracket atom '[{inside}]' {place} is not one" if closed else f"bracket {place} is never closed"
    if text[at] == "%":
        return f"'%' {place} is not followed by two digits"
    return f"character {text[at]!r} {place} cannot be in a SMILES"


def decode(tokens: Sequence[int] | np.ndarray, vocabulary: Vocabulary) -> str:
    """The SMILES of token ids [t]: the symbols before the first end token, or all where there is none."""
    ids = np.asarray(tokens).tolist()
    if vocabulary.end in ids:
        ids = ids[: ids.index(vocabulary.end)]
    return "".join([vocabulary.symbols[i] for i in ids])


def parse(text: str) -> Mol | None:
    """The molecule of a SMILES, without the numbers of atom maps; None if it is none to RDKit or has no atoms.

    Without its number an atom is as any other, so a hydrogen joins its neighbour and two branches may be equal.
    """
    from rdkit import Chem

    mol = Chem.MolFromSmiles(text)
    if mol is not None and _MAPPED.search(text):
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
        mol = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
    return mol if mol is not None and mol.GetNumAtoms() else None
