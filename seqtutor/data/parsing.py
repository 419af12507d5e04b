"""Sequences parsed into tokens, numbered by the data's own symbols, and renumbered by another vocabulary."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.records import Rejected
from seqtutor.reading.rejections import Packed, Rejections

BLOCK = 1 << 20  # tokens held as Python numbers while parsing


class Parsed(NamedTuple):
    """What the cache holds: tokens by the data's own symbols."""

    symbols: list[str]
    tokens: np.ndarray
    lengths: np.ndarray
    names: Packed
    rejected: Rejections
    left_out: LeftOut


class _Numbers(dict[str, int]):
    """Gives each new symbol the next number."""

    def __missing__(self, symbol: str) -> int:
        self[symbol] = number = len(self)
        return number


def parse(domain: Domain, path: Path, progress: Callable[[int], None] | None) -> Parsed:
    """Reads and tokenises everything once, numbering symbols as they come, then sorts the numbers."""
    end, numbers = domain.end_symbol, _Numbers()
    tail = [] if end is None else [numbers[end]]
    block, blocks, lengths = array("L"), deque[np.ndarray](), array("I")
    names, rejected, left_out = Packed(), Rejections(), LeftOut()
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
        left_out.add(record)
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
    return Parsed(ordered, _joined(blocks, table), np.array(lengths, np.int64), names, rejected, left_out)


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


def renumber(parsed: Parsed, vocabulary: Vocabulary) -> Parsed:
    """Tokens by another vocabulary; sequences with a symbol it does not have are rejected."""
    if list(vocabulary.symbols) == parsed.symbols:
        return parsed
    there = {symbol: i for i, symbol in enumerate(vocabulary.symbols)}
    number = np.array([there.get(symbol, -1) for symbol in parsed.symbols], np.int64)
    if (number < 0).any():
        parsed = _without_unknown(parsed, number < 0)
    table = np.maximum(number, 0).astype(_smallest(vocabulary.size))
    return parsed._replace(symbols=list(vocabulary.symbols), tokens=table[parsed.tokens])


def _without_unknown(parsed: Parsed, unknown: np.ndarray) -> Parsed:
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
    partial = Rejections(item for item in parsed.left_out.partial if item.name not in lost)
    return parsed._replace(
        tokens=parsed.tokens[np.repeat(good, parsed.lengths)], lengths=parsed.lengths[good], names=names,
        rejected=rejected, left_out=LeftOut(parsed.left_out.counts, partial),
    )  # fmt: skip


def _smallest(size: int) -> np.dtype:
    return np.min_scalar_type(max(0, size - 1))
