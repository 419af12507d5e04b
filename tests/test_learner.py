"""The learner on a problem small enough to enumerate: every sequence of 4 tokens out of 3.

With discount 1 the best policy is pi*(tau) = p(tau) exp(r(tau) / c) / Z, and no policy's objective
E[r] / c - KL(pi || p) exceeds log Z.
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.domains.base import Reward, Rewards, Vocabulary
from seqtutor.model import SequenceModel, shift_right
from seqtutor.policy import Policy
from seqtutor.tune.learner import Learner
from seqtutor.tune.loop import Tuner
from seqtutor.tune.variants import VARIANTS

ACTIONS, LENGTH = 3, 4
EVERY = np.array(list(itertools.product(range(ACTIONS), repeat=LENGTH)), np.int32)
TABLES = [np.random.default_rng(t).normal(size=ACTIONS ** (t + 1)) for t in range(LENGTH)]


class Line:
    """All sequences of LENGTH tokens."""

    name, length, keeps_primer = "line", LENGTH, False

    def valid(self, tokens, lengths):
        return None

    vocabulary = Vocabulary(("a", "b", "c"))

    def random_primers(self):
        return np.zeros(0, np.int32)


class TableReward(Reward):
    """A random number for every prefix."""

    names = ("table",)

    def __call__(self, tokens, lengths):
        powers = [ACTIONS ** np.arange(t, -1, -1) for t in range(LENGTH)]
        columns = [TABLES[t][tokens[:, : t + 1] @ powers[t]] for t in range(LENGTH)]
        total = np.stack(columns, axis=1).astype(np.float32)
        return Rewards(total, {"table": total})


def make_prior(units=32):
    prior = SequenceModel(ModelConfig(units=units), ACTIONS, seed=1)
    weights = prior.get()
    prior.set({**weights, "logits/kernel": weights["logits/kernel"] * 6, "layer0/kernel": weights["layer0/kernel"] * 2})
    return prior


def settings(variant, **over):
    base = {
        "variant": variant, "rounds": 400, "batch": 128, "minibatch": 128, "replay_ratio": 4, "buffer": 1024,
        "learning_rate": 0.01, "final_rate": 0.01, "target_rate": 0.2,
    }  # fmt: skip
    return Config(domain={"name": "line"}, model=ModelConfig(units=32), tune=TuneConfig(**{**base, **over}))


def log_probs(policy):
    """log pi(tau) of every sequence."""
    logits, _ = policy.unroll(shift_right(tf.constant(EVERY), ACTIONS))
    return tf.gather(tf.nn.log_softmax(logits), EVERY, batch_dims=2).numpy().astype(np.float64).sum(axis=1)


def optimum(prior, c):
    """log pi*(tau) of every sequence, log Z, the rewards and the prior's log p(tau)."""
    log_p = log_probs(Policy(prior))
    r = TableReward()(EVERY, None).total.astype(np.float64).sum(axis=1)
    log_z = np.logaddexp.reduce(log_p + r / c)
    return log_p + r / c - log_z, log_z, r, log_p


@pytest.mark.parametrize("name", ["psi", "g", "q"])
def test_a_tuned_policy_starts_as_the_prior(name):
    prior = make_prior()
    tuner = Tuner(settings(name), Line(), prior, TableReward())
    np.testing.assert_allclose(log_probs(tuner.policy), log_probs(Policy(prior)), atol=1e-6)


def test_rl_only_does_not_start_as_the_prior():
    prior = make_prior()
    tuner = Tuner(settings("rl-only"), Line(), prior, TableReward())
    assert np.abs(log_probs(tuner.policy) - log_probs(Policy(prior))).max() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["psi", "g"])
def test_soft_variants_reach_the_exact_optimum(name):
    prior, c = make_prior(), 1.0
    best, log_z, r, log_p = optimum(prior, c)
    tuner = Tuner(settings(name, c=c), Line(), prior, TableReward())
    for number in range(400):
        tuner.round(number)
        if number % 20 == 0:
            log_pi = log_probs(tuner.policy)
            objective = np.exp(log_pi) @ (r / c + log_p - log_pi)
            assert objective <= log_z + 1e-5
    log_pi = log_probs(tuner.policy)
    kl = np.exp(log_pi) @ (log_pi - best)
    assert kl < 0.01


@pytest.mark.slow
def test_q_reaches_the_best_deterministic_policy():
    """Greedily followed, Q finds the sequence of the highest r / c + log p."""
    prior, c = make_prior(), 1.0
    _, _, r, log_p = optimum(prior, c)
    tuner = Tuner(settings("q", c=c), Line(), prior, TableReward())
    for number in range(400):
        tuner.round(number)
    tokens = np.zeros((1, 0), np.int32)
    for _ in range(LENGTH):
        inputs = np.concatenate([[[ACTIONS]], tokens], axis=1).astype(np.int32)
        logits, _ = tuner.policy.unroll(tf.constant(inputs))
        tokens = np.concatenate([tokens, [[int(tf.argmax(logits[0, -1]))]]], axis=1)
    found = int(np.flatnonzero((tokens == EVERY).all(axis=1))[0])
    value = (r / c + log_p)[found]
    assert value >= (r / c + log_p).max() - 0.01 * abs((r / c + log_p).max())


def minibatch(rng, n=8):
    tokens = rng.integers(0, ACTIONS, (n, LENGTH)).astype(np.int32)
    lengths = rng.integers(1, LENGTH + 1, n).astype(np.int32)
    reward = rng.normal(size=(n, LENGTH)).astype(np.float32)
    log_prior, weights = -rng.random((n, LENGTH), np.float32), np.ones(n, np.float32)
    return tokens, lengths, np.zeros((n, 0), np.int32), reward, log_prior, weights


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_only_the_online_network_has_a_gradient(name):
    learner = Learner(VARIANTS[name], make_prior(), settings(name).tune, seed=0, begin=ACTIONS)
    tokens, lengths, primer, *rest = (tf.constant(array) for array in minibatch(np.random.default_rng(0)))
    mask = tf.sequence_mask(lengths, LENGTH, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        for tensor in rest:
            tape.watch(tensor)
        loss = learner.loss(tokens, mask, primer, *rest).loss
    online = tape.gradient(loss, learner.online.variables)
    assert any(gradient is not None and np.abs(tf.convert_to_tensor(gradient)).max() > 0 for gradient in online)
    for others in (learner.target.variables, learner.prior.variables, rest[:2]):
        assert tape.gradient(loss, others) == [None] * len(others)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_an_update_moves_the_target_by_its_rate_and_never_the_prior(name):
    config = settings(name, target_rate=0.25).tune
    learner = Learner(VARIANTS[name], make_prior(), config, seed=0, begin=ACTIONS)
    prior, before = learner.prior.get(), learner.target.get()
    learner.update(*minibatch(np.random.default_rng(1)))
    after, online = learner.target.get(), learner.online.get()
    for key, old in before.items():
        np.testing.assert_allclose(after[key], old + 0.25 * (online[key] - old), atol=1e-6)
        np.testing.assert_array_equal(learner.prior.get()[key], prior[key])
    assert any(not np.array_equal(online[key], before[key]) for key in before)


def test_the_value_after_the_last_token_is_zero():
    """A sequence's last target is r / c + log p, whatever the target network says of what would follow."""
    learner = Learner(VARIANTS["psi"], make_prior(), settings("psi", c=2.0, discount=0.9).tune, seed=0, begin=ACTIONS)
    learner.target.weights["value/bias"].assign([1000.0])
    tokens, lengths, primer, reward, log_prior, weight = map(tf.constant, minibatch(np.random.default_rng(2)))
    mask = tf.sequence_mask(lengths, LENGTH, tf.float32)
    target = learner.loss(tokens, mask, primer, reward, log_prior, weight).target.numpy()
    for row, n in enumerate(lengths.numpy()):
        np.testing.assert_allclose(target[row, n - 1], reward[row, n - 1] / 2.0 + log_prior[row, n - 1], rtol=1e-6)
        assert (target[row, : n - 1] > 800).all()


def test_large_c_gives_the_prior_back():
    prior = make_prior()
    tuner = Tuner(settings("psi", c=1e6, rounds=20), Line(), prior, TableReward())
    for number in range(20):
        row, distributions = tuner.round(number)
    assert row["kl_sequence"] < 0.02
    assert set(row) >= {"step", "loss", "td_error", "reward", "objective", "kl", "entropy", "log_prior", "reward_table"}
    assert distributions["sequence_kl"].mean() == pytest.approx(row["kl_sequence"])


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_restored_tuner_goes_on_to_the_bit(name):
    config = settings(name, batch=16, minibatch=8, buffer=24, rounds=6, priority=0.5)
    whole = Tuner(config, Line(), make_prior(), TableReward())
    half = Tuner(config, Line(), make_prior(), TableReward())
    for number in range(3):
        whole.round(number)
        half.round(number)
    resumed = Tuner(config, Line(), make_prior(), TableReward())
    resumed.restore(half.snapshot(3))
    for number in range(3, 6):
        a, b = whole.round(number)[0], resumed.round(number)[0]
        assert a == b
    for key, value in whole.snapshot(6).arrays.items():
        np.testing.assert_array_equal(value, resumed.snapshot(6).arrays[key], err_msg=key)
