"""Drawing, with a step function whose distribution is known: no network needed."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.policy.sampler import Exploration, Sampler, pick

WORDS = Vocabulary(("end", "a", "b", "c"), end=0)
FIXED = Vocabulary(("a", "b", "c"))


def counting_step(tokens, state):
    """Spells b, b, b, ... and then the end, after as many tokens as the state was primed with `a`s, plus two."""
    (left,) = state
    left = tf.where(tokens == 1, left + 1, tf.where(tokens == WORDS.begin, left, left - 1))
    target = tf.where(left > -2, 2, 0)
    logits = tf.one_hot(target, 4) * 60.0
    return logits, tf.zeros_like(logits), (left,)


def stepping(step):
    """What a sampler draws with, of a step whose state is one whole number and has no value."""

    def valued(tokens, state):
        logits, prior_logits, state = step(tokens, state)
        return logits, prior_logits, tf.zeros_like(logits[:, 0]), state

    def nothing(n):
        return (tf.zeros([n], tf.int32),)

    def start(inputs):
        def body(t, state):
            return t + 1, valued(inputs[:, t], state)[3]

        last = tf.shape(inputs)[1] - 1
        loop = (tf.constant(0), nothing(tf.shape(inputs)[0]))
        _, state = tf.while_loop(lambda t, _: t < last, body, loop)
        return valued(inputs[:, -1], state)

    return SimpleNamespace(initial_state=nothing, start=start, step=valued)


def test_sequences_end_one_by_one_and_leave_the_batch():
    """Lengths 3, 4, 5, ... for 0, 1, 2, ... a's before; more than one chunk long, one cut at the limit."""
    counts = np.array([0, 5, 1, 40, 20])
    primers = np.where(np.arange(40) < 40 - counts[:, None], WORDS.begin, 1).astype(np.int32)
    sampler = Sampler(stepping(counting_step), WORDS, length=30)
    drawn = sampler.draw(np.random.default_rng(0).random((5, 30), np.float32), primers)
    expected = np.minimum(counts + 3, 30)
    np.testing.assert_array_equal(drawn.lengths, expected)
    for row, length in zip(drawn.tokens, expected, strict=True):
        assert (row[: length - 1] == 2).all()
        assert (row[length:] == 0).all()
        assert row[length - 1] == (2 if length == 30 else 0)
    behind = np.arange(30) >= expected[:, None]
    for floats in drawn[2:]:
        assert not floats[behind].any()
    np.testing.assert_allclose(drawn.log_prior[~behind], np.log(0.25), rtol=1e-6)
    np.testing.assert_allclose(drawn.kl[~behind], np.log(4), rtol=1e-5)


def memory_step(tokens, state):
    """The distribution depends on the last two tokens."""
    (before,) = state
    mixed = tf.cast(tokens * 5 + before * 3, tf.float32)
    logits = tf.stack([tf.sin(mixed), tf.cos(mixed), tf.sin(2 * mixed)], axis=-1)
    return logits, 0.5 * logits, (tokens,)


def test_a_draw_depends_only_on_its_own_row():
    uniforms = np.random.default_rng(1).random((8, 12)).astype(np.float32)
    primers = np.zeros((8, 0), np.int32)
    sampler = Sampler(stepping(memory_step), FIXED, length=12)
    whole = sampler.draw(uniforms, primers)
    part = sampler.draw(uniforms[3:5], primers[3:5])
    np.testing.assert_array_equal(whole.tokens[3:5], part.tokens)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_allclose(a[3:5], b, atol=1e-6)


def test_log_prob_kl_and_entropy_are_those_of_the_policy():
    uniforms = np.random.default_rng(2).random((4, 12)).astype(np.float32)
    sampler = Sampler(stepping(memory_step), FIXED, 12, Exploration(temperature=3.0))
    drawn = sampler.draw(uniforms, np.zeros((4, 0), int))
    state, token = (tf.zeros([4], tf.int32),), tf.fill([4], FIXED.begin)
    for t in range(12):
        logits, prior, state = memory_step(token, state)
        pi, p = tf.nn.softmax(logits).numpy(), tf.nn.softmax(prior).numpy()
        token = tf.constant(drawn.tokens[:, t])
        at = (np.arange(4), drawn.tokens[:, t])
        np.testing.assert_allclose(drawn.log_prob[:, t], np.log(pi[at]), atol=1e-5)
        np.testing.assert_allclose(drawn.log_prior[:, t], np.log(p[at]), atol=1e-5)
        np.testing.assert_allclose(drawn.kl[:, t], (pi * np.log(pi / p)).sum(1), atol=1e-5)
        np.testing.assert_allclose(drawn.entropy[:, t], -(pi * np.log(pi)).sum(1), atol=1e-5)


def test_pick_inverts_the_cumulative_distribution():
    p = tf.constant([[0.25, 0.0, 0.75]] * 6)
    u = tf.constant([0.0, 0.2499, 0.25, 0.5, 0.99999, 1.0])
    assert pick(p, u).numpy().tolist() == [0, 0, 2, 2, 2, 2]


def test_frequencies_are_the_probabilities():
    n = 20000
    u = tf.constant(np.random.default_rng(3).random(n).astype(np.float32))
    p = np.array([0.1, 0.2, 0.7])
    shares = np.bincount(pick(tf.tile(tf.constant(p[None], tf.float32), [n, 1]), u), minlength=3) / n
    np.testing.assert_allclose(shares, p, atol=4 * np.sqrt(0.25 / n))


def test_exploration():
    logits = tf.constant([[1.0, 3.0, 2.0]])
    np.testing.assert_allclose(Exploration(2.0).probabilities(logits), tf.nn.softmax(logits / 2.0))
    np.testing.assert_allclose(Exploration(epsilon=0.3).probabilities(logits), [[0.1, 0.8, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(Exploration(epsilon=0.0).probabilities(logits), [[0.0, 1.0, 0.0]])


def test_both_graphs_are_compiled_once_whatever_the_sizes():
    sampler = Sampler(stepping(counting_step), WORDS, length=30)
    for n, before in ((5, 0), (3, 2), (1, 7)):
        sampler.draw(np.random.default_rng(0).random((n, 30), np.float32), np.ones((n, before), np.int32))
    assert sampler._start.experimental_get_tracing_count() == 1
    assert sampler._advance.experimental_get_tracing_count() == 1
