"""Statistics with 95 % intervals in constant memory, and the test between two of them.

Every per-sequence statistic here is a ratio of sums, R = sum_i a_i / sum_i b_i over N independent
sequences (a mean has b_i = 1; a share of tokens has b_i = length; a mean among the valid has
b_i = valid). Its standard error is the delta method's, from five running sums:

    se(R)^2 = sum_i (a_i - R b_i)^2 / (sum_i b_i)^2 * N / (N - 1)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval. `low`, `high` and `error` are None where none is defined (a maximum, say)."""

    value: float
    low: float | None
    high: float | None
    n: int
    error: float | None = None  # standard error, for tests between two estimates


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The Wilson 95 % interval of a proportion (Wilson 1927); honest at 0 and 1, where the normal one has no width."""
    if n == 0:
        return math.nan, math.nan
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


class RatioSums:
    """Running sums of one statistic sum(a) / sum(b): add batches, then ask for the estimate."""

    def __init__(self, share: bool = False) -> None:
        """Args: share: a and b are 0 or 1, the statistic is a proportion; its interval is Wilson's, its error that
        of Agresti & Coull (1998), p = (x + 2) / (n + 4), which is not 0 where all or none have the property.
        """
        self._share, self._n = share, 0
        self._a = self._b = self._aa = self._ab = self._bb = 0.0

    def add(self, a: np.ndarray, b: np.ndarray | None = None) -> None:
        """Adds sequences: numerators a [N] and denominators b [N] (None: all one)."""
        a = np.asarray(a, np.float64)
        b = np.ones_like(a) if b is None else np.asarray(b, np.float64)
        self._n += a.size
        self._a, self._b = self._a + a.sum(), self._b + b.sum()
        self._aa, self._ab, self._bb = self._aa + a @ a, self._ab + a @ b, self._bb + b @ b

    def estimate(self) -> Estimate:
        """The ratio with its interval, which one sequence does not have; NaN where nothing was added."""
        if self._b == 0:
            return Estimate(math.nan, None, None, 0)
        if self._share:
            return share(float(self._a), int(self._b))
        ratio = float(self._a / self._b)
        if self._n == 1:
            return Estimate(ratio, None, None, 1)
        residual = max(0.0, float(self._aa - 2 * ratio * self._ab + ratio**2 * self._bb))
        error = math.sqrt(residual / (self._n - 1) * self._n) / abs(float(self._b))
        return Estimate(ratio, ratio - Z95 * error, ratio + Z95 * error, self._n, error)


def share(successes: float, n: int) -> Estimate:
    """A proportion x / n with Wilson's interval and the standard error of Agresti & Coull."""
    low, high = wilson(successes, n)
    centre = (successes + 2) / (n + 4)
    return Estimate(successes / n, low, high, n, math.sqrt(centre * (1 - centre) / (n + 4)))


def share_distinct(counts: np.ndarray) -> Estimate:
    """D / N for D different things among N; counts int [D]: how often each of them occurs.

    Leaving out one of the f1 things that occur once, and only that, lowers D: the jackknife gives the standard
    error sqrt(f1 (1 - f1 / N)) / N, which errs on the wide side. Where it is 0 the interval is Wilson's.
    """
    n, once = int(counts.sum()), int((counts == 1).sum())
    if n == 0:
        return Estimate(math.nan, None, None, 0)
    value, error = counts.size / n, math.sqrt(once * (1 - once / n)) / n
    if error == 0:
        return share(counts.size, n)
    return Estimate(value, max(0.0, value - Z95 * error), min(1.0, value + Z95 * error), n, error)


def mean_of_few(values: Sequence[float]) -> Estimate:
    """The mean of a few independent values with Student's interval, which one value does not have; NaN for none."""
    n = len(values)
    if n < 2:
        return Estimate(values[0] if n else math.nan, None, None, n)
    value, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(n)
    half = student95(n - 1) * error
    return Estimate(value, value - half, value + half, n, error)


def student95(freedom: int) -> float:
    """The two-sided 95 % quantile t of Student's distribution.

    With t = sqrt(freedom) tan(angle), P(|T| < t) is a finite sum of powers of cos(angle) (Abramowitz & Stegun 26.7.3
    and 26.7.4), which rises with the angle; so the angle is found by halving.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < 0.95 else (low, angle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < sqrt(freedom) tan(angle))."""
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(angle) ** 2
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def p_value(first: Estimate, other: Estimate) -> float | None:
    """Two-sided p of Welch's z test that two independent estimates share one mean; None where no error is known."""
    if first.error is None or other.error is None:
        return None
    error = math.hypot(first.error, other.error)
    if error == 0.0:
        return 1.0 if first.value == other.value else 0.0
    return math.erfc(abs(first.value - other.value) / error / math.sqrt(2))
