"""Streams of padded batches: random order, yet sequences of about one length side by side, so little is padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqtutor.data.corpus import Corpus

Batch = tuple[np.ndarray, np.ndarray]  # tokens int32 [B, T], lengths int32 [B]; T is the longest length
BUCKET = 50  # batches sorted by length together: more of them pad less but mix less


def pieces(corpus: Corpus, indices: np.ndarray, max_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts sequences into consecutive pieces of at most max_length tokens.

    Returns: where each piece begins in corpus.tokens, int64 [P], and its length, int32 [P], in the order of indices.
    """
    begin, end = corpus.offsets[indices], corpus.offsets[np.asarray(indices) + 1]
    count = -(-(end - begin) // max_length)
    first = np.cumsum(count) - count  # the number of each sequence's first piece
    within = np.arange(count.sum()) - np.repeat(first, count)
    starts = np.repeat(begin, count) + within * max_length
    return starts, np.minimum(np.repeat(end, count) - starts, max_length).astype(np.int32)


class Batches:
    """Batches of some of a corpus's sequences, cut into pieces. Every piece is in exactly one batch of an epoch."""

    def __init__(self, corpus: Corpus, indices: np.ndarray, batch: int, max_length: int, pad: int):
        """Args: batch: pieces a batch (one has the rest); max_length: tokens a piece; pad: the id after the end."""
        self._flat, self._batch, self._pad = corpus.tokens, batch, pad
        self._starts, self._lengths = pieces(corpus, indices, max_length)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._lengths) // self._batch)

    @property
    def tokens(self) -> int:
        """Tokens of an epoch, padding not counted."""
        return int(self._lengths.sum())

    def epoch(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """One pass in the order rng gives. The first `start` batches are left out at no cost, to resume a run."""
        for rows in self._plan(rng)[start:]:
            yield self._assemble(rows)

    def fixed(self) -> Iterator[Batch]:
        """One pass in a fixed order, from short to long: for evaluation."""
        for rows in self._cut(np.argsort(self._lengths, kind="stable")):
            yield self._assemble(rows)

    def padding(self, rng: np.random.Generator) -> float:
        """The share of padding among the cells of the epoch that rng gives."""
        cells = sum(len(rows) * int(self._lengths[rows].max()) for rows in self._plan(rng))
        return 1 - self.tokens / cells if cells else 0.0

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The pieces of each batch: shuffled, sorted by length in each bucket, cut; then the batches are shuffled."""
        order = rng.permutation(len(self._lengths))
        bucket = np.arange(len(order)) // (self._batch * BUCKET)
        order = order[np.lexsort((self._lengths[order], bucket))]
        batches = self._cut(order)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        return [order[i : i + self._batch] for i in range(0, len(order), self._batch)]

    def _assemble(self, rows: np.ndarray) -> Batch:
        lengths = self._lengths[rows]
        step = np.arange(lengths.max())
        at = np.minimum(self._starts[rows, None] + step, len(self._flat) - 1)
        tokens = np.where(step < lengths[:, None], self._flat[at], self._pad)
        return tokens.astype(np.int32), lengths
