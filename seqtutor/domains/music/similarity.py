"""The stretch of the training melodies that is nearest to a melody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtutor.domains.music.statistics import BREAK
from seqtutor.domains.music.tokens import SYMBOLS
from seqtutor.domains.neighbours import Neighbour, Neighbours


def nearest(texts: Sequence[str], reference: np.ndarray) -> Neighbours:
    """The stretch with the most sixteenths in common, for each text; reference: melodies as `encode` makes them."""
    tunes = int((reference == BREAK).sum())
    how = f"share of equal sixteenths with any stretch of that length of {tunes:,} training melodies"
    return Neighbours(how, [_nearest(text, reference) for text in texts])


def _nearest(text: str, reference: np.ndarray) -> Neighbour | None:
    tokens = [SYMBOLS.index(symbol) for symbol in text.split()]
    places = len(reference) - len(tokens) + 1
    if places < 1 or not tokens:
        return None
    equal, across = np.zeros(places, np.int32), np.zeros(places, bool)
    for step, token in enumerate(tokens):
        at_step = reference[step : step + places]
        equal += at_step == token
        across |= at_step == BREAK
    equal[across] = -1  # a stretch across two melodies is in none
    best = int(equal.argmax())
    if across[best]:
        return None
    found = reference[best : best + len(tokens)]
    return Neighbour(" ".join(SYMBOLS[token] for token in found), int(equal[best]) / len(tokens))
