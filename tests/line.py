"""A problem small enough to enumerate, for tests of tuning: every sequence of 4 tokens out of 3, with a random reward.

With discount 1 the best policy is pi*(tau) = p(tau) exp(r(tau) / c) / Z, and no policy's objective
E[r] / c - KL(pi || p) exceeds log Z.
"""

import itertools

import numpy as np
import tensorflow as tf

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.domains.base import Reward, Rewards, Vocabulary
from seqtutor.model import SequenceModel, shift_right
from seqtutor.policy import Policy

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
