"""A memory of the best sequences, to learn from again and again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.tuning.replay import Arrays


class Memory:
    """The `size` rows of highest reward, each identity once, as a replay has them.

    Of equal rewards the one that came first stands first and is kept. Its distribution is not the policy's, so learning
    from it moves the optimum of the variants that learn on-policy, and weighs the best more in all others.
    """

    def __init__(self, size: int):
        self._size = size
        self._rows: Arrays = {}  # the best first; "key" is that of `calls.key_of`, "total" the reward
        self._known = set[int]()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, rows: Mapping[str, np.ndarray], keys: list[int | None]) -> None:
        """Adds rows with the keys of what they stand for, None for one that is not valid."""
        total, at = rows["reward"].sum(axis=1), list[int]()
        worst = self._rows["total"][-1] if len(self) == self._size else -np.inf
        for i in np.argsort(-total, kind="stable").tolist():
            if total[i] <= worst or len(at) == self._size:
                break
            if (key := keys[i]) is not None and key not in self._known:
                self._known.add(key)
                at.append(i)
        if at:
            new = {name: array[at] for name, array in rows.items()}
            new |= {"total": total[at], "key": np.array([keys[i] for i in at], np.uint64)}
            both = {name: np.concatenate([self._rows.get(name, array[:0]), array]) for name, array in new.items()}
            order = np.argsort(-both["total"], kind="stable")[: self._size]
            self.restore({name: array[order] for name, array in both.items()})

    def draw(self, n: int, rng: np.random.Generator) -> Arrays:
        """n rows, drawn uniformly with replacement. There must be some."""
        at = rng.integers(0, len(self), n)
        return {name: array[at] for name, array in self._rows.items() if name not in ("total", "key")}

    def texts(self, domain: Domain) -> list[str]:
        """The texts of all rows, the best first."""
        rows = zip(self._rows["tokens"], self._rows["lengths"], strict=True) if self._rows else ()
        return [domain.decode(tokens[:length]) for tokens, length in rows]

    def state(self) -> Arrays:
        """Everything, as arrays."""
        return self._rows

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        self._rows = dict(state)
        self._known = set(state["key"].tolist()) if state else set()
