"""What scores sequences: a reward of a batch, of prefixes while they grow, and what both give.

Arrays are float32 [N, T]: one reward a token, 0 after a sequence's end. `domains.base` has the other conventions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from seqtutor.domains.lookahead import Lookahead


class Rewards(NamedTuple):
    """Rewards of a batch: total [N, T] = sum of weight times component; components: name -> [N, T], unweighted."""

    total: np.ndarray
    components: dict[str, np.ndarray]


class PrefixReward(ABC):
    """The rewards of N sequences while they grow, one token at a time; `Reward.prefix` makes one.

    No token's reward depends on later ones: step by step come the columns of `Rewards.total`, to the bit.
    """

    @abstractmethod
    def step(self, tokens: np.ndarray) -> np.ndarray:
        """Appends tokens int32 [N], one a sequence; returns the weighted total reward of each, float32 [N]."""

    @abstractmethod
    def select(self, index: np.ndarray) -> None:
        """Keeps the sequences numbered in index, int [N'], in this order. Some may be left out, and some be copied."""


class Reward(ABC):
    """Scores batches of sequences. Use it as a context manager where it may hold worker processes."""

    names: tuple[str, ...]  # the components it reports, in order
    on_last_token: bool = False  # whether a sequence is rewarded on its last token alone
    costs: bool = False  # whether each sequence scored may cost time or money, as with a user's function
    has_history: bool = False  # whether what a sequence earns depends on what was scored before

    @abstractmethod
    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N]. Pure but for `state`: equal input, equal output."""

    def start(self, tokens: np.ndarray, lengths: np.ndarray) -> Callable[[], Rewards]:
        """Begins to score a batch where others do the work, and returns what waits for its rewards. Here nobody does.

        Arguments and rewards as of a call; the next batch is begun after the rewards of this one are there.
        """
        return lambda: self(tokens, lengths)

    def shares(self, tokens: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """What each component adds to the total of each token, weighted, float32 [N, T] by name: they sum to the total.

        Here, where no sum is known, the total under the name of the one component, or "reward".
        """
        name = self.names[0] if len(self.names) == 1 else "reward"
        return {name: self(tokens, lengths).total}

    def prefix(self, n: int, length: int) -> PrefixReward | None:
        """The rewards of n sequences that grow from nothing to at most `length` tokens.

        None, as here, where a token's reward depends on later ones, or where it is known only at the end.
        """
        return None

    def lookahead(self, length: int, c: float) -> Lookahead | None:
        """What is known of the next token of sequences of at most `length` tokens, rewards by c; None, as here, where
        nothing is.
        """
        return None

    def most(self, length: int) -> float | None:
        """A bound on the reward of every sequence of at most `length` tokens; None, as here, where none is known."""
        return None

    def state(self) -> dict[str, np.ndarray]:
        """What earlier calls have changed, as arrays by name, for checkpoints; empty where a reward is pure."""
        return {}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:  # noqa: B027 (optional hook)
        """The inverse of `state`."""

    def close(self) -> None:  # noqa: B027 (optional hook)
        """Ends worker processes, if any."""

    def __enter__(self) -> Reward:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
