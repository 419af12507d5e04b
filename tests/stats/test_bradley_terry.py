"""Choices: exact answers in one dimension, the optimum's conditions, and simulated raters."""

import numpy as np
import pytest

from seqtutor.stats.bradley_terry import PENALTIES, accuracy, fit, fitted


def test_one_number_chosen_three_times_of_four():
    """Without a penalty the odds are 3 to 1: w = log 3."""
    differences = np.array([[1.0], [1.0], [1.0], [-1.0]] * 50)
    assert fit(differences, 1e-9)[0] == pytest.approx(np.log(3), abs=1e-6)


def test_the_gradient_is_zero_whatever_the_penalty_and_the_scale():
    rng = np.random.default_rng(0)
    for scale in (0.01, 1.0, 100.0):
        differences = scale * rng.normal(size=(60, 8))
        for penalty in PENALTIES:
            w = fit(differences, penalty)
            wrong = 1 / (1 + np.exp(differences @ w))
            np.testing.assert_allclose(differences.T @ wrong, penalty * w, atol=1e-6 * scale * 60)


def test_a_taste_is_found_and_noise_is_not():
    rng = np.random.default_rng(1)
    differences, taste = rng.normal(size=(400, 20)), np.where(np.arange(20) < 3, 2.0, 0.0)
    chosen = rng.random(400) < 1 / (1 + np.exp(-differences @ taste))
    rows = differences * np.where(chosen, 1, -1)[:, None]
    w = fitted(rows)
    assert np.corrcoef(w, taste)[0, 1] > 0.95 and w[:3].min() > 1
    found = accuracy(rows)
    fresh = rng.normal(size=(20_000, 20))
    honest = np.mean(1 / (1 + np.exp(-np.sign(fresh @ w) * (fresh @ taste))))
    assert found.low < honest < found.high and found.low > 0.5 and found.n == 400
    noise = accuracy(rng.normal(size=(400, 20)))
    assert noise.low < 0.5 < noise.high
    assert accuracy(rows) == found  # nothing is left to chance


def test_equal_things_are_no_information():
    assert not fitted(np.zeros((12, 3))).any() and accuracy(np.zeros((12, 3))).value == 0.5
