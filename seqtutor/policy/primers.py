"""What comes before the first drawn token: nothing (start), a random token of the domain, or given tokens."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.errors import UserError
from seqtutor.policy.sampler import Rollout, Sampler
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.rejections import Rejections

NONE = -1  # fills a primer's row after its last token


class Primer:
    """Makes primer arrays int32 [N, P] from a spec: `start`, `random`, text tokens, or a file of sequences.

    Rows of a file are taken in turn. Where the domain keeps its primer (a scaffold) each is whole, and a shorter one
    has NONE after it; elsewhere they are cut to the shortest of them.

    Attributes:
      rejected: what of a file cannot begin a sequence, and why.
      left_out: what the others leave out of their originals.
    """

    def __init__(self, domain: Domain, spec: str):
        """Raises UserError if the spec is none of these, or if tokens or most of a file cannot begin a sequence."""
        self.rejected, self.left_out = Rejections(), LeftOut()
        self._choices = np.zeros((1, 0), np.int32)
        if spec == "random":
            self._choices = domain.random_primers().reshape(-1, 1)
            if not len(self._choices):
                raise UserError(f"domain '{domain.name}' has no random primer; use `start` or give tokens")
        elif not spec.strip():
            raise UserError("the primer is empty; give `start`, `random`, tokens or a file")
        elif spec != "start":
            is_file = any(map(os.path.exists, (spec, spec.rpartition(":")[0])))  # a table may name its column
            self._choices = self._of_file(domain, Path(spec)) if is_file else _of_text(domain, spec)
        self._random = spec == "random"
        self._lengths = _lengths(self._choices)

    @property
    def lengths(self) -> int:
        """How many different lengths the primers have."""
        return len(np.unique(self._lengths))

    @property
    def longest(self) -> int:
        """Tokens of the longest primer."""
        return int(self._lengths.max())

    def draw(self, n: int, rng: np.random.Generator, first: int = 0) -> np.ndarray:
        """Primers int32 [n, P]: uniformly at random, or the given ones in turn beginning at number `first`."""
        return self._choices[self._pick(len(self._choices), n, rng, first)]

    def draw_equal(self, n: int, rng: np.random.Generator, turn: int) -> np.ndarray:
        """As `draw`, but of those only that are as long as number `turn`, so that nothing is NONE."""
        length = self._lengths[turn % len(self._lengths)]
        equal = self._choices[self._lengths == length, :length]
        return equal[self._pick(len(equal), n, rng, 0)]

    def _pick(self, count: int, n: int, rng: np.random.Generator, first: int) -> np.ndarray:
        return rng.integers(0, count, n) if self._random else (first + np.arange(n)) % count

    def _of_file(self, domain: Domain, path: Path) -> np.ndarray:
        """The primers of a file, [N, P]. Raises UserError if more than half of it are bad, or there is none."""
        rows = []
        for item in domain.read(path):
            try:
                if isinstance(item, Record):
                    rows.append(domain.trim_primer(_ids(domain, item.text)))
                    self.left_out.add(item)
                else:
                    self.rejected.append(item)
            except ValueError as error:
                self.rejected.append(Rejected(item.name, str(error)))
        bad, total = len(self.rejected), len(rows) + len(self.rejected)
        if 2 * bad > total:
            first = next(iter(self.rejected))
            raise UserError(f"primer {path}: {bad} of {total} are bad; the first is {first.name}: {first.reason}")
        if not rows:
            raise UserError(f"primer {path}: no sequence in it")
        longest = (max if domain.keeps_primer else min)(map(len, rows))
        filled = [np.pad(row[:longest], (0, longest - len(row[:longest])), constant_values=NONE) for row in rows]
        return np.array(filled, np.int32)


def draw_from(
    sampler: Sampler, uniforms: np.ndarray, primers: np.ndarray, domain: Domain
) -> tuple[Rollout, np.ndarray, np.ndarray]:
    """Draws from primers [N, P] of any lengths, see `Sampler.draw`; those of one length are drawn together.

    Returns the sequences and the primers before them as `with_primer` does, and how many tokens of each were drawn,
    int32 [N].
    """
    lengths, parts, order = _lengths(primers), [], []
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        equal = primers[at, :length]
        whole, before = with_primer(sampler.draw(uniforms[at], equal), equal, domain)
        parts.append((*whole, before, whole.lengths - (length - before.shape[1])))
        order.append(at)
    back = np.argsort(np.concatenate(order))
    *drawn, before, count = (np.concatenate(arrays)[back] for arrays in zip(*parts, strict=True))
    return Rollout(*drawn), before, count


def with_primer(drawn: Rollout, primers: np.ndarray, domain: Domain) -> tuple[Rollout, np.ndarray]:
    """The sequences as the domain sees them, and the primers [N, P] that come before them.

    Where a domain keeps its primer (a scaffold), it becomes the beginning of each sequence, cut to T
    tokens; its own entries in the float arrays are 0, since they were not drawn, and nothing comes before.
    """
    count, length = primers.shape[1], drawn.tokens.shape[1]
    if not domain.keeps_primer or count == 0:
        return drawn, primers
    tokens = np.concatenate([primers, drawn.tokens], axis=1)[:, :length]
    floats = [np.pad(array, ((0, 0), (count, 0)))[:, :length] for array in drawn[2:]]
    return Rollout(tokens, np.minimum(drawn.lengths + count, length), *floats), primers[:, :0]


def _of_text(domain: Domain, spec: str) -> np.ndarray:
    try:
        return np.array([_ids(domain, spec)], np.int32)
    except ValueError as error:
        raise UserError(f"primer '{spec}': {error}; give `start`, `random`, tokens or a file") from None


def _ids(domain: Domain, text: str) -> list[int]:
    """The tokens of a primer. Raises ValueError with the reason if it cannot begin a sequence."""
    ids = domain.vocabulary.ids(domain.tokenize(text))
    if not ids:
        raise ValueError("no tokens")
    if domain.keeps_primer and len(ids) >= domain.length:
        raise ValueError(f"{len(ids)} tokens; a sequence has at most {domain.length}")
    return ids


def _lengths(primers: np.ndarray) -> np.ndarray:
    """How many tokens each row of [N, P] has."""
    return (primers != NONE).sum(axis=1)
