"""What a domain gives for its sequences to be rated: a page that asks, and the rewards that answers can teach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from seqtutor.domains.rewards import Reward


class Ratings(ABC):
    """The reward learned from choices between two sequences is a weighted sum of features; see `domains.choices`."""

    @abstractmethod
    def page(self, title: str, pairs: Sequence[tuple[str, str]]) -> str:
        """An HTML page that lets its reader choose between two texts, pair by pair, and saves the choices as a CSV."""

    @abstractmethod
    def features(self, tokens: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """What the reward weighs of tokens [N, T] with lengths [N]: numbers [N] by name."""

    @abstractmethod
    def reward(self, weights: Mapping[str, float]) -> Reward:
        """The reward that is the sum of weights times `features`, by name."""
