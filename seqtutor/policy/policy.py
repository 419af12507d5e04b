"""A run's networks as one policy: what `sample`, `evaluate`, `score` and `tune` draw from and judge by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from seqtutor.kl_control.variants import Variant
from seqtutor.policy.sequence_model import SequenceModel, State, shift_right, side_by_side

FORBIDDEN = -1e9  # the logit of a token that is not allowed: its probability is exactly 0, and 0 times it is 0


def restricted(logits: tf.Tensor, allowed: np.ndarray | None) -> tf.Tensor:
    """Logits or action values [..., A] of which only those of the tokens allowed, bool [A], count; None: all."""
    return logits if allowed is None else tf.where(allowed, logits, FORBIDDEN)


@dataclass(frozen=True, eq=False)
class Policy:
    """A prior, and where it was tuned the network tuned from it and the variant that says how to read it.

    The policy gives a probability only to the tokens that are allowed, pi(a | s) in proportion to its own where a is;
    log p stays the prior's own, so that p(tau) exp(r(tau) / c) over the sequences that are allowed is the optimum.

    Attributes:
      value_scale: nats a unit of the tuned network's value, as it was tuned with.
      allowed: bool [A], or None for all tokens.
    """

    prior: SequenceModel
    tuned: SequenceModel | None = None
    variant: Variant | None = None
    value_scale: float = 1.0
    allowed: np.ndarray | None = None

    @property
    def twisted(self) -> bool:
        """Whether V says which of several unfinished sequences promise more, so that resampling by it helps.

        The V = 0 of a prior does: the rewards so far are all that is known. A policy tuned without a V of every state
        knows more: where it is the optimum, p(tau) exp(r(tau) / c) / pi(tau) has one value for all whole sequences, but
        for prefixes it has not, so that only whole sequences can be compared.
        """
        return self.variant is None or self.variant.learns_value

    def initial_state(self, batch: int | tf.Tensor) -> State:
        """The state before any input, of the prior and then of the tuned network."""
        state = self.prior.initial_state(batch)
        return state if self.tuned is None else state + self.tuned.initial_state(batch)

    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        """One token further: tokens int32 [B] -> policy logits [B, A], prior logits [B, A], state."""
        logits, prior_logits, _, state = self.valued_step(tokens, state)
        return logits, prior_logits, state

    def valued_step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """As `step`, with V [B] before the state: the variant's soft value in nats, and 0 for a prior."""
        split = len(self.prior.initial_state(0))
        prior, prior_state = self.prior.step(tokens, state[:split])
        if self.tuned is None:
            own = restricted(prior.logits, self.allowed)
            return own, prior.logits, tf.zeros_like(prior.value), prior_state
        scores, tuned_state = self.tuned.step(tokens, state[split:])
        assert self.variant is not None  # it comes with the tuned network
        logits = restricted(scores.logits, self.allowed)
        value = self.variant.state_value(logits, self.value_scale * scores.value, prior.logits)
        return self._logits(logits, prior.logits), prior.logits, value, prior_state + tuned_state

    def unroll(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Policy logits and prior logits [B, T, A] after each of the inputs [B, T]."""
        prior = self.prior.unroll(inputs).logits
        if self.tuned is None:
            return restricted(prior, self.allowed), prior
        return self._logits(restricted(self.tuned.unroll(inputs).logits, self.allowed), prior), prior

    def _logits(self, tuned: tf.Tensor, prior: tf.Tensor) -> tf.Tensor:
        assert self.variant is not None  # it comes with the tuned network
        return self.variant.policy_logits(tuned, prior)

    def log_probs(self, tokens: tf.Tensor, primers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """log pi(a_t | primer, a_1 .. a_{t-1}) and log p of the same, both [B, T]; tokens [B, T], primers [B, P].

        log pi of a token that is not allowed is -inf.
        """
        log_pi, log_p = side_by_side(self._taken, tokens, primers)
        if self.allowed is not None:
            log_pi = tf.where(tf.gather(self.allowed, tokens), log_pi, -np.inf)
        return log_pi, log_p

    def _taken(self, tokens: tf.Tensor, primers: tf.Tensor) -> list[tf.Tensor]:
        inputs = shift_right(tokens, self.prior.actions, primers)
        after = [tf.nn.log_softmax(logits[:, tf.shape(primers)[1] :]) for logits in self.unroll(inputs)]
        return [tf.gather(each, tokens, batch_dims=2) for each in after]
