"""Networks with given logits, populations drawn from them, and the exact optimum, for the tests of particles."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.domains.chain import Chain
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.particles import ParticleSampler, Populations, Uniforms
from seqtutor.policy.policy import Policy
from seqtutor.policy.sequence_model import SequenceModel
from tests.support.terms import terms

CHAIN = Chain({"letters": 3, "length": 5})
C = 2.0
SIGMAS = 4.5


def network(domain, logits, value=0.0, noise=0.0):
    """Random weights with heads of a size, and noise on all others."""
    model, rng = SequenceModel(ModelConfig(units=8), domain.vocabulary.size, seed=1), np.random.default_rng(0)
    for name, weight in model.weights.items():
        weight.assign_add(noise * rng.normal(size=weight.shape))
        if name.endswith("/kernel"):
            weight.assign({"logits": logits, "value": 1.0, "layer0": 2.0}[name.partition("/")[0]] * weight)
    model.weights["value/kernel"].assign(value * rng.normal(size=(8, 1)))
    return model


def prior_of(domain):
    return Policy(network(domain, logits=2.0))


def tuned(domain, variant="pcl"):
    """A policy that is neither the prior nor the optimum, with a value that is no good estimate."""
    online = network(domain, logits=0.5 if variant == "g" else 2.0, value=3.0 if domain is CHAIN else 8.0, noise=0.15)
    return Policy(prior_of(domain).prior, online, VARIANTS[variant], value_scale=1.5)


def sampler_of(policy, domain, reward=None, c=C):
    reward = reward or domain.reward(terms({domain.default_reward: 1.0}))
    return ParticleSampler(policy, domain, reward, c)


def draw(sampler, populations, particles, length, primers=None, given=None, seed=0) -> Populations:
    primers = np.zeros((populations, 0), np.int32) if primers is None else primers
    uniforms = Uniforms.draw(np.random.default_rng(seed), populations, particles, length)
    return sampler.draw(uniforms, primers, given)


def every(domain):
    """Tokens [S, T] and lengths [S] of every sequence of the domain."""
    end, length = domain.vocabulary.end, domain.length
    if end is None:
        tokens = domain.every()
        return tokens, np.full(len(tokens), length, np.int32)
    letters = [a for a in range(domain.vocabulary.size) if a != end]
    rows = [[*word, end] for n in range(length) for word in itertools.product(letters, repeat=n)]
    rows += [list(word) for word in itertools.product(letters, repeat=length)]
    padded = np.array([row + [domain.vocabulary.pad] * (length - len(row)) for row in rows], np.int32)
    return padded, np.array(list(map(len, rows)), np.int32)


def optimum_of(policy, domain, reward=None, primer=()):
    """log Z, and log pi* of every sequence, by enumeration."""
    reward, (tokens, lengths) = reward or domain.reward(terms({domain.default_reward: 1.0})), every(domain)
    primers = np.tile(np.array(primer, np.int32), (len(tokens), 1))
    counts = np.arange(domain.length) < lengths[:, None]
    log_p = np.where(counts, policy.log_probs(tf.constant(tokens), tf.constant(primers))[1], 0).sum(axis=1, dtype=float)
    tilted = log_p + reward(tokens, lengths).total.sum(axis=1, dtype=float) / C
    log_z = np.logaddexp.reduce(tilted)
    return log_z, tilted - log_z


def mean_and_error(values):
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def assert_unbiased(log_z_hat, log_z):
    """E[Z-hat] = Z, within sampling error, and with a sample large enough to tell."""
    mean, error = mean_and_error(np.exp(log_z_hat - log_z))
    assert error < 0.1
    assert abs(mean - 1) < SIGMAS * error


def words_of(domain, tokens):
    """The number of each sequence in `every`."""
    number = {tuple(row): place for place, row in enumerate(every(domain)[0].tolist())}
    return np.array([number[tuple(row)] for row in tokens.tolist()])


def exact_draws(domain, best, count):
    tokens, _ = every(domain)
    return tokens[np.random.default_rng(5).choice(len(best), count, p=np.exp(best) / np.exp(best).sum())]
