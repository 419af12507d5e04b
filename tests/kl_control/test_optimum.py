"""The best policy by enumeration, and its bound by importance sampling, on problems solved another way."""

import numpy as np
import pytest

from seqtutor.kl_control.optimum import LogZBound, collapse, gap, kl, mean_of_bounds, optimum
from seqtutor.stats.estimate import Estimate

A, T = 3, 4


def random_problem(seed, c):
    """A random prior and reward for every prefix: log p, r [A, ..., A] (T axes) summed over the sequence."""
    rng = np.random.default_rng(seed)
    log_p, r = np.zeros((A,) * T), np.zeros((A,) * T)
    steps = []
    for t in range(T):
        logits = rng.normal(size=(A,) * (t + 1)) * 2
        step = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        reward = rng.normal(size=(A,) * (t + 1))
        steps.append((step, reward))
        log_p += step.reshape(step.shape + (1,) * (T - t - 1))
        r += reward.reshape(step.shape + (1,) * (T - t - 1))
    return steps, log_p.ravel(), r.ravel()


@pytest.mark.parametrize("c", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_psi_and_g_solved_backwards_give_the_same_policy(seed, c):
    """Psi gives p exp(r / c) / Z to 1e-12; G = Psi - log p and the same policy, for any discount."""
    steps, log_p, r = random_problem(seed, c)
    best = optimum(log_p, r, c)
    for discount in (1.0, 0.9):
        v_psi, v_g = np.zeros((A,) * T), np.zeros((A,) * T)
        log_pi = np.zeros((A,) * T)
        for t in reversed(range(T)):
            step, reward = steps[t]
            psi, g = reward / c + step + discount * v_psi, reward / c + discount * v_g
            np.testing.assert_allclose(g, psi - step, atol=1e-12)
            v_psi, v_g = np.logaddexp.reduce(psi, axis=-1), np.logaddexp.reduce(step + g, axis=-1)
            policy = psi - v_psi[..., None]
            np.testing.assert_allclose(policy, step + g - v_g[..., None], atol=1e-12)
            log_pi += policy.reshape(policy.shape + (1,) * (T - t - 1))
        if discount == 1.0:
            np.testing.assert_allclose(log_pi.ravel(), best.log_pi, atol=1e-12)
            np.testing.assert_allclose(v_psi, best.log_z, atol=1e-12)


def test_the_objective_of_any_policy_is_log_z_minus_its_kl_to_the_best():
    _, log_p, r = random_problem(0, 1.0)
    best = optimum(log_p, r, 1.0)
    logits = np.random.default_rng(9).normal(size=log_p.size)
    log_pi = logits - np.logaddexp.reduce(logits)
    objective = np.exp(log_pi) @ (r + log_p - log_pi)
    assert objective == pytest.approx(best.log_z - kl(log_pi, best.log_pi), abs=1e-12)
    assert kl(best.log_pi, best.log_pi) == pytest.approx(0, abs=1e-12)
    assert kl(log_pi, best.log_pi) > 0


def test_a_large_c_gives_the_prior_back_and_a_small_one_the_best_sequence():
    _, log_p, r = random_problem(1, 1.0)
    np.testing.assert_allclose(optimum(log_p, r, 1e9).log_pi, log_p, atol=1e-6)
    assert np.exp(optimum(log_p, r, 1e-3).log_pi)[(log_p + 1e3 * r).argmax()] == pytest.approx(1.0)


def draws(log_pi, log_p, r, n, seed):
    at = np.random.default_rng(seed).choice(log_pi.size, n, p=np.exp(log_pi))
    return (r + log_p - log_pi)[at]


def test_the_bound_is_exact_for_the_best_policy_and_below_log_z_on_average():
    _, log_p, r = random_problem(2, 1.0)
    best = optimum(log_p, r, 1.0)
    bound = LogZBound()
    bound.add(draws(best.log_pi, log_p, r, 100, 0))
    assert bound.estimate().value == pytest.approx(best.log_z, abs=1e-9)
    assert bound.effective().value == pytest.approx(1.0)
    values = []
    for seed in range(300):
        bound = LogZBound()
        bound.add(draws(log_p, log_p, r, 20, seed))
        values.append(bound.estimate().value)
    assert np.mean(values) < best.log_z
    assert np.mean(values) > np.exp(log_p) @ r  # above the objective of the policy that drew them, the prior's


def test_the_interval_covers_log_z():
    _, log_p, r = random_problem(2, 1.0)
    best, hits = optimum(log_p, r, 1.0), 0
    for seed in range(400):
        bound = LogZBound()
        bound.add(draws(log_p, log_p, r, 2000, seed))
        estimate = bound.estimate()
        hits += estimate.low <= best.log_z <= estimate.high
    assert 0.92 < hits / 400 < 0.98


def test_no_interval_from_a_handful_of_effective_draws():
    """A few draws carry nearly all the weight: the value is still a bound, and says nothing of its error."""
    weights = np.random.default_rng(0).normal(size=5000) * 4
    bound = LogZBound()
    bound.add(weights)
    assert bound.effective().value * 5000 < 100
    assert (bound.estimate().low, bound.estimate().error) == (None, None)
    assert bound.estimate().value == pytest.approx(np.log(np.exp(weights).mean()))


def test_the_error_is_that_of_the_delta_method():
    """The jackknife over groups agrees with the direct formula where weights are tame."""
    weights = np.random.default_rng(0).normal(size=20_000) * 0.5
    bound = LogZBound()
    bound.add(weights)
    w = np.exp(weights)
    direct = w.std() / w.mean() / np.sqrt(len(w))
    assert bound.estimate().error == pytest.approx(direct, rel=0.4)  # 20 groups: the error of the error is a sixth


def test_an_upper_bound_of_reciprocals():
    values = np.array([1.0, 2.0, 4.0] * 100)
    bound = LogZBound(upper=True)
    bound.add(np.log(values))
    assert bound.estimate().value == pytest.approx(-np.log((1 / values).mean()))
    assert bound.estimate().low < bound.estimate().value < bound.estimate().high


def test_bounds_of_several_primers_are_averaged():
    one, two = LogZBound(), LogZBound()
    one.add(np.full(300, 1.0))
    two.add(np.full(100, 3.0))
    assert mean_of_bounds([one, two]).value == pytest.approx(1.5)
    assert mean_of_bounds([one]) == one.estimate()


def test_the_gap_and_its_error():
    high, low = Estimate(5.0, 4.8, 5.2, 9, 0.3), Estimate(4.0, 3.9, 4.1, 7, 0.4)
    assert (gap(high, low).value, gap(high, low).error) == (1.0, pytest.approx(0.5))
    assert gap(high, low, independent=False).error == pytest.approx(0.7)
    assert gap(Estimate(5.0, None, None, 9), low).low is None


def test_batches_add_up_and_large_weights_do_not_overflow():
    weights = np.random.default_rng(0).normal(size=60) * 5
    whole, parts, shifted = LogZBound(), LogZBound(), LogZBound()
    whole.add(weights)
    for part in np.split(weights, 6):
        parts.add(part)
    shifted.add(weights + 5000)
    assert parts.estimate().value == pytest.approx(whole.estimate().value)
    assert parts.estimate().error == pytest.approx(whole.estimate().error)
    assert shifted.estimate().value == pytest.approx(whole.estimate().value + 5000)
    assert parts.effective().value == pytest.approx(whole.effective().value)


def test_a_collapse_is_told_by_its_sign():
    assert collapse(0.0015, 1.0, 0.5) == "0.15% of its sequences are distinct, of the prior's 100.00%"
    assert collapse(0.5, 0.9, 0.05) == "its entropy is 0.050 nats a token"
    assert collapse(0.05, 0.06, None) == collapse(0.9, 1.0, 1.0) == collapse(0.5, float("nan"), 0.2) == ""
