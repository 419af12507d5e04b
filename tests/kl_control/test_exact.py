"""Every variant against the exact optimum: solved in tables to 1e-9, and by the network that `tune` trains.

The tables hold a row for each prefix of the problem in line.py, and every sequence is in the minibatch, so that
expectations are sums. What is solved are the functions of the table of variants, as the learner calls them.
"""

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.kl_control.losses import Taken
from seqtutor.kl_control.optimum import kl
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.tuning.tuner import Tuner
from tests.support.line import ACTIONS, EVERY, LENGTH, LINE, REWARD, log_probs, make_prior, optimum, settings

C = 1.0
FIRST = np.cumsum([0] + [ACTIONS**t for t in range(LENGTH)])[:-1]
STATES = np.stack(  # the row of the prefix before each token
    [FIRST[t] + EVERY[:, :t] @ ACTIONS ** np.arange(t - 1, -1, -1) for t in range(LENGTH)], axis=1
).astype(int)
ROWS = STATES.max() + 1
ONES = tf.ones(EVERY.shape, tf.float64)


@pytest.fixture(scope="module")
def problem():
    """log p [K, T, A] of each token there is, r / c [K, T] of those taken, and the exact optimum."""
    prior = make_prior()
    logits, _ = Policy(prior).unroll(tf.constant(EVERY), tf.zeros([len(EVERY), 0], tf.int32))
    log_p = tf.nn.log_softmax(tf.cast(logits, tf.float64)).numpy()
    table = np.zeros((ROWS, ACTIONS))
    table[STATES] = log_p
    table -= np.logaddexp.reduce(table, axis=1, keepdims=True)
    reward = REWARD(EVERY, None).total.astype(np.float64) / C
    tilted = np.take_along_axis(table[STATES], EVERY[..., None], 2)[..., 0].sum(axis=1) + reward.sum(axis=1)
    return table, reward, tilted - np.logaddexp.reduce(tilted)


def taken(values):
    return tf.gather(values, EVERY, batch_dims=2)


def sequence_log_prob(table):
    """log pi(tau) of every sequence, of a table of logits."""
    return tf.reduce_sum(taken(tf.gather(tf.nn.log_softmax(table), STATES)), axis=1).numpy()


def by_targets(variant, table, reward):
    """Action values set to their targets, LENGTH times: each sweep settles the states one token nearer the first."""
    log_p, q = tf.gather(table, STATES), np.random.default_rng(0).normal(size=(ROWS, ACTIONS))
    not_last = tf.concat([ONES[:, 1:], 0 * ONES[:, :1]], axis=1)
    after = np.concatenate([STATES[:, 1:], STATES[:, -1:]], axis=1)
    for _ in range(LENGTH):
        y = variant.target(tf.constant(reward), taken(log_p), tf.gather(q, after), tf.gather(table, after), not_last)
        q[STATES, EVERY] = y.numpy()
    return variant.policy_logits(tf.constant(q), tf.constant(table)).numpy()


def taken_of(logits, value, table, reward, weight=None):
    log_pi, log_p = (taken(tf.gather(tf.nn.log_softmax(x), STATES)) for x in (logits, table))
    weight = tf.ones(len(EVERY), tf.float64) if weight is None else weight
    return Taken(log_pi, tf.gather(value, STATES), tf.constant(reward), log_p, ONES, weight)


def by_least_squares(variant, table, reward):
    """Errors brought to 0 over logits and values by Gauss and Newton's method, from random ones."""
    config = settings(variant.name, discount=1.0, path_length=2, huber=1e9).tune
    x = np.random.default_rng(0).normal(size=ROWS * (ACTIONS + 1))
    for _ in range(30):
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            logits, value = tf.reshape(variable[: ROWS * ACTIONS], [ROWS, ACTIONS]), variable[ROWS * ACTIONS :]
            error = tf.reshape(variant.loss(taken_of(logits, value, table, reward), config).td_error, [-1])
        if np.abs(error).max() < 1e-10:
            break
        x = x - np.linalg.lstsq(tape.jacobian(error, variable).numpy(), error.numpy(), rcond=1e-10)[0]
    assert np.abs(error).max() < 1e-10
    return x[: ROWS * ACTIONS].reshape(ROWS, ACTIONS)


def by_natural_gradient(variant, table, reward):
    """LENGTH natural gradient steps of the loss expected under pi, each a soft policy improvement; V is arbitrary."""
    config = settings(variant.name, discount=1.0, huber=1e9).tune
    rng = np.random.default_rng(0)
    logits, value = rng.normal(size=(ROWS, ACTIONS)), tf.constant(rng.normal(size=ROWS))
    for _ in range(LENGTH):
        pi = np.exp(sequence_log_prob(logits))
        variable = tf.Variable(logits)
        with tf.GradientTape() as tape:
            weight = tf.constant(pi * EVERY.size)  # the loss is divided by the number of tokens
            loss = variant.loss(taken_of(variable, value, table, reward, weight), config).loss
        visits = np.zeros(ROWS)
        np.add.at(visits, STATES, np.repeat(pi[:, None], LENGTH, axis=1))
        policy = tf.nn.softmax(logits).numpy()
        logits = logits - tf.convert_to_tensor(tape.gradient(loss, variable)).numpy() / (visits[:, None] * policy)
    return logits


def by_weighted_likelihood(variant, table, reward):
    """One natural step of the loss under weights of pi*, which leads from any policy to the frequencies it asks for."""
    config = settings(variant.name, discount=1.0, huber=1e9).tune
    log_p = sequence_log_prob(table)
    best = np.exp(log_p + reward.sum(axis=1) - np.logaddexp.reduce(log_p + reward.sum(axis=1)))
    logits, value = np.random.default_rng(0).normal(size=(ROWS, ACTIONS)), tf.zeros(ROWS, tf.float64)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        weight = tf.constant(best * EVERY.size)  # the loss is divided by the number of tokens
        loss = variant.loss(taken_of(variable, value, table, reward, weight), config).loss
    visits = np.zeros(ROWS)
    np.add.at(visits, STATES, np.repeat(best[:, None], LENGTH, axis=1))
    gradient = tf.convert_to_tensor(tape.gradient(loss, variable)).numpy()
    return np.log(tf.nn.softmax(logits).numpy() - gradient / visits[:, None])


SOLVERS = {
    "psi": by_targets, "g": by_targets, "pcl": by_least_squares, "tb": by_least_squares, "dap": by_natural_gradient,
    "pg": by_natural_gradient, "dpg": by_weighted_likelihood,
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVERS)
def test_solved_in_tables_the_policy_is_the_optimum(name, problem):
    table, reward, best = problem
    found = sequence_log_prob(SOLVERS[name](VARIANTS[name], table, reward))
    np.testing.assert_allclose(np.exp(found), np.exp(best), rtol=0, atol=1e-9)
    assert abs(kl(found, best)) < 1e-9


def test_solved_in_tables_q_follows_the_likeliest_sequence_of_the_optimum(problem):
    table, reward, best = problem
    greedy = by_targets(VARIANTS["q"], table, reward)
    greedy[np.arange(ROWS), greedy.argmax(axis=1)] += 1e3
    assert sequence_log_prob(greedy).argmax() == best.argmax()


def test_every_variant_with_a_prior_is_tested_here():
    assert set(SOLVERS) | {"q", "rl-only"} == set(VARIANTS)


ON_POLICY = {"batch": 256, "rounds": 1000, "learning_rate": 0.02}
POPULATIONS = {"particles": 4, "batch": 256, "rounds": 400}
TRAINED = {
    "psi": {"rounds": 260},
    "g": {"rounds": 200},
    "pcl": {"path_length": 2, "rounds": 240},
    "tb": {"rounds": 260},
    "dap": ON_POLICY,
    "pg": ON_POLICY,
    "dpg": POPULATIONS,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "over"),
    [*TRAINED.items(), *((name, {"lookahead": True, "rounds": 80}) for name in ("g", "pcl"))],
)
def test_the_trained_network_reaches_the_exact_optimum_and_never_passes_its_bound(name, over):
    """A network that is told of the next token learns the rest in fewer rounds."""
    prior, c = make_prior(), 1.0
    best, log_z, r, log_p = optimum(prior, c)
    config = settings(name, c=c, **over)
    tuner = Tuner(config, LINE, prior, REWARD)
    for number in range(config.tune.rounds):
        tuner.round(number)
        if number % 20 == 0:
            log_pi = log_probs(tuner.policy)
            assert np.exp(log_pi) @ (r / c + log_p - log_pi) <= log_z + 1e-5
    assert kl(log_probs(tuner.policy), best) < 0.01


@pytest.mark.slow
def test_q_reaches_the_best_deterministic_policy():
    """Greedily followed, Q finds the sequence of the highest r / c + log p."""
    prior, c = make_prior(), 1.0
    _, _, r, log_p = optimum(prior, c)
    tuner = Tuner(settings("q", c=c, rounds=200), LINE, prior, REWARD)
    for number in range(200):
        tuner.round(number)
    tokens = np.zeros((1, 0), np.int32)
    for _ in range(LENGTH):
        inputs = np.pad(tokens, ((0, 0), (0, 1))).astype(np.int32)  # the last of them is not read
        logits, _ = tuner.policy.unroll(tf.constant(inputs), tf.zeros([1, 0], tf.int32))
        tokens = np.concatenate([tokens, [[int(tf.argmax(logits[0, -1]))]]], axis=1)
    found = int(np.flatnonzero((tokens == EVERY).all(axis=1))[0])
    value = (r / c + log_p)[found]
    assert value >= (r / c + log_p).max() - 0.01 * abs((r / c + log_p).max())
