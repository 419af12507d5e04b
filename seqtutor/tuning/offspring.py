"""Children of the best sequences so far, scored beside what the policy draws: a genetic algorithm next to the learner.

The learner does not know of it: children come into the memory of the best, as far as they are good enough, and are
learned from with the others there (Genetic-guided GFlowNets, Kim et al. 2024).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from seqtutor.config import Config
from seqtutor.domains.base import Domain
from seqtutor.errors import UserError
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Rollout
from seqtutor.tuning.calls import Calls
from seqtutor.tuning.memory import Memory
from seqtutor.tuning.round_draws import RoundDraw

TRIES = 10  # for each child that is wanted


class Breeder:
    """Makes `tune.offspring` children a round, with random numbers that depend on the seed and the round alone."""

    def __init__(self, config: Config, domain: Domain, policy: Policy):
        """Raises UserError for a domain without children, and for primers, which children would not begin with."""
        settings = config.tune
        self._count, self._seed, self._domain = settings.offspring, config.seed, domain
        if self._count and not domain.has_children:
            raise UserError(f"sequences of domain '{domain.name}' have no children; leave tune.offspring at 0")
        if self._count and settings.primer != "start":
            raise UserError("children do not begin with a primer; leave tune.primer at start, or tune.offspring at 0")
        ids = tf.TensorSpec([None, None], tf.int32)
        self._log_probs = tf.function(policy.log_probs, autograph=False, input_signature=[ids, ids])

    def draw(self, number: int, memory: Memory, calls: Calls) -> RoundDraw | None:
        """Children of round `number` that were not scored before, and no more of them than calls are left.

        kl and entropy are 0, as they were not drawn. None where there are none.
        """
        if not self._count or len(memory) < 2 or calls.spent:
            return None
        rng = np.random.default_rng([self._seed, 0x6E7, number])
        most = min(self._count, calls.budget - len(calls)) if calls.budget else self._count
        parents, found = memory.texts(self._domain), dict[str, np.ndarray]()
        for _ in range(TRIES * self._count):
            if len(found) == most:
                break
            text = self._domain.child(parents, rng)
            if text is not None and text not in found and text not in calls:
                ids = self._encoded(text)
                if ids is not None:
                    found[text] = ids
        if not found:
            return None
        return RoundDraw(self._judged(list(found.values())), np.zeros((len(found), 0), np.int32), 0, rng)

    def _encoded(self, text: str) -> np.ndarray | None:
        """The tokens of a text; None where the prior does not have them, or not so many."""
        try:
            ids = self._domain.encode(text)
        except ValueError:
            return None
        return ids if len(ids) <= self._domain.length else None

    def _judged(self, rows: list[np.ndarray]) -> Rollout:
        lengths = np.array([len(row) for row in rows], np.int32)
        tokens = np.full((len(rows), self._domain.length), self._domain.vocabulary.pad, np.int32)
        for padded, row in zip(tokens, rows, strict=True):
            padded[: len(row)] = row
        log_prob, log_prior, unknown = (np.zeros(tokens.shape, np.float32) for _ in range(3))
        longest = lengths.max()
        inside = np.arange(longest) < lengths[:, None]
        both = self._log_probs(tokens[:, :longest], np.zeros((len(rows), 0), np.int32))
        for of_all, each in zip((log_prob, log_prior), both, strict=True):
            of_all[:, :longest] = np.where(inside, each.numpy(), 0)
        return Rollout(tokens, lengths, log_prob, log_prior, unknown, unknown)
