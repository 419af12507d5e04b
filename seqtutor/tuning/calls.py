"""How many different sequences a run has scored, and how good the best of them are."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

EVERY = 100  # calls between two points of a curve
TOP = 10  # sequences whose mean the curve is of
KEPT = 100  # best scores known


class Calls:
    """A call is a valid sequence, by its identity (see `Domain.identities`), that was not scored before in the run.

    The area is PMO's (Gao et al. 2022, section 3.1): under the curve of the mean of the best TOP scores against calls,
    by trapezoids every EVERY calls from 0 at 0 calls, divided by the budget. A run that ends early keeps its last value
    up to the budget. Scores of 0 to 1 give an area of 0 to 1.

    Attributes:
      budget: calls after which a run ends; 0: none, and the area is of the calls so far.
    """

    def __init__(self, budget: int = 0):
        self.budget = budget
        self._scored: dict[int, None] = {}  # 64 bits of each identity, in order
        self._best: list[float] = []  # the KEPT highest scores, rising
        self._area, self._before = 0.0, 0.0  # of whole steps of EVERY calls, and the curve's last point

    def __len__(self) -> int:
        return len(self._scored)

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and key_of(identity) in self._scored

    @property
    def spent(self) -> bool:
        """Whether the budget is."""
        return 0 < self.budget <= len(self)

    def within(self, identities: Sequence[str | None]) -> int:
        """How many sequences from the first on can be scored before one is a call too many."""
        left, new = self.budget - len(self), set[int]()
        for i, identity in enumerate(identities):
            if identity is not None and (key := key_of(identity)) not in self._scored:
                new.add(key)
                if len(new) > left:
                    return i
        return len(identities)

    def add(self, identities: Sequence[str | None], scores: np.ndarray) -> None:
        """Adds sequences with their identities, None for one that is not valid, and scores [N], in order."""
        for identity, score in zip(identities, scores.tolist(), strict=True):
            if identity is None or (key := key_of(identity)) in self._scored:
                continue
            self._scored[key] = None
            bisect.insort(self._best, score)
            del self._best[:-KEPT]
            if len(self) % EVERY == 0:
                self._area += EVERY * (self._mean(TOP) + self._before) / 2
                self._before = self._mean(TOP)

    def figures(self) -> dict[str, float]:
        """calls; the mean of the best 1, 10 and 100 scores, of all while they are fewer; the area of the best 10."""
        means = {f"top{count}": self._mean(count) for count in (1, TOP, KEPT)}
        return {"calls": len(self), **means, f"auc_top{TOP}": self._whole_area()}

    def _whole_area(self) -> float:
        if not self._best:
            return float("nan")
        now, budget = self._mean(TOP), max(self.budget, len(self))
        area = self._area + len(self) % EVERY * (now + self._before) / 2
        return (area + (budget - len(self)) * now) / budget

    def _mean(self, count: int) -> float:
        return float(np.mean(self._best[-count:])) if self._best else float("nan")

    def state(self) -> dict[str, np.ndarray]:
        """Everything, as arrays."""
        return {
            "scored": np.array(list(self._scored), np.uint64), "best": np.array(self._best, np.float64),
            "area": np.array([self._area, self._before], np.float64),
        }  # fmt: skip

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`; of a run from before there was one, nothing is known."""
        if state:
            self._scored = dict.fromkeys(state["scored"].tolist())
            self._best = state["best"].tolist()
            self._area, self._before = state["area"].tolist()


def key_of(identity: str) -> int:
    """64 bits that tell an identity from others."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little")
