"""The domain `chain` at a size for tests of tuning: every word of 4 letters out of 3, with a random reward.

With discount 1 the best policy is pi*(tau) = p(tau) exp(r(tau) / c) / Z, and no policy's objective
E[r] / c - KL(pi || p) exceeds log Z.
"""

import numpy as np
import tensorflow as tf

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.domains.chain import Chain
from seqtutor.policy.policy import Policy
from seqtutor.policy.sequence_model import SequenceModel
from tests.support.terms import terms

ACTIONS, LENGTH = 3, 4
LINE = Chain({"letters": ACTIONS, "length": LENGTH})
EVERY = LINE.every()
REWARD = LINE.reward(terms({"random": 1.0}))


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
    return Config(domain={"name": "chain"}, model=ModelConfig(units=32), tune=TuneConfig(**{**base, **over}))


def log_probs(policy):
    """log pi(tau) of every sequence."""
    logits, _ = policy.unroll(tf.constant(EVERY), tf.zeros([len(EVERY), 0], tf.int32))
    return tf.gather(tf.nn.log_softmax(logits), EVERY, batch_dims=2).numpy().astype(np.float64).sum(axis=1)


def optimum(prior, c):
    """log pi*(tau) of every sequence, log Z, the rewards and the prior's log p(tau)."""
    log_p = log_probs(Policy(prior))
    r = REWARD(EVERY, None).total.astype(np.float64).sum(axis=1)
    log_z = np.logaddexp.reduce(log_p + r / c)
    return log_p + r / c - log_z, log_z, r, log_p
