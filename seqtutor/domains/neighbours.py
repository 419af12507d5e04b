"""The training sequence that is most like a given one: what is found, and the measure of domains without their own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

COMPARED = 5_000  # training sequences that texts are compared with, at the most


class Neighbour(NamedTuple):
    """The training sequence that is most like a given one. `similarity` is 1 for an equal one, at the least 0."""

    text: str
    similarity: float


class Neighbours(NamedTuple):
    """The nearest of each sequence that was asked for, None where there is none; `how`: measure and reference."""

    how: str
    found: list[Neighbour | None]


def nearest_texts(texts: Sequence[str], reference: set[str]) -> Neighbours:
    """The nearest of each text by difflib's ratio, with every k-th text of a large reference."""
    known = sorted(reference)
    some = known[:: -(-len(known) // COMPARED) or 1]
    how = f"similarity of the texts (difflib's ratio), among {len(some):,} of {len(known):,}; equal ones among all"
    return Neighbours(how, [_nearest(text, some, reference) for text in texts])


def _nearest(text: str, some: Sequence[str], every: set[str]) -> Neighbour | None:
    if text in every:
        return Neighbour(text, 1.0)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)

    def ratio(other: str) -> float:
        matcher.set_seq1(other)
        return matcher.ratio()

    found = max(some, key=ratio, default=None)
    return None if found is None else Neighbour(found, ratio(found))
