"""Targets by hand, the loss, its gradient, the absence of every other gradient, and bounds between variants."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.config import VARIANT_NAMES
from seqtutor.kl_control import targets
from seqtutor.kl_control.variants import VARIANTS

R = tf.constant([[1.0, 2.0]])
LOG_P = tf.constant([[-0.5, -1.5]])
NEXT_Q = tf.constant([[[0.0, 2.0], [7.0, 9.0]]])
NEXT_LOG_P = tf.math.log(tf.constant([[[0.25, 0.75], [0.5, 0.5]]]))
DISCOUNT = tf.constant([[0.5, 0.0]])  # the second token is the last one
SOFT = np.log(1 + np.exp(2.0))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("q", 1 - 0.5 + 0.5 * 2.0, 2 - 1.5),
        ("psi", 1 - 0.5 + 0.5 * SOFT, 2 - 1.5),
        ("g", 1 + 0.5 * np.log(0.25 + 0.75 * np.exp(2.0)), 2.0),
        ("rl-only", 1 + 0.5 * 2.0, 2.0),
    ],
)
def test_target_by_hand_and_no_bootstrap_across_the_end(name, first, last):
    y = VARIANTS[name].target(R, LOG_P, NEXT_Q, NEXT_LOG_P, DISCOUNT)
    np.testing.assert_allclose(y, [[first, last]], rtol=1e-6)


def test_names_offered_on_the_command_line_are_the_table():
    assert set(VARIANT_NAMES) == set(VARIANTS)


def test_td_loss_value_and_errors():
    q, y = tf.constant([[1.0, 2.0, 5.0]]), tf.constant([[1.5, 12.0, 0.0]])
    mask, weight = tf.constant([[1.0, 1.0, 0.0]]), tf.constant([2.0])
    out = targets.td_loss(q, y, mask, weight, huber=4.0)
    np.testing.assert_allclose(out.td_error, [[0.5, 10.0, 0.0]])
    np.testing.assert_allclose(out.loss, 2.0 * (0.5 * 0.5**2 + 4.0 * (10.0 - 2.0)) / 2)


def test_gradient_is_the_clipped_error_and_reaches_only_the_prediction():
    q, y = tf.Variable([[1.0, 2.0, 5.0]]), tf.Variable([[1.5, 12.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = targets.td_loss(q, y, tf.constant([[1.0, 1.0, 0.0]]), tf.constant([1.0]), huber=4.0).loss
    gradient, none = tape.gradient(loss, [q, y])
    np.testing.assert_allclose(gradient, [[-0.5 / 2, -4.0 / 2, 0.0]])
    assert none is None


arrays = st.integers(0, 2**31 - 1).map(lambda seed: np.random.default_rng(seed))


@given(arrays, st.floats(0.1, 20))
@settings(max_examples=30, deadline=None)
def test_max_and_logsumexp_bound_each_other(rng, scale):
    b, t, a = 3, 4, 5
    r, log_p, discount = rng.normal(size=(b, t)), -rng.random((b, t)), rng.random((b, t))
    next_q = rng.normal(size=(b, t, a)) * scale
    args = [tf.constant(x, tf.float64) for x in (r, log_p, next_q, np.zeros((b, t, a)), discount)]
    q, psi = targets.q_target(*args), targets.psi_target(*args)
    assert np.all(psi >= q - 1e-9)
    assert np.all(psi <= q + discount * np.log(a) + 1e-9)


@given(arrays)
@settings(max_examples=30, deadline=None)
def test_g_is_psi_minus_the_log_prior(rng):
    """With Psi- = G- + log p the two targets differ by log p(a|s), for any discount."""
    b, t, a = 3, 4, 5
    r, log_p, discount = rng.normal(size=(b, t)), -rng.random((b, t)), rng.random((b, t))
    g = rng.normal(size=(b, t, a))
    next_log_p = tf.nn.log_softmax(rng.normal(size=(b, t, a))).numpy()
    y_g = targets.g_target(*map(tf.constant, (r, log_p, g, next_log_p, discount)))
    y_psi = targets.psi_target(*map(tf.constant, (r, log_p, g + next_log_p, next_log_p, discount)))
    np.testing.assert_allclose(y_psi - y_g, log_p, atol=1e-12)


def test_logsumexp_falls_to_max_with_the_temperature():
    """Values measured in ever more nats (c to 0): psi's target over q's goes to 1."""
    args = [tf.cast(x, tf.float64) for x in (R, LOG_P, NEXT_Q, NEXT_LOG_P, DISCOUNT)]
    gaps = []
    for scale in (1.0, 10.0, 100.0):
        scaled = [args[0] * scale, args[1] * scale, args[2] * scale, args[3], args[4]]
        gaps.append(float(tf.reduce_max(targets.psi_target(*scaled) - targets.q_target(*scaled))))
    assert gaps[0] > gaps[1] > gaps[2] >= 0
    assert gaps[2] < 1e-12


@given(arrays, st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_trace_sums_the_decayed_td_errors(rng, decay):
    y, q = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], float)
    expected = np.zeros((2, 5))
    for b in range(2):
        ahead = 0.0
        for t in reversed(range(5)):
            expected[b, t] = y[b, t] + decay * ahead
            ahead = mask[b, t] * (y[b, t] - q[b, t]) + decay * ahead
    got = targets.with_trace(*map(tf.constant, (y, q, mask)), decay).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_no_trace_gives_the_one_step_targets_and_a_fixed_point_stays_one():
    y, q = tf.constant([[1.0, 2.0, 3.0]]), tf.constant([[0.5, -1.0, 7.0]])
    mask = tf.ones_like(y)
    np.testing.assert_allclose(targets.with_trace(y, q, mask, 0.0), y)
    np.testing.assert_allclose(targets.with_trace(y, y, mask, 0.9), y)
