"""Particles of sequences of any length, by rewards at the end and as they grow, and with primers."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.domains.reward_spec import make_reward
from seqtutor.domains.rewards import PrefixReward, Rewards
from seqtutor.errors import UserError
from seqtutor.policy.primers import NONE
from tests.support.populations import (
    CHAIN,
    SIGMAS,
    C,
    assert_unbiased,
    draw,
    every,
    exact_draws,
    mean_and_error,
    optimum_of,
    prior_of,
    sampler_of,
    tuned,
    words_of,
)
from tests.support.terms import terms
from tests.support.toy import LetterReward, Toy


class GrowingReward(LetterReward):
    """The letters' points as they come."""

    def prefix(self, n, length):
        reward = self

        class Prefix(PrefixReward):
            def step(self, tokens):
                return reward(tokens[:, None], np.ones(len(tokens), np.int32)).total[:, 0]

            def select(self, index):
                """Nothing is remembered."""

        return Prefix()


class LastReward(LetterReward):
    """Points for the last letter before the end, on the end token."""

    on_last_token = True

    def __call__(self, tokens, lengths):
        total = np.zeros(tokens.shape, np.float32)
        rows, last = np.arange(len(tokens)), np.maximum(lengths - 2, 0)
        ends = (tokens[rows, lengths - 1] == 0) & (lengths > 1)
        total[rows, lengths - 1] = np.where(ends, super().__call__(tokens, lengths).total[rows, last], -1.0)
        return Rewards(total, {"a": total})


class Stem(Toy):
    keeps_primer = True


TOY, STEM = (cls({"length": 4}).with_vocabulary("ab") for cls in (Toy, Stem))
REWARDS = {"at the end": LetterReward, "as it grows": GrowingReward, "on the last token": LastReward}
AB = terms({"a": 2.0, "b": -1.0})


def solved(domain, reward):
    """The optimum with its V(s) = log sum_a p(a | s) exp(r / c + V(s')), solved backwards in tables; and log Z."""
    letters, length, end = domain.vocabulary.size, domain.length, domain.vocabulary.end
    tokens = np.array(list(itertools.product(range(letters), repeat=length)), np.int32)
    first = np.cumsum([0] + [letters**t for t in range(length)])  # of the prefixes of t tokens
    states = np.stack([first[t] + tokens[:, :t] @ letters ** np.arange(t)[::-1] for t in range(length)], 1).astype(int)
    log_p = np.log(np.random.default_rng(3).dirichlet(np.ones(letters), first[-1]))
    r, value, q = np.zeros_like(log_p), np.zeros(first[-1] + letters**length), np.zeros_like(log_p)
    for count in range(1, length + 1):  # the reward of a token that ends a sequence, or stands in a longer one
        total = reward(tokens, np.full(len(tokens), count, np.int32)).total / C
        last = (tokens[:, count - 1] == end) | (count == length)
        r[states[last, count - 1], tokens[last, count - 1]] = total[last, count - 1]
        if not reward.on_last_token:
            r[states[:, count - 1], tokens[:, count - 1]] = total[:, count - 1]
    for t in reversed(range(length)):
        of = np.arange(first[t], first[t] + letters**t)
        after = value[first[t + 1] + letters * (of - first[t])[:, None] + np.arange(letters)]
        q[of] = log_p[of] + r[of] + np.where(np.arange(letters) == end, 0.0, after)
        value[of] = np.logaddexp.reduce(q[of], axis=1)

    def step(token, state):
        depth, number = state
        start = token == letters
        depth, number = tf.where(start, 0, depth + 1), tf.where(start, 0, number * letters + token)
        row = tf.minimum(tf.gather(tf.constant(first, tf.int32), depth) + number, len(q) - 1)
        tables = (tf.gather(tf.constant(table, tf.float32), row) for table in (q, log_p, value[: len(q)]))
        return *tables, (depth, number)

    def nothing(n):
        return tf.zeros([n], tf.int32), tf.zeros([n], tf.int32)

    def start(inputs):
        return step(inputs[:, 0], nothing(tf.shape(inputs)[0]))

    return SimpleNamespace(step=step, start=start, initial_state=nothing, twisted=True), value[0]


@pytest.mark.parametrize("kind", ["one length", *REWARDS])
def test_the_optimal_policy_with_its_value_has_equal_weights_and_the_exact_z(kind):
    domain, reward = (
        (CHAIN, CHAIN.reward(terms({"random": 1.0})))
        if kind == "one length"
        else (TOY, REWARDS[kind](TOY, terms({"a": 9.0, "b": -6.0})))
    )
    policy, log_z = solved(domain, reward)
    for particles in (1, 7):
        found = draw(sampler_of(policy, domain, reward), 200, particles, domain.length)
        np.testing.assert_allclose(found.log_weights, -np.log(particles), atol=1e-5)
        np.testing.assert_allclose(found.log_z, log_z, atol=1e-5)


@pytest.mark.parametrize("kind", REWARDS)
@pytest.mark.parametrize("variant", ["", "psi"])
def test_sequences_that_end_early_stay_in_their_population(kind, variant):
    policy = tuned(TOY, variant) if variant else prior_of(TOY)
    reward = REWARDS[kind](TOY, AB)
    log_z, best = optimum_of(policy, TOY, reward)
    found = draw(sampler_of(policy, TOY, reward), 6000, 8, TOY.length)
    assert_unbiased(found.log_z, log_z)
    picked = words_of(TOY, found.of_picked(found.tokens))
    mean, error = mean_and_error(np.exp(found.log_z - log_z)[:, None] * (picked[:, None] == np.arange(len(best))))
    common = np.exp(best) > 1e-3
    assert (np.abs(mean - np.exp(best)) < SIGMAS * error)[common].all()
    assert set(found.lengths.ravel()) == {1, 2, 3, 4}
    past = np.arange(TOY.length) >= found.lengths[..., None]
    assert (found.tokens[past] == TOY.vocabulary.pad).all()
    assert not found.log_prob[past].any() and not found.log_prior[past].any() and not found.reward[past].any()
    given = exact_draws(TOY, best, 6000)
    kept = draw(sampler_of(policy, TOY, reward), 6000, 4, TOY.length, given=given)
    np.testing.assert_array_equal(kept.tokens[:, 0], given)
    assert_unbiased(-kept.log_z, -log_z)


def test_primers_before_the_sequences_one_a_population():
    policy, rng = tuned(TOY), np.random.default_rng(0)
    choices = np.array([[1, 2], [2, 1], [2, NONE]], np.int32)
    which = rng.integers(0, 3, 12_000)
    found = draw(sampler_of(policy, TOY), 12_000, 8, TOY.length, primers=choices[which])
    log_zs = [optimum_of(policy, TOY, primer=primer[primer != NONE])[0] for primer in choices]
    assert np.ptp(log_zs) > 0.05
    for place, log_z in enumerate(log_zs):
        assert_unbiased(found.log_z[which == place], log_z)


@pytest.mark.parametrize("kind", REWARDS)
def test_a_primer_that_is_kept_is_part_of_the_sequence_and_of_its_reward(kind):
    policy, reward = tuned(STEM), REWARDS[kind](STEM, terms({"a": 1.0}))
    primer = STEM.vocabulary.ids("ab")
    found = draw(sampler_of(policy, STEM, reward), 6000, 8, STEM.length, primers=np.tile(primer, (6000, 1)))
    tokens, lengths = every(STEM)
    log_p = policy.log_probs(tf.constant(tokens), tf.zeros([len(tokens), 0], tf.int32))[1].numpy()
    drawn = (np.arange(STEM.length) >= 2) & (np.arange(STEM.length) < lengths[:, None])
    begins = (tokens[:, :2] == primer).all(axis=1)
    tilted = (log_p * drawn).sum(axis=1) + reward(tokens, lengths).total.sum(axis=1) / C
    assert_unbiased(found.log_z, np.logaddexp.reduce(tilted[begins].astype(float)))
    assert (found.tokens[..., :2] == primer).all() and (found.lengths > 2).all()
    assert not found.log_prob[..., :2].any()
    assert (found.reward[..., 0] == (not reward.on_last_token)).all()


def test_a_causal_function_is_called_on_prefixes_and_another_one_on_whole_sequences(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "seen = []\n"
        "def points(tokens, texts):\n"
        "    seen.append(tokens.shape[1])\n"
        "    a = np.cumsum(tokens == 1, axis=1)\n"
        "    return (a % 2).astype(float)\n"
        "def growing(tokens, texts):\n"
        "    return points(tokens, texts)\n"
        "growing.causal = True\n"
        "def wrong(tokens, texts):\n"
        "    return np.zeros(len(tokens))\n"
        "wrong.causal = True\n"
        "def seer(tokens, texts):\n"
        "    return np.repeat((tokens == 1).sum(axis=1, keepdims=True), tokens.shape[1], axis=1)\n"
        "seer.causal = True\n"
    )
    policy = tuned(TOY)
    for name, widths in (("points", [4]), ("growing", [1, 2, 3, 4])):
        reward = make_reward(TOY, f"{file}:{name}")
        seen = reward._function.__globals__["seen"]
        seen.clear()
        found = draw(sampler_of(policy, TOY, reward), 4000, 8, TOY.length)
        assert seen == widths
        assert_unbiased(found.log_z, optimum_of(policy, TOY, reward)[0])
    with pytest.raises(UserError, match=r"wrong says that it is causal, so it must return shape \(8, 4\)"):
        make_reward(TOY, f"{file}:wrong")
    with pytest.raises(UserError, match=r"seer says that it is causal, but it gives token 1 of a sequence"):
        make_reward(TOY, f"{file}:seer")


def test_both_graphs_are_compiled_once_whatever_the_sizes():
    sampler = sampler_of(tuned(TOY), TOY)
    for populations, particles, before in ((5, 3, 0), (2, 8, 2), (1, 1, 1)):
        draw(sampler, populations, particles, TOY.length, primers=np.ones((populations, before), np.int32))
    assert sampler._start.experimental_get_tracing_count() == 1
    assert sampler._advance.experimental_get_tracing_count() == 1
