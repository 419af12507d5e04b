"""The losses of pcl, tb, dap and pg: errors and gradients by hand, and limits between them and psi's targets."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.kl_control import losses
from seqtutor.kl_control.losses import Taken
from seqtutor.kl_control.targets import psi_target

LOG_PI, VALUE = [[-1.0, -2.0, -0.5]], [[0.5, 1.5, -1.0]]
R, LOG_P, MASK = [[1.0, 2.0, 7.0]], [[-0.5, -1.5, -9.0]], [[1.0, 1.0, 0.0]]
DELTA = np.array([[1.0 - 0.5 + 1.0, 2.0 - 1.5 + 2.0]])


def example(log_pi=LOG_PI, value=VALUE, weight=(2.0,)):
    return Taken(*(tf.convert_to_tensor(x, tf.float64) for x in (log_pi, value, R, LOG_P, MASK, weight)))


def gradients(loss):
    log_pi, value = tf.Variable(LOG_PI, dtype=tf.float64), tf.Variable(VALUE, dtype=tf.float64)
    taken = example()
    with tf.GradientTape() as tape:
        for constant in (taken.r_t, taken.log_p_t):
            tape.watch(constant)
        out = loss(taken._replace(log_pi_t=log_pi, value_t=value)).loss
    sources = [log_pi, value, taken.r_t, taken.log_p_t]
    *found, r, log_p = tape.gradient(out, sources)
    assert r is None
    assert log_p is None
    return [None if g is None else g.numpy() for g in found]


def test_pcl_of_one_token_steps_by_hand():
    out = losses.pcl_loss(example(), 0.5, 1, huber=1.0)
    errors = [DELTA[0, 0] + 0.5 * 1.5 - 0.5, DELTA[0, 1] - 1.5, 0.0]  # 1.75 and 1.0
    np.testing.assert_allclose(out.td_error, [errors])
    np.testing.assert_allclose(out.loss, 2 * ((1.75 - 0.5) + 0.5 * 1.0) / 2)
    policy, value = gradients(lambda taken: losses.pcl_loss(taken, 0.5, 1, huber=1.0))
    np.testing.assert_allclose(policy, [[-1.0, -1.0, 0.0]])  # weight 2, 2 tokens, clipped errors 1 and 1
    np.testing.assert_allclose(value, [[-1.0, 0.5 - 1.0, 0.0]])


def test_tb_by_hand():
    out = losses.tb_loss(example(), huber=10.0)
    np.testing.assert_allclose(out.td_error, [[DELTA.sum() - 0.5, 0, 0]])
    np.testing.assert_allclose(out.loss, 2 * 0.5 * 3.5**2 / 2)
    policy, value = gradients(lambda taken: losses.tb_loss(taken, huber=10.0))
    np.testing.assert_allclose(policy, [[-3.5, -3.5, 0.0]])
    np.testing.assert_allclose(value, [[-3.5, 0.0, 0.0]])


def test_dap_by_hand():
    out = losses.dap_loss(example())
    np.testing.assert_allclose(out.td_error, [[4.0, 0, 0]])
    np.testing.assert_allclose(out.loss, 2 * 0.5 * 4.0**2 / 2)
    policy, value = gradients(losses.dap_loss)
    np.testing.assert_allclose(policy, [[-4.0, -4.0, 0.0]])
    assert value is None


def test_pg_by_hand():
    out = losses.pg_loss(example(), 0.5, huber=10.0)
    returns = [1.5 + 0.5 * 2.5, 2.5]
    errors = [returns[0] - 0.5, returns[1] - 1.5]
    np.testing.assert_allclose(out.target[:, :2], [returns])
    np.testing.assert_allclose(out.td_error, [[*errors, 0]])
    policy, value = gradients(lambda taken: losses.pg_loss(taken, 0.5, huber=10.0))
    np.testing.assert_allclose(policy, [[-errors[0], -errors[1], 0.0]])
    np.testing.assert_allclose(value, [[-errors[0], -errors[1], 0.0]])


seeds = st.integers(0, 2**31 - 1).map(np.random.default_rng)


def random_taken(rng, b=3, t=5):
    mask = (np.arange(t) < rng.integers(1, t + 1, (b, 1))).astype(float)
    log_pi, log_p, value, r = -rng.random((b, t)), -rng.random((b, t)), rng.normal(size=(b, t)), rng.normal(size=(b, t))
    return Taken(*map(tf.constant, (log_pi, value, r, log_p, mask, np.ones(b))))


@given(seeds, st.floats(0, 1), st.integers(1, 8))
def test_pcl_is_the_sum_of_its_one_token_errors(rng, discount, path_length):
    """error_t of length d = sum_{k < d} g^k error_{t+k} of length 1: sub-paths telescope."""
    taken = random_taken(rng)
    one = losses.pcl_loss(taken, discount, 1, 1.0).td_error
    many = losses.pcl_loss(taken, discount, path_length, 1.0).td_error
    np.testing.assert_allclose(many, losses.discounted_sums(one, discount, path_length) * taken.mask, atol=1e-12)


@given(seeds)
def test_pcl_over_the_whole_sequence_is_tb_in_its_first_place(rng):
    taken = random_taken(rng)
    pcl, tb = losses.pcl_loss(taken, 1.0, 5, 1.0), losses.tb_loss(taken, 1.0)
    np.testing.assert_allclose(pcl.td_error[:, 0], tb.td_error[:, 0], atol=1e-12)


@given(seeds)
def test_tb_with_the_value_zero_is_dap(rng):
    taken = random_taken(rng)
    still = taken._replace(value_t=tf.zeros_like(taken.value_t))
    np.testing.assert_allclose(losses.tb_loss(still, 1e9).loss, losses.dap_loss(taken).loss, rtol=1e-12)


@given(seeds, st.floats(0.1, 1))
def test_the_one_token_error_of_pcl_is_psis(rng, discount):
    """With Psi = V + log pi, so that logsumexp Psi = V, psi's target minus Psi is pcl's error of length 1."""
    log_pi, value = tf.nn.log_softmax(rng.normal(size=(2, 4, 3))), tf.constant(rng.normal(size=(2, 4)))
    tokens = rng.integers(0, 3, (2, 4))
    taken = random_taken(rng, 2, 4)._replace(
        mask=tf.ones((2, 4), tf.float64), value_t=value, log_pi_t=tf.gather(log_pi, tokens, batch_dims=2)
    )
    psi = value[..., None] + log_pi
    after = tf.concat([psi[:, 1:], psi[:, -1:]], axis=1)
    discounts = tf.constant([[discount] * 3 + [0.0]], tf.float64)
    target = psi_target(taken.r_t, taken.log_p_t, after, None, discounts)
    expected = target - tf.gather(psi, tokens, batch_dims=2)
    np.testing.assert_allclose(losses.pcl_loss(taken, discount, 1, 1.0).td_error, expected, atol=1e-12)


def test_discounted_sums_by_hand():
    terms = tf.constant([[1.0, 2.0, 4.0]])
    np.testing.assert_allclose(losses.discounted_sums(terms, 0.5), [[3.0, 4.0, 4.0]])
    np.testing.assert_allclose(losses.discounted_sums(terms, 0.5, 2), [[2.0, 4.0, 4.0]])
    np.testing.assert_allclose(losses.discounted_sums(terms, 0.0), terms)
    with pytest.raises(tf.errors.InvalidArgumentError):
        losses.discounted_sums(tf.zeros([2]), 0.5)
