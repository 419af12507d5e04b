"""The model of Bradley and Terry (1952) for choices between two things that are described by numbers.

The thing x is preferred to y with probability 1 / (1 + exp(-w (x - y))): w x is its worth in nats of odds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from seqtutor.stats.estimate import Estimate, RatioSums

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS = 5


def fit(differences: np.ndarray, penalty: float) -> np.ndarray:
    """The weights w [F] that minimise sum_i log(1 + exp(-w d_i)) + penalty |w|^2 / 2, by Newton's method.

    Args: differences d [N, F]: of each choice the preferred one's numbers minus the other's; penalty, above 0.
    """
    w = np.zeros(differences.shape[1])
    for _ in range(100):
        wrong = 1 / (1 + np.exp(differences @ w))  # the probability of the other choice
        gradient = penalty * w - differences.T @ wrong
        curvature = (differences.T * (wrong * (1 - wrong))) @ differences + penalty * np.eye(len(w))
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while size > 1e-6 and _loss(differences, w - size * step, penalty) > _loss(differences, w, penalty):
            size /= 2
        w = w - size * step
        if np.abs(step).max(initial=0) < 1e-9:
            break
    return w


def fitted(differences: np.ndarray, seed: int = 0) -> np.ndarray:
    """`fit` with the penalty of `PENALTIES` under which choices that are left out are likeliest."""
    scores = [_left_out(differences, partial(fit, penalty=penalty), seed) for penalty in PENALTIES]
    best = int(np.argmax([-np.logaddexp(0, -score).sum() for score in scores]))
    return fit(differences, PENALTIES[best])


def accuracy(differences: np.ndarray, seed: int = 0) -> Estimate:
    """The share of choices that `fitted` predicts from the others: each is left out in one of FOLDS parts."""
    scores = _left_out(differences, fitted, seed)
    shares = RatioSums(share=True)
    shares.add(np.where(scores == 0, 0.5, scores > 0))
    return shares.estimate()


def _loss(differences: np.ndarray, w: np.ndarray, penalty: float) -> float:
    return float(np.logaddexp(0, -differences @ w).sum() + penalty * w @ w / 2)


def _left_out(differences: np.ndarray, fit_to: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
    """w d of each choice, w being fitted to the parts that it is not in, [N]."""
    part = np.random.default_rng([seed, len(differences)]).permutation(len(differences)) % FOLDS
    found = np.zeros(len(differences))
    for number in range(min(FOLDS, len(differences))):
        found[part == number] = differences[part == number] @ fit_to(differences[part != number])
    return found
