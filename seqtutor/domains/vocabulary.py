"""The symbols of a domain and their token ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Vocabulary:
    """The symbols of a domain; a symbol's index is its token id.

    Attributes:
      symbols: one string a token id, length A.
      end: the id of the end token, or None where every sequence has the same length.
    """

    symbols: tuple[str, ...]
    end: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what can be no vocabulary: a checkpoint's JSON may say anything."""
        if not all(isinstance(symbol, str) for symbol in self.symbols) or len(set(self.symbols)) < self.size:
            raise ValueError("the symbols of a vocabulary are different strings")
        if self.end is not None and not (type(self.end) is int and 0 <= self.end < self.size):
            raise ValueError(f"the end token of a vocabulary of {self.size} is {self.end}")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    @property
    def size(self) -> int:
        """A, the number of actions."""
        return len(self.symbols)

    @property
    def begin(self) -> int:
        """The id fed before the first token; input only."""
        return len(self.symbols)

    @property
    def pad(self) -> int:
        """The id that fills a row after its length."""
        return 0 if self.end is None else self.end

    def ids(self, symbols: Iterable[str]) -> list[int]:
        """Token ids of symbols. Raises ValueError that names the first symbol not in the vocabulary."""
        try:
            return [self._index[symbol] for symbol in symbols]
        except KeyError as error:
            raise ValueError(f"unknown token '{error.args[0]}'") from None
