"""Populations of particles against sums over every sequence there is."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.kl_control import smc
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.particles import Uniforms
from seqtutor.policy.policy import Policy
from seqtutor.runs.run import load_run
from tests.support.populations import (
    CHAIN,
    SIGMAS,
    C,
    assert_unbiased,
    draw,
    exact_draws,
    mean_and_error,
    network,
    optimum_of,
    prior_of,
    sampler_of,
    tuned,
    words_of,
)
from tests.support.terms import terms


@pytest.fixture(scope="module")
def chain():
    policy = tuned(CHAIN)
    return sampler_of(policy, CHAIN), *optimum_of(policy, CHAIN)


def test_z_is_estimated_without_bias_and_its_logarithm_from_below_ever_nearer(chain):
    sampler, log_z, _ = chain
    bounds = []
    for particles in (1, 4, 16, 64):
        found = draw(sampler, 40_000 // particles, particles, CHAIN.length).log_z
        if particles > 1:  # with one the spread of the weights is too wide for a mean
            assert_unbiased(found, log_z)
        mean, error = mean_and_error(found)
        assert mean < log_z + SIGMAS * error
        bounds.append(mean)
    assert (np.diff(bounds) > 0.02).all()
    assert bounds[-1] == pytest.approx(log_z, abs=0.05)


def test_one_sequence_has_the_log_weight_as_its_log_z(chain):
    sampler, _, _ = chain
    found = draw(sampler, 50, 1, CHAIN.length)
    log_weight = found.log_prior.sum(2) - found.log_prob.sum(2) + found.reward.sum(2) / C
    np.testing.assert_allclose(found.log_z, log_weight[:, 0], atol=1e-4)
    assert not found.log_weights.any() and not found.picked.any()


@pytest.mark.parametrize(("value", "helps"), [(0.0, True), (40.0, False)])
def test_a_value_that_misleads_is_left_out(value, helps):
    """V = 0 leaves the rewards so far, which help; a V of noise costs nats that comparing whole words does not."""
    online = network(CHAIN, logits=2.0, value=value, noise=0.15)
    sampler = sampler_of(Policy(prior_of(CHAIN).prior, online, VARIANTS["pcl"]), CHAIN, c=0.4)
    by_value = draw(sampler, 400, 16, CHAIN.length, seed=5).log_z.mean()
    sampler.choose(Uniforms.draw(np.random.default_rng(1), 32, 16, CHAIN.length), np.zeros((32, 0), np.int32))
    assert sampler.twisted == helps
    sampler.twisted = False
    assert (by_value > draw(sampler, 400, 16, CHAIN.length, seed=5).log_z.mean() + 0.02) == helps


def test_what_is_picked_has_the_distribution_of_the_optimum(chain):
    sampler, log_z, best = chain
    found = draw(sampler, 20_000, 4, CHAIN.length)
    picked = words_of(CHAIN, found.of_picked(found.tokens))
    shares = np.exp(found.log_z - log_z)[:, None] * (picked[:, None] == np.arange(len(best)))
    mean, error = mean_and_error(shares)  # weighted by Z-hat there is no bias, whatever K
    common = np.exp(best) > 1e-3
    assert common.sum() > 20
    assert (np.abs(mean - np.exp(best)) < SIGMAS * error)[common].all()
    many = draw(sampler, 2000, 64, CHAIN.length)
    shares = np.bincount(words_of(CHAIN, many.of_picked(many.tokens)), minlength=len(best)) / 2000
    expected = 2000 * np.exp(best[common])
    chi_square = ((2000 * shares[common] - expected) ** 2 / expected).sum()
    assert abs(chi_square - common.sum()) < 4 * np.sqrt(2 * common.sum())


def test_with_an_exact_draw_kept_log_z_is_bounded_from_above(chain):
    sampler, log_z, best = chain
    for particles in (2, 8, 64):
        given = exact_draws(CHAIN, best, 40_000 // particles)
        found = draw(sampler, len(given), particles, CHAIN.length, given=given)
        np.testing.assert_array_equal(found.tokens[:, 0], given)
        mean, error = mean_and_error(found.log_z)
        assert mean > log_z - SIGMAS * error
        # the population has the density of a free one times Z-hat / Z
        assert_unbiased(-found.log_z, -log_z)
    assert mean == pytest.approx(log_z, abs=0.1)


def test_every_particle_has_its_whole_past(chain):
    sampler, _, _ = chain
    policy, found = tuned(CHAIN), draw(sampler, 300, 8, CHAIN.length)
    tokens = found.tokens.reshape(-1, CHAIN.length)
    assert len(np.unique(tokens[:, :2], axis=0)) > 5
    log_pi, log_p = policy.log_probs(tf.constant(tokens), tf.zeros([len(tokens), 0], tf.int32))
    np.testing.assert_allclose(found.log_prob.reshape(tokens.shape), log_pi, atol=1e-5)
    np.testing.assert_allclose(found.log_prior.reshape(tokens.shape), log_p, atol=1e-5)
    expected = CHAIN.reward(terms({"random": 1.0}))(tokens, found.lengths.ravel()).total
    np.testing.assert_array_equal(found.reward.reshape(tokens.shape), expected)
    np.testing.assert_allclose(np.exp(found.log_weights).sum(axis=1), 1)


def test_the_same_uniforms_give_the_same_bits_and_a_population_depends_on_no_other(chain):
    sampler, _, _ = chain
    first, again, other = (draw(sampler, 20, 8, CHAIN.length, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.tokens != other.tokens).any()
    uniforms = Uniforms.draw(np.random.default_rng(0), 20, 8, CHAIN.length)
    part = sampler.draw(Uniforms(*(array[7:9] for array in uniforms)), np.zeros((2, 0), np.int32))
    np.testing.assert_array_equal(first.tokens[7:9], part.tokens)
    np.testing.assert_allclose(first.log_z[7:9], part.log_z, atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_estimates_z_without_bias(name):
    policy = tuned(CHAIN, name)
    log_z, _ = optimum_of(policy, CHAIN)
    assert_unbiased(draw(sampler_of(policy, CHAIN), 8000, 8, CHAIN.length).log_z, log_z)


def test_a_prior_has_no_twist_and_estimates_z_without_bias():
    policy = prior_of(CHAIN)
    log_z, _ = optimum_of(policy, CHAIN)
    found = draw(sampler_of(policy, CHAIN), 4000, 8, CHAIN.length)
    assert_unbiased(found.log_z, log_z)
    np.testing.assert_array_equal(found.log_prob, found.log_prior)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_twist_is_the_soft_value_of_the_variant(name):
    variant, rng = VARIANTS[name], np.random.default_rng(0)
    logits, prior_logits, value = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    found = variant.state_value(tf.constant(logits), tf.constant(value), tf.constant(prior_logits)).numpy()
    if name in ("tb", "dap"):  # they learn no V of every state
        assert not found.any()
    elif variant.target:
        q = variant.action_values(tf.constant(logits), tf.constant(value)).numpy()
        log_p = tf.nn.log_softmax(prior_logits).numpy() if name == "g" else 0.0
        np.testing.assert_allclose(found, np.logaddexp.reduce(log_p + q, axis=1))
    else:
        np.testing.assert_allclose(found, value)


@pytest.mark.parametrize("name", ["tb", "dap"])
def test_without_a_value_of_every_state_only_whole_sequences_are_compared(name, monkeypatch):
    monkeypatch.setattr(smc, "systematic_ancestors", None)
    policy = tuned(CHAIN, name)
    found = draw(sampler_of(policy, CHAIN), 500, 8, CHAIN.length)
    gain = (found.log_prior - found.log_prob + found.reward / C).sum(axis=2, dtype=float)
    np.testing.assert_allclose(found.log_z, smc.log_mean(gain), atol=1e-4)
    np.testing.assert_allclose(found.log_weights, smc.normalised(gain), atol=1e-4)


# --- sequences of different lengths, primers ---


def test_a_population_is_resampled_when_half_its_size_is_left(monkeypatch):
    sizes = []
    real = smc.systematic_ancestors
    monkeypatch.setattr(smc, "systematic_ancestors", lambda w, u: sizes.append(smc.effective_sizes(w)) or real(w, u))
    draw(sampler_of(tuned(CHAIN), CHAIN), 100, 8, CHAIN.length)
    assert 0 < len(sizes) < CHAIN.length  # never after the last token
    assert 2 < np.concatenate(sizes).max() < 4


def test_a_run_draws_populations(make_run):
    run = load_run(make_run("psi", "psi", value_scale=3.0))
    assert run.policy.value_scale == 3.0
    sampler = run.particle_sampler(run.domain.reward(terms({"a": 1.0})), c=0.5)
    found = draw(sampler, 3, 4, run.domain.length)
    assert found.tokens.shape == (3, 4, run.domain.length)
    assert np.isfinite(found.log_z).all()
