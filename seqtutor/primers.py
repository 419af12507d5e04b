"""What stands before the first drawn token: nothing (start), a random token of the domain, or given tokens."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from seqtutor.domains.base import Domain, Record
from seqtutor.errors import UserError
from seqtutor.rollout import Rollout


class Primer:
    """Makes primer arrays int32 [N, P] from a spec: `start`, `random`, text tokens, or a file of sequences.

    Rows of a file are taken in turn; they are cut to the shortest of them, so that P is one number.
    """

    def __init__(self, domain: Domain, spec: str):
        """Raises UserError if the spec is none of these or its tokens are not in the vocabulary."""
        self._choices = np.zeros((1, 0), np.int32)
        if spec == "random":
            self._choices = domain.random_primers().reshape(-1, 1)
            if not len(self._choices):
                raise UserError(f"domain '{domain.name}' has no random primer; use `start` or give tokens")
        elif not spec.strip():
            raise UserError("the primer is empty; give `start`, `random`, tokens or a file")
        elif spec != "start":
            self._choices = _given(domain, spec)
        self._random = spec == "random"

    def draw(self, n: int, rng: np.random.Generator, first: int = 0) -> np.ndarray:
        """Primers int32 [n, P]: uniformly at random, or the given ones in turn beginning at number `first`."""
        count = len(self._choices)
        at = rng.integers(0, count, n) if self._random else (first + np.arange(n)) % count
        return self._choices[at]


def with_primer(drawn: Rollout, primers: np.ndarray, domain: Domain) -> tuple[Rollout, np.ndarray]:
    """The sequences as the domain sees them, and the primers [N, P] that stand before them.

    Where a domain keeps its primer (a scaffold), it becomes the beginning of each sequence, cut to T
    tokens; its own entries in the float arrays are 0, since they were not drawn, and nothing stands before.
    """
    count, length = primers.shape[1], drawn.tokens.shape[1]
    if not domain.keeps_primer or count == 0:
        return drawn, primers
    tokens = np.concatenate([primers, drawn.tokens], axis=1)[:, :length]
    floats = [np.pad(array, ((0, 0), (count, 0)))[:, :length] for array in drawn[2:]]
    return Rollout(tokens, np.minimum(drawn.lengths + count, length), *floats), primers[:, :0]


def _given(domain: Domain, spec: str) -> np.ndarray:
    if os.path.exists(spec):  # unlike Path's, also of text too long to be a name
        texts = [record.text for record in domain.read(Path(spec)) if isinstance(record, Record)]
        if not texts:
            raise UserError(f"primer {spec}: no readable sequence in it")
    else:
        texts = [spec]
    try:
        rows = [domain.vocabulary.ids(domain.tokenize(text)) for text in texts]
    except ValueError as error:
        raise UserError(f"primer '{spec}': {error}; give `start`, `random`, tokens or a file") from None
    shortest = min(len(row) for row in rows)
    if shortest == 0:
        raise UserError(f"primer '{spec}' is empty; use `start` for no primer")
    if domain.keeps_primer and shortest >= domain.length:
        raise UserError(f"primer '{spec}' has {shortest} tokens; a sequence has at most {domain.length}")
    return np.array([row[:shortest] for row in rows], np.int32)
