"""A tiny domain for the tests of the commands: words of letters, rewarded for vowels. Its vocabulary comes from data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqtutor.domains.base import DataSet, Domain, Record, Rejected, Reward, Rewards, Statistics, Writer
from seqtutor.errors import UserError
from seqtutor.estimate import Estimate, RatioSums


class LetterReward(Reward):
    def __init__(self, domain: Domain, weights: Mapping[str, float]):
        self._domain, self._weights, self.names = domain, weights, tuple(weights)

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        counts = np.arange(tokens.shape[1]) < lengths[:, None]
        symbols = np.array(self._domain.vocabulary.symbols)[tokens]
        sets = {"vowels": list("aeiou"), "z": ["z"]}
        parts = {name: (np.isin(symbols, sets[name]) & counts).astype(np.float32) for name in self.names}
        return Rewards(sum(self._weights[name] * part for name, part in parts.items()), parts)


class LetterStatistics(Statistics):
    def __init__(self, domain: Domain, reference: Iterable[str] | None):
        self._domain, self._reference = domain, None if reference is None else set(reference)
        self._novel, self._longest = RatioSums(), 0

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        texts = [self._domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)]
        self._longest = max(self._longest, *map(len, texts))
        if self._reference is not None:
            self._novel.add(np.array([text not in self._reference for text in texts]))

    def result(self) -> dict[str, Estimate]:
        longest = {"longest": Estimate(self._longest, None, None, 1)}
        return longest if self._reference is None else {**longest, "novel": self._novel.estimate()}


class Letters(Domain):
    name = "letters"
    defaults = {"length": 12}  # noqa: RUF012
    end_symbol = "."
    reward_names = ("vowels", "z")
    default_reward = "vowels"

    @property
    def length(self) -> int:
        return self.options["length"]

    def tokenize(self, text: str) -> list[str]:
        if not text.isalpha():
            raise ValueError("not a word")
        return list(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self.vocabulary.symbols[i] for i in tokens).rstrip(".")

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                yield from [Record(f"{path.name}:{i}", self.decode(row)) for i, row in enumerate(arrays["tokens"])]
        elif path.is_file():
            for number, line in enumerate(path.read_text().splitlines(), 1):
                name = f"{path.name}:{number}"
                yield Record(name, line) if line else Rejected(name, "empty line")
        else:
            raise UserError(f"no words in '{path}'")

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        return {}

    def reward(self, weights: Mapping[str, float]) -> Reward:
        return LetterReward(self, weights)

    def statistics(self, reference: Iterable[str] | None, seed: int) -> Statistics:
        return LetterStatistics(self, reference)

    def writers(self) -> dict[str, Writer]:
        return {"txt": self._write_txt}

    def _write_txt(self, tokens: np.ndarray, lengths: np.ndarray, folder: Path, first: int) -> list[Path]:
        paths = [folder / f"word-{first + i}.txt" for i in range(len(tokens))]
        for path, row, n in zip(paths, tokens, lengths, strict=True):
            path.write_text(self.decode(row[:n]))
        return paths


class Stems(Letters):
    """Words whose primer is a stem they keep."""

    name = "stems"
    keeps_primer = True
