"""The smallest domain there is, for tests of everything that knows no particular one: words of the letters a to e."""

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

LETTERS = "abcde"


class LetterReward(Reward):
    """A weighted point for each letter: components "a" and "b"."""

    def __init__(self, domain: Toy, terms: Sequence[Term]):
        self.names, self._terms = tuple(dict.fromkeys(term.component for term in terms)), terms
        self._symbols = np.array(domain.vocabulary.symbols)

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        counts = np.arange(tokens.shape[1]) < lengths[:, None]
        parts = {name: ((self._symbols[tokens] == name) & counts).astype(np.float32) for name in self.names}
        return Rewards(weighted_sum(self._terms, parts, counts), parts)


class LetterStatistics(Statistics):
    """The share of letters that are a, and of words that are in no reference."""

    def __init__(self, domain: Toy, reference: set[str] | None):
        self._domain, self._share, self._novel = domain, RatioSums(), RatioSums(share=True)
        self._known = reference

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        words = [self._domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)]
        self._share.add(np.array([w.count("a") for w in words]), np.array([len(w) for w in words]))
        if self._known is not None:
            self._novel.add(np.array([w not in self._known for w in words], float))

    def result(self) -> dict[str, Estimate]:
        novel = {} if self._known is None else {"novel": self._novel.estimate()}
        return {"share of a": self._share.estimate(), **novel}


class Toy(Domain):
    """Words of at most `length` tokens, the end token included. The file words.txt beside it is a data set."""

    name = "toy"
    defaults = {"length": 6}  # noqa: RUF012
    end_symbol = "."
    reward_names = ("a", "b")
    default_reward = "a"

    @property
    def length(self) -> int:
        return self.options["length"]

    def tokenize(self, text: str) -> list[str]:
        for letter in text:
            if letter not in LETTERS:
                raise ValueError(f"no letter: '{letter}'")
        return list(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self.vocabulary.symbols[i] for i in tokens).split(self.end_symbol)[0]

    def random_primers(self) -> np.ndarray:
        return np.arange(1, self.vocabulary.size, dtype=np.int32)

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        for file in self.files(path):
            if file.suffix != ".txt":
                raise UserError(f"cannot read words from '{file}': give a .txt file")
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                yield Rejected(f"{file.name}:{number}", "blank") if not line else Record(f"{file.name}:{number}", line)

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        return {}

    def reward(self, terms: Sequence[Term]) -> Reward:
        return LetterReward(self, terms)

    def statistics(self, reference: set[str] | None, seed: int) -> Statistics:
        return LetterStatistics(self, reference)

    def writers(self) -> dict[str, Writer]:
        return {"txt": self._write_txt}

    def _write_txt(self, tokens: np.ndarray, lengths: np.ndarray, folder: Path, first: int) -> list[Path]:
        path = folder / "words.txt"
        with open(path, "a" if first else "w", encoding="utf-8") as file:
            file.writelines(self.decode(row[:n]) + "\n" for row, n in zip(tokens, lengths, strict=True))
        return [path] * len(tokens)


def word_list(folder: Path, *lines: str, name: str = "words.txt") -> str:
    """Writes a file of words, one a line; returns its path."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
