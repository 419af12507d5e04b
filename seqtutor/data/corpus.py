"""Data sets as token arrays: parsed once, kept in the cache, split into training, validation and test.

The cache holds a data set numbered by its own symbols (the end symbol, then the others sorted), whatever
vocabulary it is used with; a vocabulary from a checkpoint is applied when it is loaded. A file
cache_dir()/corpora/DOMAIN-KEY.npz has the key of everything that decides its contents, so it is never stale;
one that is damaged is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import seqtutor
from seqtutor.config import DataConfig
from seqtutor.data import sources
from seqtutor.data.parsing import Parsed, parse, renumber
from seqtutor.domains.base import Domain
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.rejections import Packed, Rejections
from seqtutor.stats.distinct import hashes
from seqtutor.system.cache import cache_dir, cache_file
from seqtutor.system.files import read_arrays

PARSER = 6  # raise it when parsing changes what it makes of a file


@dataclass(frozen=True)
class Corpus:
    """The sequences of a data set, in the order they were read.

    Attributes:
      domain: with the vocabulary the tokens are numbered by.
      source: the name or path it was loaded from.
      sha256: of the files' bytes.
      tokens: every sequence after the other, the smallest unsigned type that fits the vocabulary; end tokens included.
      offsets: int64 [N + 1]; sequence i is tokens[offsets[i]:offsets[i + 1]].
      rejected: what could not be used, and why.
      cached_at: the cache's file.
      left_out: what the sequences leave out of their originals.
    """

    domain: Domain
    source: str
    sha256: str
    tokens: np.ndarray
    offsets: np.ndarray
    rejected: Rejections
    cached_at: Path
    _names: Packed  # a million strings would weigh more than their tokens
    left_out: LeftOut = field(default_factory=LeftOut)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        """The tokens of sequence i, a view."""
        return self.tokens[self.offsets[i] : self.offsets[i + 1]]

    @property
    def vocabulary(self) -> Vocabulary:
        """The domain's."""
        return self.domain.vocabulary

    @property
    def lengths(self) -> np.ndarray:
        """int64 [N]: tokens of each sequence."""
        return np.diff(self.offsets)

    @cached_property
    def names(self) -> list[str]:
        """Where each sequence stood: "tune.mid", "mols.smi:12"."""
        return list(self._names)

    def texts(self) -> Iterator[str]:
        """Every sequence as text."""
        for i in range(len(self)):
            yield self.domain.decode(self[i])


def load(domain: Domain, name_or_path: str, progress: Callable[[int], None] | None = None) -> Corpus:
    """The sequences of a named data set, an imported one, or a path.

    Args:
      domain: where it has a vocabulary (fixed, or from a checkpoint), sequences with other tokens are rejected;
        otherwise the vocabulary is made from the data.
      progress: told how many more sequences have been read, while they are parsed; never called on a cache hit.

    Raises UserError: unknown name, data that is not here or altered, no sequences, or more of them bad than good
    (repeated ones do not count).
    """
    source = sources.find(type(domain), name_or_path)
    sha256, content = sources.content_hash(domain, source)
    file = cache_dir() / "corpora" / f"{domain.name}-{_key(domain, content)}.npz"
    parsed = _read_cache(file)
    if parsed is None:
        parsed = parse(domain, source.path, progress)
        _write_cache(file, parsed)
    try:
        vocabulary = domain.vocabulary
    except UserError:  # it has none yet
        domain = domain.with_vocabulary(parsed.symbols)
        vocabulary = domain.vocabulary
    parsed = renumber(parsed, vocabulary)
    _refuse_mostly_rejected(source.path, parsed)
    offsets = np.concatenate([[0], np.cumsum(parsed.lengths, dtype=np.int64)])
    last = parsed.rejected, file, parsed.names, parsed.left_out
    return Corpus(domain, name_or_path, sha256, parsed.tokens, offsets, *last)


def split(corpus: Corpus, config: DataConfig, seed: int) -> dict[str, np.ndarray]:
    """Indices of "train", "validation" and "test", each sorted: by sequence, fixed by the seed.

    Equal sequences stay together, or the same tune would be learned from and tested on. The shares are of
    distinct sequences; a share above 0 gets one at least, as long as one is left to train on.
    """
    group = _equal_groups(corpus)
    distinct = int(group.max(initial=-1)) + 1
    order = np.random.default_rng([seed, 0x5B117]).permutation(distinct)
    part, begin = np.zeros(distinct, np.int8), 0
    for number, share in ((1, config.validation), (2, config.test)):
        count = min(max(1, round(share * distinct)) if share else 0, max(0, distinct - 1 - begin))
        part[order[begin : begin + count]] = number
        begin += count
    return {name: np.flatnonzero(part[group] == i) for i, name in enumerate(("train", "validation", "test"))}


def _equal_groups(corpus: Corpus) -> np.ndarray:
    """int64 [N]: a number for each distinct sequence, counted by first appearance."""
    flat, width = corpus.tokens.view(np.uint8).data, corpus.tokens.itemsize
    sequences = hashes(flat[a * width : b * width] for a, b in pairwise(corpus.offsets))
    _, first, group = np.unique(sequences, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[group]


def _key(domain: Domain, content: str) -> str:
    names = domain.options if domain.preparation is None else domain.preparation
    options = [(name, domain.options[name]) for name in sorted(names)]
    facts: list[Any] = [content, domain.name, options, PARSER, seqtutor.__version__]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _refuse_mostly_rejected(path: Path, parsed: Parsed) -> None:
    used, rejected = len(parsed.lengths), parsed.rejected
    if used + rejected.faults == 0:
        raise UserError(f"no sequences in {path}; is it the right file?")
    if rejected.first is not None and rejected.faults > used:
        raise UserError(
            f"{path}: {rejected.faults} of {used + rejected.faults} sequences cannot be used "
            f"({rejected.reasons(duplicates=False)}), {rejected.first.name} the first of them; "
            "mend or leave out at least half"
        )


def _write_cache(file: Path, parsed: Parsed) -> None:
    (counts, rejected), (causes, partial) = parsed.rejected.state(), parsed.left_out.partial.state()
    words = json.dumps([parsed.symbols, counts, parsed.left_out.counts, causes]).encode()
    with cache_file(file, "wb") as stream:
        np.savez(
            stream,
            tokens=parsed.tokens,
            lengths=parsed.lengths.astype(np.min_scalar_type(int(parsed.lengths.max(initial=0)))),
            names=np.frombuffer(parsed.names.data(), np.uint8),
            rejected=np.frombuffer(rejected, np.uint8),
            partial=np.frombuffer(partial, np.uint8),
            words=np.frombuffer(words, np.uint8),
        )


def _read_cache(file: Path) -> Parsed | None:
    """The cached corpus; None if it is not there or damaged (the archive carries a checksum of each array)."""
    try:
        arrays = read_arrays(file)
        symbols, counts, dropped, causes = json.loads(arrays["words"].tobytes())
        dropped = {cause: (total, sequences) for cause, (total, sequences) in dropped.items()}
        rejected = Rejections.restored(counts, arrays["rejected"].tobytes())
        left_out = LeftOut(dropped, Rejections.restored(causes, arrays["partial"].tobytes()))
        lengths, names = arrays["lengths"].astype(np.int64), Packed(arrays["names"].tobytes())
        parsed = Parsed(symbols, arrays["tokens"], lengths, names, rejected, left_out)
    except (UserError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = parsed.lengths.sum() == len(parsed.tokens) and parsed.tokens.max(initial=0) < max(1, len(symbols))
    return parsed if whole else None
