"""SMILES as tokens: one an atom, a bond, a branch bracket or a ring closure.

`CC(=O)N[C@@H]1CCl` is `C C ( = O ) N [C@@H] 1 C Cl`. Two-letter atoms (Cl, Br), bracket atoms and
two-digit ring closures (%12) are one token each, everything else is one character. Only what OpenSMILES
allows is a token; whether the tokens form a molecule is for RDKit to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from seqtutor.domains.base import Vocabulary

END = "<end>"  # the end token, and the padding behind it; `<` is in no SMILES, `$` would be a quadruple bond

_TOKEN = re.compile(r"Cl|Br|[BCNOPSFIbcnops*()\-=#$:/\\.0-9]|\[[A-Za-z0-9@+\-:*]+\]|%[0-9]{2}")


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
