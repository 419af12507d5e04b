"""The music-theory reward: a weighted sum of the nine rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from seqtutor.domains.base import Reward, Rewards
from seqtutor.domains.music.rules import RULES
from seqtutor.errors import unknown_name

MUSIC_THEORY = "music-theory"  # all nine rules, each with weight 1
REWARD_NAMES = (MUSIC_THEORY, *RULES)

_BLOCK = 1 << 17  # tokens worked on at once; a rule's arrays then take a few MB


class MusicTheory(Reward):
    """The weighted sum of melody rules. A row shorter than T is scored as a composition of its own length."""

    def __init__(self, weights: Mapping[str, float]):
        """Args: weights by rule name or "music-theory"; they add up. Raises UserError for any other name."""
        for name in weights:
            if name not in REWARD_NAMES:
                raise unknown_name("reward", name, REWARD_NAMES)
        every = weights.get(MUSIC_THEORY, 0.0)
        sums = {name: every + weights.get(name, 0.0) for name in RULES}
        self.weights = {name: weight for name, weight in sums.items() if weight != 0}
        self.names = tuple(self.weights)

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N], float32; 0 behind a row's length."""
        components = {name: np.zeros(tokens.shape, np.float32) for name in self.names}
        for rows, block in blocks_by_length(tokens, lengths):
            for name, component in components.items():
                component[rows, : block.shape[1]] = RULES[name](block)
        total = np.zeros(tokens.shape, np.float32)
        for name, component in components.items():
            total += np.float32(self.weights[name]) * component
        return Rewards(total, components)


def blocks_by_length(tokens: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cuts a batch into blocks of rows of one length: (row numbers [n], tokens [n, length]). Empty rows drop out."""
    for length in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == length)
        size = max(1, _BLOCK // int(length))
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            yield block, tokens[block, :length]
