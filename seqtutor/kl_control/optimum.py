"""How far a policy is from the best one: exactly where all sequences can be listed, else by importance sampling.

With discount 1 the best policy is pi*(tau) = p(tau) exp(r(tau) / c) / Z, and the objective of any policy is

    L(pi) = E_pi[r] / c - KL(pi || p) = log Z - KL(pi || pi*).

So the gap log Z - L(pi) is KL(pi || pi*) itself. Pure functions of numpy arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from seqtutor.stats.estimate import Z95, Estimate


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


class LogZBound:
    """A lower bound on log Z from a policy's own sequences, batch by batch: log mean_i w_i,

        w_i = p(tau_i) exp(r(tau_i) / c) / pi(tau_i),   tau_i ~ pi.

    E[w] = Z, so by Jensen's inequality the bound's expectation is at most log Z; it rises to log Z with the number
    of sequences, fast where pi is near pi*. The effective sample size (sum w)^2 / sum w^2 says how far to trust it.
    """

    def __init__(self) -> None:
        self._n, self._top, self._sum, self._squares = 0, -math.inf, 0.0, 0.0

    def add(self, log_weights: np.ndarray) -> None:
        """Adds log w [N] = r / c + log p - log pi, sums over each sequence, in nats."""
        log_weights = np.asarray(log_weights, np.float64)
        top = max(self._top, float(log_weights.max()))
        scale = math.exp(self._top - top) if self._n else 0.0
        weights = np.exp(log_weights - top)
        self._sum, self._squares = self._sum * scale + weights.sum(), self._squares * scale**2 + (weights**2).sum()
        self._top, self._n = top, self._n + log_weights.size

    def estimate(self) -> Estimate:
        """The bound; its interval is the delta method's for the logarithm of a mean."""
        mean = self._sum / self._n
        variance = max(0.0, self._squares / self._n - mean**2)
        error = math.sqrt(variance / self._n) / mean
        value = self._top + math.log(mean)
        return Estimate(value, value - Z95 * error, value + Z95 * error, self._n, error)

    def effective(self) -> Estimate:
        """The effective sample size as a share of the sequences, in (0, 1]."""
        return Estimate(self._sum**2 / self._squares / self._n, None, None, self._n)
