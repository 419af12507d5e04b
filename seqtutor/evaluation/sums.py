"""What `evaluate` adds up of the sequences of a run or a file, whatever their domain."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from seqtutor.domains.rewards import Reward
from seqtutor.evaluation.draw import DrawnBatch
from seqtutor.kl_control.optimum import LogZBound, mean_of_bounds
from seqtutor.stats.estimate import Estimate, RatioSums


class Sums:
    """The figures of `evaluation.evaluate`, accumulated batch by batch."""

    def __init__(self, c: float | None):
        """Args: c: the run's temperature; None for a file, which has neither policy nor prior."""
        self._c = c
        self._sums: dict[str, RatioSums] = defaultdict(RatioSums)
        self._bounds: dict[bytes, LogZBound] = defaultdict(LogZBound)  # of each primer

    def add(self, tokens: np.ndarray, lengths: np.ndarray, reward: Reward, drawn: DrawnBatch | None) -> np.ndarray:
        """Adds sequences: tokens [N, T], lengths [N], and for a run how they were drawn. Returns r(tau) of each [N]."""
        scored = reward(tokens, lengths)
        total = scored.total.sum(axis=1, dtype=np.float64)
        self._sums["reward"].add(total)
        for name, values in scored.components.items():
            self._sums[f"reward_{name}"].add(values.sum(axis=1))
        if drawn is not None and self._c is not None:
            (self._add_policy if drawn.log_z is None else self._add_picked)(total / self._c, drawn)
        self._sums["length"].add(lengths)
        return total

    def _add_policy(self, reward: np.ndarray, drawn: DrawnBatch) -> None:
        """Adds draws from the policy; reward [N] is r / c."""
        of = drawn.sequences
        kl = of.kl.sum(axis=1, dtype=np.float64)
        self._sums["objective"].add(reward - kl)
        self._sums["kl_sequence"].add(kl)
        for name, values in (
            ("kl_token", of.kl), ("entropy", of.entropy), ("nll_policy", -of.log_prob), ("nll_prior", -of.log_prior),
        ):  # fmt: skip
            self._sums[name].add(values.sum(axis=1), drawn.drawn_lengths)
        self._add_weights(reward + (of.log_prior - of.log_prob).sum(axis=1, dtype=np.float64), drawn)

    def _add_picked(self, reward: np.ndarray, drawn: DrawnBatch) -> None:
        """Adds picked particles. E[log Z-hat] is a lower bound of their objective, so the KL is at most the rest."""
        assert drawn.log_z is not None
        self._sums["objective"].add(drawn.log_z)
        self._sums["kl_sequence"].add(reward - drawn.log_z)
        self._sums["nll_prior"].add(-drawn.sequences.log_prior.sum(axis=1), drawn.drawn_lengths)
        self._add_weights(drawn.log_z, drawn)

    def _add_weights(self, log_weights: np.ndarray, drawn: DrawnBatch) -> None:
        primers, place = np.unique(_beginnings(drawn), axis=0, return_inverse=True)
        for i, primer in enumerate(primers):
            self._bounds[primer.tobytes()].add(log_weights[place.ravel() == i])

    def result(self) -> dict[str, Estimate]:
        """Every figure by name."""
        found = {name: sums.estimate() for name, sums in self._sums.items()}
        if self._c is None:
            return found
        bounds = list(self._bounds.values())
        size = sum(bound.effective().value * bound.estimate().n for bound in bounds)
        n = sum(bound.estimate().n for bound in bounds)
        return found | {"log_z_bound": mean_of_bounds(bounds), "effective": Estimate(size / n, None, None, n)}


def _beginnings(drawn: DrawnBatch) -> np.ndarray:
    """What each sequence began with, int [N, P]: its primer, or the beginning that was not drawn."""
    tokens, lengths = drawn.sequences.tokens, drawn.sequences.lengths
    kept = lengths - drawn.drawn_lengths
    if not kept.any():
        return drawn.primers
    return np.where(np.arange(kept.max()) < kept[:, None], tokens[:, : kept.max()], -1)
