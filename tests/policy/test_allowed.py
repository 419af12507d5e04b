"""Drawing and tuning where only some tokens are allowed: against every sequence there is, and the exact optimum."""

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.domains.chain import Chain
from seqtutor.kl_control.optimum import kl
from seqtutor.policy.particles import ParticleSampler, Uniforms
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Exploration, Sampler, pick
from seqtutor.tuning.tuner import Tuner
from tests.support.line import ACTIONS, EVERY, LENGTH, LINE, REWARD, log_probs, make_prior, settings

ALLOWED = np.array([True, False, True])
C = 1.0


class Restricted(Chain):
    """Words of 4 letters out of 3, without the second letter."""

    @property
    def allowed(self):
        return ALLOWED


DOMAIN = Restricted(LINE.options)
INSIDE = ALLOWED[EVERY].all(axis=1)
NONE = np.zeros((1, 0), np.int32)


@pytest.fixture(scope="module")
def prior():
    return make_prior()


@pytest.fixture(scope="module")
def best(prior):
    """log pi* of every sequence inside, p exp(r / c) / Z over these alone, and log Z."""
    tilted = (log_probs(Policy(prior)) + REWARD(EVERY, None).total.astype(np.float64).sum(axis=1) / C)[INSIDE]
    log_z = np.logaddexp.reduce(tilted)
    return tilted - log_z, log_z


def test_a_restricted_policy_is_the_prior_s_with_the_rest_left_out(prior):
    logits, prior_logits = Policy(prior, allowed=ALLOWED).unroll(tf.constant([[0, 2, 0]]), tf.zeros([1, 0], tf.int32))
    p = tf.nn.softmax(prior_logits).numpy() * ALLOWED
    np.testing.assert_allclose(tf.nn.softmax(logits), p / p.sum(axis=-1, keepdims=True), atol=1e-6)
    assert (tf.nn.softmax(logits / 1e5).numpy()[..., 1] == 0).all()  # whatever the temperature


def test_log_probabilities_sum_to_one_inside_and_are_none_outside(prior):
    none = np.zeros((len(EVERY), 0), np.int32)
    log_pi, log_p = (each.numpy().sum(axis=1) for each in Policy(prior, allowed=ALLOWED).log_probs(EVERY, none))
    assert np.exp(log_pi[INSIDE]).sum() == pytest.approx(1, abs=1e-5) and (log_pi[~INSIDE] == -np.inf).all()
    np.testing.assert_allclose(log_p, log_probs(Policy(prior)), atol=1e-5)


@pytest.mark.parametrize("how", [Exploration(), Exploration(temperature=5.0), Exploration(epsilon=0.9)])
def test_nothing_else_is_drawn_and_the_figures_are_finite(prior, how):
    policy = Policy(prior, allowed=ALLOWED)
    sampler = Sampler(policy, DOMAIN.vocabulary, LENGTH, how, ALLOWED)
    uniforms = np.random.default_rng(0).random((500, LENGTH), np.float32)
    uniforms[0] = np.nextafter(np.float32(1), np.float32(0))
    drawn = sampler.draw(uniforms, np.repeat(NONE, 500, axis=0))
    assert set(np.unique(drawn.tokens)) == {0, 2}
    none = np.zeros((500, 0), np.int32)
    for found, wanted in zip((drawn.log_prob, drawn.log_prior), policy.log_probs(drawn.tokens, none), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.isfinite(drawn.kl).all() and (drawn.kl >= -1e-6).all() and (drawn.entropy >= -1e-6).all()
    assert drawn.entropy.max() <= np.log(2) + 1e-6


def test_a_uniform_number_above_the_rounded_sum_picks_a_token_that_is_allowed():
    p, u = tf.constant([[0.3, 0.7 - 1e-6, 0.0]] * 2), tf.constant([0.0, np.float32(1 - 1e-7)])
    assert pick(p, u, np.array([True, True, False])).numpy().tolist() == [0, 1]
    assert pick(p, u, np.array([False, True, False])).numpy().tolist() == [1, 1]


def test_particles_near_the_optimum_over_what_is_allowed(prior, best):
    sampler = ParticleSampler(Policy(prior, allowed=ALLOWED), DOMAIN, REWARD, C)
    found = sampler.draw(Uniforms.draw(np.random.default_rng(0), 2000, 32, LENGTH), np.repeat(NONE, 2000, axis=0))
    assert np.log(np.mean(np.exp(found.log_z))) == pytest.approx(best[1], abs=0.02)  # unbiased
    share = np.bincount(found.of_picked(found.tokens) @ ACTIONS ** np.arange(LENGTH)[::-1], minlength=len(EVERY)) / 2000
    order = EVERY @ ACTIONS ** np.arange(LENGTH)[::-1]
    assert share[order[~INSIDE]].sum() == 0
    assert np.abs(share[order[INSIDE]] - np.exp(best[0])).sum() < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["psi", "g"])
def test_tuning_reaches_the_optimum_over_what_is_allowed(prior, best, name):
    tuner = Tuner(settings(name, c=C), DOMAIN, prior, REWARD)
    for number in range(400):
        tuner.round(number)
    log_pi = log_probs(tuner.policy)[INSIDE]
    assert np.exp(log_pi).sum() == pytest.approx(1, abs=1e-5)
    assert kl(log_pi, best[0]) < 0.01
