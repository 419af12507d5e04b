"""A run's networks as one policy: what `sample`, `evaluate`, `score` and `tune` draw from and judge by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from seqtutor.domains.lookahead import Lookahead, Seen
from seqtutor.kl_control.variants import Variant
from seqtutor.policy.sequence_model import Scores, SequenceModel, State, shift_right, side_by_side

FORBIDDEN = -1e9  # the logit of a token that is not allowed: its probability is exactly 0, and 0 times it is 0


def restricted(logits: tf.Tensor, allowed: np.ndarray | None) -> tf.Tensor:
    """Logits or action values [..., A] of which only those of the tokens allowed, bool [A], count; None: all."""
    return logits if allowed is None else tf.where(allowed, logits, FORBIDDEN)


def told(scores: Scores, seen: Seen | None, allowed: np.ndarray | None) -> Scores:
    """The scores of a tuned network with what need not be learned: what the next tokens earn, and which are allowed."""
    logits = scores.logits if seen is None else scores.logits + seen.rewards
    return Scores(restricted(logits, allowed), scores.value)


def after_primer(
    network: SequenceModel, inputs: tf.Tensor, primers: tf.Tensor, seen: Seen | None, detach_value: bool = False
) -> Scores:
    """The scores [B, T, ...] of the tokens that follow primers [B, P], of inputs [B, P + T] as `shift_right` has them.

    Args: seen: what is known before each of the tokens; detach_value: as in `SequenceModel.unroll`.
    """
    before = tf.shape(primers)[1]
    features = None if seen is None else tf.pad(seen.features, [[0, 0], [before, 0], [0, 0]])
    scores = network.unroll(inputs, detach_value, features)
    return Scores(scores.logits[:, before:], scores.value[:, before:])


@dataclass(frozen=True, eq=False)
class Policy:
    """A prior, and where it was tuned the network tuned from it and the variant that says how to read it.

    The policy gives a probability only to the tokens that are allowed, pi(a | s) in proportion to its own where a is;
    log p stays the prior's own, so that p(tau) exp(r(tau) / c) over the sequences that are allowed is the optimum.

    Attributes:
      value_scale: nats a unit of the tuned network's value, as it was tuned with.
      allowed: bool [A], or None for all tokens.
      lookahead: what the networks are told: the features are read by those that have weights for them, and what the
        next token would earn, in nats, is added to the tuned network's logits; None: nothing.
    """

    prior: SequenceModel
    tuned: SequenceModel | None = None
    variant: Variant | None = None
    value_scale: float = 1.0
    allowed: np.ndarray | None = None
    lookahead: Lookahead | None = None

    @property
    def of_prior(self) -> Policy:
        """The prior's own policy, of all tokens."""
        return Policy(self.prior, lookahead=self.lookahead if self.prior.features else None)

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
        if self.tuned is not None:
            state += self.tuned.initial_state(batch)
        return state if self.lookahead is None else state + self.lookahead.initial_state(batch)

    def start(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """Reads begin and primers int32 [B, 1 + P]; returns as `step`."""
        read = self.step if self.lookahead is not None and self.lookahead.reads_primers else self.read

        def body(t, _, state):
            *found, state = read(inputs[:, t], state)
            return t + 1, tuple(found), state

        *found, state = self.read(inputs[:, 0], self.initial_state(tf.shape(inputs)[0]))
        steps = (tf.constant(1), tuple(found), state)
        _, found, state = tf.while_loop(lambda t, *_: t < tf.shape(inputs)[1], body, steps)
        return *found, state

    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """One token further: tokens int32 [B] -> policy logits [B, A], prior logits [B, A], V [B], state.

        V is the variant's soft value in nats, and 0 for a prior.
        """
        return self.read(tokens, self.advance(tokens, state))

    def advance(self, tokens: tf.Tensor, state: State) -> State:
        """The state, in which the lookahead has tokens [B] more of the sequences."""
        if self.lookahead is None:
            return state
        at = len(state) - len(self.lookahead.sizes)
        return state[:at] + self.lookahead.advance(tokens, state[at:])

    def read(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """As `step`, but the lookahead stays as it is: begin, and tokens [B] that are no part of the sequences."""
        split = len(self.prior.initial_state(0))
        at = len(state) if self.lookahead is None else len(state) - len(self.lookahead.sizes)
        seen = None if self.lookahead is None else self.lookahead.look(state[at:])
        features = None if seen is None else seen.features
        prior, prior_state = self.prior.step(tokens, state[:split], features)
        if self.tuned is None:
            own = restricted(prior.logits, self.allowed)
            return own, prior.logits, tf.zeros_like(prior.value), prior_state + state[at:]
        assert self.variant is not None  # it comes with the tuned network
        scores, tuned_state = self.tuned.step(tokens, state[split:at], features)
        logits = told(scores, seen, self.allowed).logits
        value = self.variant.state_value(logits, self.value_scale * scores.value, prior.logits)
        after = prior_state + tuned_state + state[at:]
        return self.variant.policy_logits(logits, prior.logits), prior.logits, value, after

    def unroll(self, tokens: tf.Tensor, primers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Policy logits and prior logits [B, T, A] before each of the tokens [B, T], which follow primers [B, P]."""
        inputs = shift_right(tokens, self.prior.actions, primers)
        seen = None if self.lookahead is None else self.lookahead.unroll(tokens, primers)
        prior = after_primer(self.prior, inputs, primers, seen).logits
        if self.tuned is None:
            return restricted(prior, self.allowed), prior
        assert self.variant is not None  # it comes with the tuned network
        tuned = told(after_primer(self.tuned, inputs, primers, seen), seen, self.allowed)
        return self.variant.policy_logits(tuned.logits, prior), prior

    def log_probs(self, tokens: tf.Tensor, primers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """log pi(a_t | primer, a_1 .. a_{t-1}) and log p of the same, both [B, T]; tokens [B, T], primers [B, P].

        log pi of a token that is not allowed is -inf.
        """
        log_pi, log_p = side_by_side(self._taken, tokens, primers)
        if self.allowed is not None:
            log_pi = tf.where(tf.gather(self.allowed, tokens), log_pi, -np.inf)
        return log_pi, log_p

    def _taken(self, tokens: tf.Tensor, primers: tf.Tensor) -> list[tf.Tensor]:
        after = [tf.nn.log_softmax(logits) for logits in self.unroll(tokens, primers)]
        return [tf.gather(each, tokens, batch_dims=2) for each in after]
