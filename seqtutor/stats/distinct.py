"""Which of many strings were there before, by 64-bit hashes: two of 40 million share one with probability 0.00005."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

RECENT = 1 << 18  # hashes kept in a set before they are sorted in with the others


def hashes(strings: Iterable[bytes | memoryview]) -> np.ndarray:
    """64-bit BLAKE2b hashes, uint64 [N]: the same in every process."""
    digests = (int.from_bytes(blake2b(string, digest_size=8).digest(), "little") for string in strings)
    return np.fromiter(digests, np.uint64)


class SeenStrings:
    """Notes strings at 8 bytes each."""

    def __init__(self) -> None:
        self._sorted, self._recent = np.zeros(0, np.uint64), set[int]()

    def new(self, strings: Sequence[bytes]) -> list[bool]:
        """Which of the strings were not there before, those in front of them included. Notes them."""
        numbers = hashes(strings)
        there = np.zeros(len(numbers), bool)
        if len(self._sorted):
            there = self._sorted.take(np.searchsorted(self._sorted, numbers), mode="clip") == numbers
        found = []
        for number, old in zip(numbers.tolist(), there.tolist(), strict=True):
            found.append(not old and number not in self._recent)
            self._recent.add(number)
        if len(self._recent) > RECENT:
            recent = np.sort(np.fromiter(self._recent, np.uint64, len(self._recent)))
            self._sorted = np.concatenate([self._sorted, recent])
            self._sorted.sort(kind="stable")  # two runs in order, which it merges in linear time
            self._recent.clear()
        return found
