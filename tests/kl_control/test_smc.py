"""Weights and resampling against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.kl_control.smc import (
    conditional_ancestors,
    effective_sizes,
    log_mean,
    log_weight_gain,
    normalised,
    pick,
    systematic_ancestors,
)

GRID = (np.arange(20_000) + 0.5) / 20_000  # every u, evenly: a mean over it is an integral
log_weights = st.lists(st.floats(-30, 30), min_size=1, max_size=12)


def counts(ancestors, particles):
    return (ancestors[:, :, None] == np.arange(particles)).sum(axis=1)


def over_grid(resample, weights):
    """The copies of each particle, [len(GRID), K], of one population for every u."""
    rows = np.tile(np.log(weights), (len(GRID), 1))
    return counts(resample(rows, GRID), len(weights))


def test_the_gain_is_the_equation():
    gain = log_weight_gain(np.log([0.2]), np.log([0.5]), np.array([1.5]), value=np.array([0.3]), next_value=[0.7])
    np.testing.assert_allclose(np.exp(gain), 0.2 / 0.5 * np.exp(1.5 + 0.7 - 0.3))


def test_means_and_effective_sizes_by_hand():
    rows = np.log([[1.0, 1.0, 1.0, 1.0], [1.0, 1e-300, 1e-300, 1e-300], [0.5, 0.25, 0.125, 0.125]]) + 800.0
    np.testing.assert_allclose(effective_sizes(rows), [4, 1, 1 / (0.25 + 0.0625 + 2 * 0.015625)])
    np.testing.assert_allclose(log_mean(rows), np.log([1, 0.25, 0.25]) + 800)
    np.testing.assert_allclose(np.exp(normalised(rows)).sum(axis=1), 1)


def test_systematic_resampling_by_hand():
    rows = np.log([[0.5, 0.25, 0.125, 0.125]] * 4)
    found = systematic_ancestors(rows, np.array([0.0, 0.49, 0.5, 0.99]))
    assert found.tolist() == [[0, 0, 1, 2], [0, 0, 1, 2], [0, 0, 1, 3], [0, 0, 1, 3]]


@given(log_weights, st.floats(0, 1, exclude_max=True, width=32))
def test_copies_are_the_expected_number_rounded_down_or_up(row, u):
    row = np.array([row])
    found = systematic_ancestors(row, np.array([u]))
    expected = row.size * np.exp(normalised(row))[0]
    copies = counts(found, row.size)[0]
    assert found.shape == row.shape and copies.sum() == row.size
    assert (np.floor(expected - 1e-9) <= copies).all() and (copies <= np.ceil(expected + 1e-9)).all()


@pytest.mark.parametrize("resample", [systematic_ancestors, conditional_ancestors])
def test_copies_of_extreme_weights(resample):
    rows = np.array([[0.0, -1e300, -1e5], [-1e300, -1e300, -1e300]])
    assert resample(rows, np.array([0.3, 0.3])).tolist() == [[0, 0, 0], [0, 1, 2]]


WEIGHTS = [
    [0.5, 0.3, 0.15, 0.05],
    [0.05, 0.5, 0.3, 0.15],
    [0.26, 0.24, 0.26, 0.24],
    [0.9, 0.1],
    [0.01, 0.49, 0.5],
    [1.0],
]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_systematic_resampling_is_unbiased(weights):
    np.testing.assert_allclose(
        over_grid(systematic_ancestors, weights).mean(axis=0), len(weights) * np.array(weights), atol=1e-3
    )


@pytest.mark.parametrize("weights", WEIGHTS)
def test_conditional_resampling_is_the_unconditional_one_tilted_by_the_copies_of_the_first(weights):
    """E[f(copies) | kept] = E[f(copies) copies_0] / E[copies_0], here of all first and second moments."""
    free, kept = over_grid(systematic_ancestors, weights), over_grid(conditional_ancestors, weights)
    tilt = free[:, 0] / free[:, 0].mean()
    np.testing.assert_allclose(kept.mean(axis=0), tilt @ free / len(GRID), atol=2e-3)
    np.testing.assert_allclose(kept.T @ kept / len(GRID), (free.T * tilt) @ free / len(GRID), atol=1e-2)


@given(log_weights, st.floats(0, 1, exclude_max=True, width=32))
def test_conditional_resampling_keeps_the_first_and_the_order_round_the_circle(row, u):
    found = conditional_ancestors(np.array([row]), np.array([u]))[0]
    assert found[0] == 0
    assert (np.diff(np.append(found, 0)) < 0).sum() <= 1  # ascending, then perhaps copies of the first


def test_the_kept_particle_is_any_one_of_its_copies():
    """Which is known by where the others are, round the circle."""
    rows = np.tile(np.log([0.75, 0.1, 0.1, 0.05]), (len(GRID), 1))
    found = conditional_ancestors(rows, GRID)
    after = (found[:, ::-1] != 0).argmax(axis=1)  # copies of the first that come last
    np.testing.assert_allclose(np.bincount(after) / len(GRID), [1 / 3] * 3, atol=1e-3)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_particle_is_picked_by_its_weight(weights):
    found = pick(np.tile(np.log(weights) - 500.0, (len(GRID), 1)), GRID)
    np.testing.assert_allclose(np.bincount(found, minlength=len(weights)) / len(GRID), weights, atol=1e-4)
    assert pick(np.log([weights]), np.array([1.0])) == [len(weights) - 1]
