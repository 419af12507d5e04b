"""A domain of one's own for seqtutor: names of towns, letter by letter. See docs/domains.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqtutor.domains.base import DataSet, Domain, Writer
from seqtutor.domains.reward_terms import Term, weighted_sum
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.domains.statistics import Statistics
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected
from seqtutor.stats.estimate import Estimate, RatioSums

VOWELS = "aeiouy"


class Towns(Domain):
    """Names of towns, in small letters; a dot ends a name."""

    name = "towns"
    defaults = {"length": 16}  # noqa: RUF012
    end_symbol = "."
    reward_names = ("alternating", "letters")
    default_reward = "alternating"

    @property
    def length(self) -> int:
        return self.options["length"]

    def tokenize(self, text: str) -> list[str]:
        if not text.isalpha():
            raise ValueError("a character that is no letter")
        return list(text.lower())

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self.vocabulary.symbols[i] for i in tokens).partition(self.end_symbol)[0]

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        if path.suffix != ".txt" or not path.is_file():
            raise UserError(f"{path}: give a .txt file with a name a line")
        for number, line in enumerate(path.read_text(encoding="utf-8").split(), 1):
            yield Record(f"{path.name}:{number}", line)

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        return {}

    def reward(self, terms: Sequence[Term]) -> Reward:
        return TownReward(self, terms)

    def statistics(self, reference: set[str] | None, seed: int) -> Statistics:
        return TownStatistics(self, reference)

    def writers(self) -> dict[str, Writer]:
        return {}


class TownReward(Reward):
    """`alternating`: 1 for each letter where vowels and consonants alternate, else -1. `letters`: 1 for each letter."""

    def __init__(self, domain: Towns, terms: Sequence[Term]):
        self.names, self._terms = tuple(dict.fromkeys(term.component for term in terms)), terms
        self._end = domain.vocabulary.end
        self._vowel = np.isin(domain.vocabulary.symbols, list(VOWELS))

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        letter = (np.arange(tokens.shape[1]) < lengths[:, None]) & (tokens != self._end)
        vowel = self._vowel[tokens]
        alternating = np.zeros(tokens.shape, np.float32)
        alternating[:, 1:] = np.where(vowel[:, 1:] != vowel[:, :-1], 1.0, -1.0) * letter[:, 1:]
        parts = {"alternating": alternating, "letters": letter.astype(np.float32)}
        return Rewards(weighted_sum(self._terms, parts, letter), {name: parts[name] for name in self.names})


class TownStatistics(Statistics):
    """The shares of vowels, and of names that are in no reference."""

    def __init__(self, domain: Towns, reference: set[str] | None):
        self._domain, self._vowels, self._novel = domain, RatioSums(), RatioSums(share=True)
        self._known = None if reference is None else {name.lower() for name in reference}

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        names = [self._domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)]
        vowels = [sum(letter in VOWELS for letter in name) for name in names]
        self._vowels.add(np.array(vowels), np.array([len(name) for name in names]))
        if self._known is not None:
            self._novel.add(np.array([name not in self._known for name in names], float))

    def result(self) -> dict[str, Estimate]:
        novel = {} if self._known is None else {"novel": self._novel.estimate()}
        return {"vowels": self._vowels.estimate(), **novel}
