"""Data sets as token arrays: parsed once, kept in the cache, split into training, validation and test.

The cache holds a data set numbered by its own symbols (the end symbol, then the others sorted), whatever
vocabulary it is used with; a vocabulary from a checkpoint is applied when it is loaded. A file
cache_dir()/corpora/DOMAIN-KEY.npz has the key of everything that decides its contents, so it is never stale;
one that is damaged is made again.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seqtutor
from seqtutor.config import DataConfig
from seqtutor.data import sources
from seqtutor.domains.base import Domain
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.reading.records import Rejected
from seqtutor.reading.rejections import Packed, Rejections
from seqtutor.stats.distinct import hashes
from seqtutor.system.cache import cache_dir, cache_file
from seqtutor.system.files import read_arrays

PARSER = 5  # raise it when parsing changes what it makes of a file
BLOCK = 1 << 20  # tokens held as Python numbers while parsing


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
      dropped: by cause, how many things the sequences leave out of their originals, and how many sequences do.
      partial: those sequences by name, each with what it leaves out.
    """

    domain: Domain
    source: str
    sha256: str
    tokens: np.ndarray
    offsets: np.ndarray
    rejected: Rejections
    cached_at: Path
    _names: Packed  # a million strings would weigh more than their tokens
    dropped: dict[str, tuple[int, int]] = field(default_factory=dict)
    partial: Rejections = field(default_factory=Rejections)

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


class _Parsed(NamedTuple):
    """What the cache holds: tokens by the data's own symbols."""

    symbols: list[str]
    tokens: np.ndarray
    lengths: np.ndarray
    names: Packed
    rejected: Rejections
    dropped: dict[str, tuple[int, int]]
    partial: Rejections


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
        parsed = _parse(domain, source.path, progress)
        _write_cache(file, parsed)
    try:
        vocabulary = domain.vocabulary
    except UserError:  # it has none yet
        domain = domain.with_vocabulary(parsed.symbols)
        vocabulary = domain.vocabulary
    parsed = _renumber(parsed, vocabulary)
    _refuse_mostly_rejected(source.path, parsed)
    offsets = np.concatenate([[0], np.cumsum(parsed.lengths, dtype=np.int64)])
    last = parsed.rejected, file, parsed.names, parsed.dropped, parsed.partial
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


class _Numbers(dict[str, int]):
    """Gives each new symbol the next number."""

    def __missing__(self, symbol: str) -> int:
        self[symbol] = number = len(self)
        return number


def _parse(domain: Domain, path: Path, progress: Callable[[int], None] | None) -> _Parsed:
    """Reads and tokenises everything once, numbering symbols as they come, then sorts the numbers."""
    end, numbers = domain.end_symbol, _Numbers()
    tail = [] if end is None else [numbers[end]]
    block, blocks, lengths = array("L"), deque[np.ndarray](), array("I")
    names, rejected, dropped, partial = Packed(), Rejections(), dict[str, tuple[int, int]](), Rejections()
    for record in domain.prepare(path):
        if progress is not None:
            progress(1)
        if isinstance(record, Rejected):
            rejected.append(record)
            continue
        try:
            symbols = _tokenize(domain, record.text, end)
        except ValueError as error:
            rejected.append(Rejected(record.name, str(error)))
            continue
        for cause, count in record.dropped:
            total, sequences = dropped.get(cause, (0, 0))
            dropped[cause] = total + count, sequences + 1
        if record.dropped:
            causes = "; ".join(f"{count} {cause}" for cause, count in record.dropped)
            partial.append(Rejected(record.name, f"read, but for: {causes}"))
        block.extend([numbers[symbol] for symbol in symbols] + tail)
        lengths.append(len(symbols) + len(tail))
        names.append(record.name)
        if len(block) >= BLOCK:
            blocks.append(np.array(block, _smallest(len(numbers))))
            block = array("L")
    blocks.append(np.array(block, _smallest(len(numbers))))
    ordered = ([] if end is None else [end]) + sorted(set(numbers) - {end})
    table = np.empty(len(numbers), _smallest(len(ordered)))
    table[[numbers[symbol] for symbol in ordered]] = np.arange(len(ordered))
    return _Parsed(ordered, _joined(blocks, table), np.array(lengths, np.int64), names, rejected, dropped, partial)


def _joined(blocks: deque[np.ndarray], table: np.ndarray) -> np.ndarray:
    """The blocks one after the other, each number replaced by its entry in the table. Empties the deque on the way."""
    joined, at = np.empty(sum(map(len, blocks)), table.dtype), 0
    while blocks:
        block = blocks.popleft()
        joined[at : at + len(block)] = table[block]
        at += len(block)
    return joined


def _tokenize(domain: Domain, text: str, end: str | None) -> list[str]:
    """The symbols of a text. Raises ValueError with the reason where it has none, or the end token."""
    symbols = domain.tokenize(text)
    if not symbols:
        raise ValueError("empty")
    if end in symbols:
        raise ValueError(f"the end token '{end}' inside")
    return symbols


def _renumber(parsed: _Parsed, vocabulary: Vocabulary) -> _Parsed:
    """Tokens by another vocabulary; sequences with a symbol it does not have are rejected."""
    if list(vocabulary.symbols) == parsed.symbols:
        return parsed
    there = {symbol: i for i, symbol in enumerate(vocabulary.symbols)}
    number = np.array([there.get(symbol, -1) for symbol in parsed.symbols], np.int64)
    if (number < 0).any():
        parsed = _without_unknown(parsed, number < 0)
    table = np.maximum(number, 0).astype(_smallest(vocabulary.size))
    return parsed._replace(symbols=list(vocabulary.symbols), tokens=table[parsed.tokens])


def _without_unknown(parsed: _Parsed, unknown: np.ndarray) -> _Parsed:
    """Only the sequences without the symbols that are marked in `unknown`, bool [A]; the others are rejected."""
    places = np.flatnonzero(unknown[parsed.tokens])
    of, first = np.unique(np.searchsorted(np.cumsum(parsed.lengths), places, side="right"), return_index=True)
    symbols = (parsed.symbols[token] for token in parsed.tokens[places[first]])
    good = np.ones(len(parsed.lengths), bool)
    good[of] = False
    names, rejected, lost = Packed(), Rejections(parsed.rejected), set()
    for name, keep in zip(parsed.names, good, strict=True):
        if keep:
            names.append(name)
        else:
            rejected.append(Rejected(name, f"unknown token '{next(symbols)}'"))
            lost.add(name)
    tokens, partial = parsed.tokens[np.repeat(good, parsed.lengths)], (x for x in parsed.partial if x.name not in lost)
    return parsed._replace(
        tokens=tokens, lengths=parsed.lengths[good], names=names, rejected=rejected, partial=Rejections(partial)
    )


def _smallest(size: int) -> np.dtype:
    return np.min_scalar_type(max(0, size - 1))


def _refuse_mostly_rejected(path: Path, parsed: _Parsed) -> None:
    used, rejected = len(parsed.lengths), parsed.rejected
    if used + rejected.faults == 0:
        raise UserError(f"no sequences in {path}; is it the right file?")
    if rejected.first is not None and rejected.faults > used:
        raise UserError(
            f"{path}: {rejected.faults} of {used + rejected.faults} sequences cannot be used "
            f"({rejected.reasons(duplicates=False)}), {rejected.first.name} the first of them; "
            "mend or leave out at least half"
        )


def _write_cache(file: Path, parsed: _Parsed) -> None:
    (counts, rejected), (causes, partial) = parsed.rejected.state(), parsed.partial.state()
    words = json.dumps([parsed.symbols, counts, parsed.dropped, causes]).encode()
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


def _read_cache(file: Path) -> _Parsed | None:
    """The cached corpus; None if it is not there or damaged (the archive carries a checksum of each array)."""
    try:
        arrays = read_arrays(file)
        symbols, counts, dropped, causes = json.loads(arrays["words"].tobytes())
        dropped = {cause: (total, sequences) for cause, (total, sequences) in dropped.items()}
        rejected = Rejections.restored(counts, arrays["rejected"].tobytes())
        partial = Rejections.restored(causes, arrays["partial"].tobytes())
        lengths, names = arrays["lengths"].astype(np.int64), Packed(arrays["names"].tobytes())
        parsed = _Parsed(symbols, arrays["tokens"], lengths, names, rejected, dropped, partial)
    except (UserError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = parsed.lengths.sum() == len(parsed.tokens) and parsed.tokens.max(initial=0) < max(1, len(symbols))
    return parsed if whole else None
