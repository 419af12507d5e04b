"""A ring of whole sequences: the newest `size` are kept, minibatches are drawn from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = dict[str, np.ndarray]


class Replay:
    """Stores rows of named arrays that share their first axis.

    With an exponent alpha > 0 a row is drawn with probability proportional to priority^alpha and weighted
    by (N P(row))^-1, scaled to at most 1 (Schaul et al., "Prioritized Experience Replay", 2016, equation 1
    and section 3.4 with beta = 1). New rows enter with the highest priority there is.
    """

    def __init__(self, size: int, alpha: float = 0.0):
        self._size, self._alpha = size, alpha
        self._rows: Arrays = {}
        self._priority = np.zeros(size)
        self._next, self._count = 0, 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Mapping[str, np.ndarray]) -> None:
        """Adds a batch, dropping the oldest rows where the ring is full."""
        rows = {name: np.asarray(array)[-self._size :] for name, array in rows.items()}
        if not self._rows:
            self._rows = {name: np.zeros((self._size, *a.shape[1:]), a.dtype) for name, a in rows.items()}
        n = len(next(iter(rows.values())))
        at = (self._next + np.arange(n)) % self._size
        for name, array in rows.items():
            self._rows[name][at] = array
        self._priority[at] = self._priority.max(initial=0.0) or 1.0
        self._next, self._count = int((self._next + n) % self._size), min(self._size, self._count + n)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Arrays, np.ndarray]:
        """Draws n rows with replacement: their indices [n], their arrays, and importance weights float32 [n]."""
        if self._alpha == 0.0:
            at = rng.integers(0, self._count, n)
            weight: np.ndarray = np.ones(n, np.float32)
        else:
            p = self._priority[: self._count] ** self._alpha
            p /= p.sum()
            at = rng.choice(self._count, n, p=p)
            weight = 1.0 / (self._count * p[at])
            weight = (weight / weight.max()).astype(np.float32)
        return at, {name: array[at] for name, array in self._rows.items()}, weight

    def update(self, at: np.ndarray, priority: np.ndarray) -> None:
        """Sets the priorities (positive) of rows, after they were learned from."""
        self._priority[at] = priority + 1e-6

    def state(self) -> Arrays:
        """Everything, as arrays, oldest row first."""
        order = (self._next - self._count + np.arange(self._count)) % self._size
        rows = {f"rows/{name}": array[order] for name, array in self._rows.items()}
        return {**rows, "priority": self._priority[order], "next": np.array(self._next)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`, into an empty replay of the same size: the same rows in the same places."""
        rows = {name.removeprefix("rows/"): a for name, a in state.items() if name.startswith("rows/")}
        count, after = len(state["priority"]), int(state["next"])
        self._next = (after - count) % self._size
        if count:
            self.add(rows)
        at = (after - count + np.arange(count)) % self._size
        self._priority[at] = state["priority"]
