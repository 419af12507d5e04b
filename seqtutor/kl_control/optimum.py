"""How far a policy is from the best one: exactly where all sequences can be listed, else by importance sampling.

With discount 1 the best policy is pi*(tau) = p(tau) exp(r(tau) / c) / Z, and the objective of any policy is

    L(pi) = E_pi[r] / c - KL(pi || p) = log Z - KL(pi || pi*).

So the gap log Z - L(pi) is KL(pi || pi*) itself. Pure functions of numpy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqtutor.stats.estimate import Z95, Estimate, student95


class Optimum(NamedTuple):
    """log_pi [K]: log pi*(tau) of every sequence; log_z: the highest objective there is, in nats."""

    log_pi: np.ndarray
    log_z: float


def optimum(log_p: np.ndarray, reward: np.ndarray, c: float) -> Optimum:
    """The best policy by enumeration: log_p [K] = log p(tau), reward [K] = r(tau), of every sequence there is."""
    tilted = np.asarray(log_p, np.float64) + np.asarray(reward, np.float64) / c
    log_z = float(np.logaddexp.reduce(tilted))
    return Optimum(tilted - log_z, log_z)


def kl(log_pi: np.ndarray, log_q: np.ndarray) -> float:
    """KL(pi || q) in nats, of two distributions over the same list of sequences: log_pi, log_q [K]."""
    log_pi = np.asarray(log_pi, np.float64)
    return float(np.exp(log_pi) @ (log_pi - log_q))


GROUPS = 20  # of draws, which the jackknife leaves out in turn
ENOUGH = 100  # effective draws; an interval from fewer would be one of a handful of sequences


class LogZBound:
    """A bound on log Z by importance sampling, batch by batch: log mean_i w_i, of weights whose expectation is Z.

    For sequences tau_i drawn from a policy pi the weights are

        w_i = p(tau_i) exp(r(tau_i) / c) / pi(tau_i),

    and for populations of particles they are Z-hat (see `smc`). By Jensen's inequality E[log mean w] <= log Z: it is a
    lower bound, which rises to log Z with the number of draws, fast where pi is near pi*. With `upper` the draws are
    Z-hat of populations that hold an exact draw from pi* (conditional SMC). Then E[1 / Z-hat] = 1 / Z, and
    -log mean (1 / w) is an upper bound.

    The standard error is the jackknife's over GROUPS of draws (Efron 1982, section 2); the interval is Student's. The
    effective sample size (sum w)^2 / sum w^2 (Kong 1992) says how far to trust it. It does not prove that the bound is
    tight: a sequence that no draw has met has no weight.
    """

    def __init__(self, upper: bool = False) -> None:
        self._sign, self._n = (-1.0 if upper else 1.0), 0
        self._top = -math.inf  # the greatest log weight so far; sums are of exp(log w - top)
        self._counts, self._sums, self._squares = np.zeros(GROUPS, int), np.zeros(GROUPS), 0.0

    def add(self, log_weights: np.ndarray) -> None:
        """Adds log w [N], nats: r / c + log p - log pi summed over each sequence, or log Z-hat of each population."""
        log_weights = self._sign * np.asarray(log_weights, np.float64)
        top = max(self._top, float(log_weights.max(initial=-math.inf)))
        scale = math.exp(self._top - top) if self._n else 0.0
        weights = np.exp(log_weights - top)
        group = (self._n + np.arange(len(weights))) % GROUPS
        self._counts += np.bincount(group, minlength=GROUPS)
        self._sums = self._sums * scale + np.bincount(group, weights, minlength=GROUPS)
        self._squares = self._squares * scale**2 + float((weights**2).sum())
        self._top, self._n = top, self._n + log_weights.size

    def estimate(self) -> Estimate:
        """The bound with its interval; without one where fewer than ENOUGH draws count, see `effective`."""
        if self._n == 0:
            return Estimate(math.nan, None, None, 0)
        value = self._sign * (self._top + math.log(self._sums.sum() / self._n))
        if self._n < 2 * GROUPS or self.effective().value * self._n < ENOUGH:
            return Estimate(value, None, None, self._n)
        without = np.log((self._sums.sum() - self._sums) / (self._n - self._counts))
        error = math.sqrt((GROUPS - 1) * float(without.var()))
        half = student95(GROUPS - 1) * error
        return Estimate(value, value - half, value + half, self._n, error)

    def effective(self) -> Estimate:
        """The effective sample size as a share of the draws, in (0, 1]."""
        if self._n == 0:
            return Estimate(math.nan, None, None, 0)
        return Estimate(float(self._sums.sum()) ** 2 / self._squares / self._n, None, None, self._n)


def mean_of_bounds(bounds: Sequence[LogZBound]) -> Estimate:
    """The mean of log Z over the draws of several problems, one bound each, as where sequences begin with primers.

    It is weighted by the number of draws. There is an interval where every bound has one, and for a single bound it is
    that one's own.
    """
    each = [bound.estimate() for bound in bounds]
    n = sum(estimate.n for estimate in each)
    if len(each) == 1 or n == 0:
        return each[0] if each else Estimate(math.nan, None, None, 0)
    value = sum(estimate.n * estimate.value for estimate in each) / n
    if any(estimate.error is None for estimate in each):
        return Estimate(value, None, None, n)
    error = math.sqrt(sum((estimate.n * (estimate.error or 0.0)) ** 2 for estimate in each)) / n
    return Estimate(value, value - Z95 * error, value + Z95 * error, n, error)


def gap(log_z: Estimate, objective: Estimate, independent: bool = True) -> Estimate:
    """log Z - L(pi) = KL(pi || pi*), in nats; where log_z is a lower bound, the gap is at least this.

    Args: independent: whether the two come from different draws; else their errors are added, which is the worst case.
    The interval is missing where one of the two has none.
    """
    value = log_z.value - objective.value
    if log_z.error is None or objective.error is None:
        return Estimate(value, None, None, objective.n)
    error = math.hypot(log_z.error, objective.error) if independent else log_z.error + objective.error
    return Estimate(value, value - Z95 * error, value + Z95 * error, objective.n, error)


def collapse(distinct: float, prior_distinct: float, entropy: float | None) -> str:
    """What shows that a policy has collapsed to a few sequences; "" where nothing does.

    Args:
      distinct, prior_distinct: the share of different sequences among those of the policy, and of the prior.
      entropy: of the policy, nats a token; None where it is not known.
    """
    if distinct < 0.1 * prior_distinct:
        return f"{distinct:.2%} of its sequences are distinct, of the prior's {prior_distinct:.2%}"
    if entropy is not None and entropy < 0.1:
        return f"its entropy is {entropy:.3f} nats a token"
    return ""
