"""Data sets as token arrays: parsed once, kept in the cache, split into training, validation and test.

The cache holds a data set numbered by its own symbols (the end symbol, then the others sorted), whatever
vocabulary it is used with; a vocabulary from a checkpoint is applied when it is loaded. A file
cache_dir()/corpora/DOMAIN-KEY.npz has the key of everything that decides its contents, so it is never stale;
one that is damaged is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seqtutor
from seqtutor import sources
from seqtutor.cache import cache_dir
from seqtutor.config import DataConfig
from seqtutor.domains.base import DUPLICATE, Domain, Record, Rejected, Vocabulary
from seqtutor.errors import UserError

PARSER = 1  # raise it when parsing changes what it makes of a file
BLOCK = 1 << 20  # tokens held as Python numbers while parsing


@dataclass(frozen=True)
class Corpus:
    """The sequences of a data set, in the order they were read.

    Attributes:
      domain: with the vocabulary the tokens are numbered by.
      source: the name or path it was loaded from.
      sha256: of the files' bytes.
      tokens: every sequence behind the other, the smallest unsigned type that fits the vocabulary; end tokens included.
      offsets: int64 [N + 1]; sequence i is tokens[offsets[i]:offsets[i + 1]].
      rejected: what could not be used, and why.
      cached_at: the cache's file.
    """

    domain: Domain
    source: str
    sha256: str
    tokens: np.ndarray
    offsets: np.ndarray
    rejected: list[Rejected]
    cached_at: Path
    _names: bytes  # JSON: a million strings would weigh more than their tokens

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
        return json.loads(self._names)

    def texts(self) -> Iterator[str]:
        """Every sequence as text."""
        for i in range(len(self)):
            yield self.domain.decode(self[i])


class _Parsed(NamedTuple):
    """What the cache holds: tokens by the data's own symbols."""

    symbols: list[str]
    tokens: np.ndarray
    lengths: np.ndarray
    names: bytes
    rejected: list[Rejected]


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
    return Corpus(domain, name_or_path, sha256, parsed.tokens, offsets, parsed.rejected, file, parsed.names)


def reasons(rejected: Sequence[Rejected], most: int = 5) -> str:
    """The commonest reasons with their counts: "12 empty, 3 no notes"."""
    counts = Counter(item.reason for item in rejected).most_common()
    rest = sum(count for _, count in counts[most:])
    return ", ".join([f"{count} {reason}" for reason, count in counts[:most]] + ([f"{rest} others"] if rest else []))


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
    flat, width = corpus.tokens.tobytes(), corpus.tokens.itemsize
    ends = (corpus.offsets * width).tolist()
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(flat[a:b], len(numbers)) for a, b in pairwise(ends)], np.int64)


def _key(domain: Domain, content: str) -> str:
    names = domain.options if domain.preparation is None else domain.preparation
    options = [(name, domain.options[name]) for name in sorted(names)]
    facts: list[Any] = [content, domain.name, options, PARSER, seqtutor.__version__]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


class _Numbers(dict):
    """Gives each new symbol the next number."""

    def __missing__(self, symbol: str) -> int:
        self[symbol] = number = len(self)
        return number


def _parse(domain: Domain, path: Path, progress: Callable[[int], None] | None) -> _Parsed:
    """Reads and tokenises everything once, numbering symbols as they come, then sorts the numbers."""
    end, numbers = domain.end_symbol, _Numbers()
    tail = [] if end is None else [numbers[end]]
    block, blocks, lengths = array("L"), [], array("L")
    names: list[str] = []
    rejected: list[Rejected] = []
    for item in domain.prepare(path):
        if progress is not None:
            progress(1)
        if isinstance(item, Record):
            item = _tokenize(domain, item, end)
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        name, symbols = item
        block.extend([numbers[symbol] for symbol in symbols] + tail)
        lengths.append(len(symbols) + len(tail))
        names.append(name)
        if len(block) >= BLOCK:
            blocks.append(np.array(block, np.min_scalar_type(len(numbers))))
            block = array("L")
    blocks.append(np.array(block, np.min_scalar_type(len(numbers))))
    symbols = ([] if end is None else [end]) + sorted(set(numbers) - {end})
    table = np.empty(len(numbers), _smallest(len(symbols)))
    table[[numbers[symbol] for symbol in symbols]] = np.arange(len(symbols))
    tokens = np.concatenate([table[part] for part in blocks])
    return _Parsed(symbols, tokens, np.array(lengths, np.int64), json.dumps(names).encode(), rejected)


def _tokenize(domain: Domain, record: Record, end: str | None) -> tuple[str, list[str]] | Rejected:
    try:
        symbols = domain.tokenize(record.text)
    except ValueError as error:
        return Rejected(record.name, str(error))
    if not symbols:
        return Rejected(record.name, "empty")
    if end in symbols:
        return Rejected(record.name, f"the end token '{end}' inside")
    return record.name, symbols


def _renumber(parsed: _Parsed, vocabulary: Vocabulary) -> _Parsed:
    """Tokens by another vocabulary; sequences with a symbol it does not have are rejected."""
    if list(vocabulary.symbols) == parsed.symbols:
        return parsed
    there = {symbol: i for i, symbol in enumerate(vocabulary.symbols)}
    number = np.array([there.get(symbol, -1) for symbol in parsed.symbols], np.int64)
    unknown = np.flatnonzero((number < 0)[parsed.tokens])
    lengths, names, rejected, tokens = parsed.lengths, parsed.names, parsed.rejected, parsed.tokens
    if len(unknown):
        bad, first = np.unique(np.searchsorted(np.cumsum(lengths), unknown, side="right"), return_index=True)
        good = np.ones(len(lengths), bool)
        good[bad] = False
        every = json.loads(names)
        symbols = [parsed.symbols[i] for i in tokens[unknown[first]]]
        rejected = rejected + [
            Rejected(every[i], f"unknown token '{symbol}'") for i, symbol in zip(bad, symbols, strict=True)
        ]
        names = json.dumps([name for name, keep in zip(every, good, strict=True) if keep]).encode()
        tokens, lengths = tokens[np.repeat(good, lengths)], lengths[good]
    table = np.maximum(number, 0).astype(_smallest(vocabulary.size))
    return _Parsed(list(vocabulary.symbols), table[tokens], lengths, names, rejected)


def _smallest(size: int) -> np.dtype:
    return np.min_scalar_type(max(0, size - 1))


def _refuse_mostly_rejected(path: Path, parsed: _Parsed) -> None:
    used, bad = len(parsed.lengths), [item for item in parsed.rejected if item.reason != DUPLICATE]
    if used + len(bad) == 0:
        raise UserError(f"no sequences in {path}; is it the right file?")
    if len(bad) > used:
        raise UserError(
            f"{path}: {len(bad)} of {used + len(bad)} sequences cannot be used ({reasons(bad)}), "
            f"{bad[0].name} the first of them; mend or leave out at least half"
        )


def _write_cache(file: Path, parsed: _Parsed) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    words = json.dumps([parsed.symbols, parsed.rejected]).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as stream:
            np.savez(
                stream,
                tokens=parsed.tokens,
                lengths=parsed.lengths.astype(np.min_scalar_type(int(parsed.lengths.max(initial=0)))),
                names=np.frombuffer(parsed.names, np.uint8),
                words=np.frombuffer(words, np.uint8),
            )
        os.replace(temporary, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UserError(f"cannot write {file}: {error.strerror}; name another folder in SEQTUTOR_CACHE") from None


def _read_cache(file: Path) -> _Parsed | None:
    """The cached corpus; None if it is not there or damaged (the archive carries a checksum of each array)."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            symbols, rejected = json.loads(arrays["words"].tobytes())
            lengths = arrays["lengths"].astype(np.int64)
            parsed = _Parsed(
                symbols, arrays["tokens"], lengths, arrays["names"].tobytes(), [Rejected(*item) for item in rejected]
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile):
        return None
    whole = parsed.lengths.sum() == len(parsed.tokens) and parsed.tokens.max(initial=0) < max(1, len(symbols))
    return parsed if whole else None
