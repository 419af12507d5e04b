"""Sequences given in files, in batches: the input of `score` and `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.errors import UserError
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.rejections import Rejections
from seqtutor.system.files import read_arrays

MOST_ROWS = 1024  # sequences of a batch
MOST_TOKENS = 1 << 17  # of a batch, padding included: bounds the memory where sequences are long


class SequenceBatch(NamedTuple):
    """Sequences of a file: names, tokens int32 [N, T] padded to the longest, lengths [N], and primers [N, P]."""

    names: list[str]
    tokens: np.ndarray
    lengths: np.ndarray
    primers: np.ndarray


class SequenceFile:
    """A file or folder of sequences, read batch by batch in its order.

    Attributes:
      domain: with a vocabulary; made from the file's own symbols where the domain given has none.
      rejected: what could not be read or has a token outside the vocabulary; complete after `batches`.
      left_out: what the others leave out of their originals; likewise.
    """

    def __init__(self, domain: Domain, path: Path, own_vocabulary: bool):
        """Args: own_vocabulary: numbers the file's own symbols, rather than take the domain's vocabulary."""
        self.path, self.rejected, self.left_out = path, Rejections(), LeftOut()
        self.domain = domain.with_vocabulary(_symbols(domain, path)) if own_vocabulary else domain

    def batches(self) -> Iterator[SequenceBatch]:
        """Every readable sequence. Raises UserError if there is none, or after the last if more than half are bad."""
        self.rejected, self.left_out = Rejections(), LeftOut()
        names: list[str] = []
        kept: list[tuple[np.ndarray, int]] = []  # tokens, and which of the file's sequences it is
        longest, total = 0, 0
        primers = _primers(self.path, self.domain)
        for item in self.domain.read(self.path):
            row = self._encode(item)
            if row is not None:
                longer = max(longest, len(row))
                if kept and (len(kept) == MOST_ROWS or longer * (len(kept) + 1) > MOST_TOKENS):
                    yield _batch(names, kept, primers, self.domain)
                    names, kept, longer = [], [], len(row)
                names.append(item.name)
                kept.append((row, total))
                longest = longer
            total += 1
            if primers is not None and total > len(primers):
                raise UserError(f"{self.path}: primer has {len(primers)} rows, fewer than there are sequences")
        if kept:
            yield _batch(names, kept, primers, self.domain)
        self._judge(total)

    def _encode(self, item: Record | Rejected) -> np.ndarray | None:
        if isinstance(item, Rejected):
            self.rejected.append(item)
            return None
        try:
            row = self.domain.encode(item.text)
        except ValueError as error:
            self.rejected.append(Rejected(item.name, str(error)))
            return None
        if not len(row):
            self.rejected.append(Rejected(item.name, "no tokens"))
            return None
        self.left_out.add(item)
        return row

    def _judge(self, total: int) -> None:
        if total == 0:
            raise UserError(f"{self.path} holds no sequence")
        first = self.rejected.first
        if first is not None and 2 * len(self.rejected) > total:
            raise UserError(
                f"{self.path}: {len(self.rejected)} of {total} sequences are bad; the first is {first.name}: "
                f"{first.reason} (all are in rejected.csv)"
            )


def _symbols(domain: Domain, path: Path) -> Iterator[str]:
    """Every symbol of the file's readable texts."""
    for item in domain.read(path):
        if isinstance(item, Record):
            try:
                yield from domain.tokenize(item.text)
            except ValueError:
                continue  # rejected when the batches are made


def _primers(path: Path, domain: Domain) -> np.ndarray | None:
    """The primers int32 [N, P] of an .npz, which may have them as [N]; None where there are none."""
    if path.suffix.lower() != ".npz" or not path.is_file() or domain.keeps_primer:
        return None
    arrays = read_arrays(path, "primer")
    if not arrays:
        return None
    primers = arrays["primer"]
    primers = primers[:, None] if primers.ndim == 1 else primers
    size = domain.vocabulary.size
    if primers.ndim != 2 or primers.dtype.kind not in "iu" or ((primers < 0) | (primers >= size)).any():
        raise UserError(f"{path}: primer must be integers 0 .. {size - 1} of shape [N] or [N, P]")
    return primers.astype(np.int32)


def _batch(
    names: list[str], kept: list[tuple[np.ndarray, int]], primers: np.ndarray | None, domain: Domain
) -> SequenceBatch:
    lengths = np.array([len(row) for row, _ in kept], np.int32)
    tokens = np.full((len(kept), lengths.max()), domain.vocabulary.pad, np.int32)
    for i, (row, _) in enumerate(kept):
        tokens[i, : len(row)] = row
    at = [index for _, index in kept]
    return SequenceBatch(names, tokens, lengths, np.zeros((len(at), 0), np.int32) if primers is None else primers[at])
