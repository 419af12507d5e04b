"""The one learner of all variants: a compiled step from a minibatch of whole sequences to new weights."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from seqtutor.config import TuneConfig
from seqtutor.domains.lookahead import Lookahead, Seen
from seqtutor.errors import UserError
from seqtutor.kl_control.losses import LossOutput, Taken
from seqtutor.kl_control.targets import td_loss, with_trace
from seqtutor.kl_control.variants import Variant
from seqtutor.policy.policy import after_primer, told
from seqtutor.policy.seen import Teller
from seqtutor.policy.sequence_model import Scores, SequenceModel, shift_right, side_by_side
from seqtutor.policy.widening import widened


class Learner:
    """Online, target and prior networks with an optimizer.

    Attributes:
      online: the network that learns.
      target: its slowly moving copy, target <- (1 - tau) target + tau online after each update; where the variant has
        no targets it stays as it began.
      prior: frozen; it only gives log p.
    """

    def __init__(
        self, variant: Variant, prior: SequenceModel, config: TuneConfig, seed: int, begin: int,
        allowed: np.ndarray | None = None, lookahead: Lookahead | None = None,
    ):  # fmt: skip
        """Args: prior holds its weights already; seed is for the variants that do not start from it; allowed: the
        tokens that are drawn, bool [A], None for all.
        """
        self._variant, self._config, self._begin, self._allowed = variant, config, begin, allowed
        self.prior = prior
        model = prior.config.widened(config.units, config.embedding)
        if min(new - old for new, old in zip(model.sizes, prior.config.sizes, strict=True)) < 0:
            raise UserError(f"tune.units is {config.units}, but the prior has {max(prior.config.sizes)}; give no fewer")
        if model.embedding < prior.config.embedding:
            raise UserError(
                f"tune.embedding is {config.embedding}, the prior's {prior.config.embedding}; give no fewer"
            )
        features = 0 if lookahead is None else lookahead.width
        self.online = SequenceModel(model, prior.actions, seed, features)
        self.target = SequenceModel(model, prior.actions, seed, features)
        if variant.from_prior:
            self.online.set(self.online.get() | widened(prior, model, seed).get())
        if variant.adds_to_prior:
            self.online.zero_heads()
        self.target.set(self.online.get())
        self.optimizer = keras.optimizers.Adam(
            config.learning_rate, global_clipnorm=config.clip_norm, weight_decay=config.weight_decay or None
        )
        self.optimizer.build(self.online.variables)
        self._seen = Teller(lookahead)
        ints, floats = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        vector = tf.TensorSpec([None], tf.float32)
        lengths = tf.TensorSpec([None], tf.int32)
        self._update = tf.function(
            self._update_graph, autograph=False, input_signature=[ints, lengths, ints, floats, floats, vector]
        )

    def begin_at(self, weights: Mapping[str, np.ndarray]) -> None:
        """Sets the networks that learn. Raises ValueError that names a weight that is not theirs."""
        self.online.set(weights)
        self.target.set(weights)

    def update(
        self, tokens: np.ndarray, lengths: np.ndarray, primer: np.ndarray, reward: np.ndarray, log_prior: np.ndarray,
        weight: np.ndarray,
    ) -> dict[str, tf.Tensor]:  # fmt: skip
        """One step of gradient descent and of the target network.

        Args:
          tokens int32 [B, T], lengths int32 [B], primer int32 [B, P]; reward float32 [B, T], not divided by c;
          log_prior float32 [B, T], log p(a_t | s_t); weight float32 [B], importance weights.
        Returns:
          loss and td_error (scalars: the mean |td_error| a token), td_error_by_sequence [B].
        """
        order = np.argsort(lengths, kind="stable")  # so the half with the short ones is unrolled less far
        batch = (tokens, lengths, primer, reward, log_prior, weight)
        out = self._update(*(np.asarray(array)[order] for array in batch))
        return {**out, "td_error_by_sequence": tf.gather(out["td_error_by_sequence"], np.argsort(order))}

    def _update_graph(self, tokens, lengths, primer, reward, log_prior, weight):
        mask = tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)
        with tf.GradientTape() as tape:
            output = self.loss(tokens, mask, primer, reward, log_prior, weight)
        gradients = tape.gradient(output.loss, self.online.variables, unconnected_gradients="zero")
        self.optimizer.apply(gradients, self.online.variables)
        if self._variant.target:
            for slow, fast in zip(self.target.variables, self.online.variables, strict=True):
                slow.assign_add(self._config.target_rate * (fast - slow))
        by_sequence = tf.reduce_sum(tf.abs(output.td_error), axis=1) / tf.reduce_sum(mask, axis=1)
        mean = tf.reduce_sum(tf.abs(output.td_error)) / tf.reduce_sum(mask)
        return {"loss": output.loss, "td_error": mean, "td_error_by_sequence": by_sequence}

    def loss(
        self, tokens: tf.Tensor, mask: tf.Tensor, primer: tf.Tensor, reward: tf.Tensor, log_prior: tf.Tensor,
        weight: tf.Tensor,
    ) -> LossOutput:  # fmt: skip
        """The variant's loss of a minibatch. Only the online network has a gradient."""
        variant, config, r_t = self._variant, self._config, reward / self._config.c
        if variant.loss:
            log_pi, value = _halves(self._policy, mask, primer, tokens)
            return variant.loss(Taken(log_pi, value, r_t, log_prior, mask, weight), config)
        q, slow_q, target = _halves(self._values, mask, primer, tokens, r_t, log_prior)
        target = with_trace(target, slow_q, mask, config.discount * config.trace)
        return td_loss(q, target, mask, weight, config.huber)

    def _policy(self, mask, primer, tokens) -> tuple[tf.Tensor, tf.Tensor]:
        """log pi of the tokens taken, and V of the states they were taken in, both [B, T]."""
        online = self._scores(self.online, tokens, primer, self._seen(tokens, primer), not self._config.value_shapes)
        log_pi = tf.gather(tf.nn.log_softmax(online.logits), tokens, batch_dims=2)
        return log_pi, self._config.value_scale * online.value

    def _values(self, mask, primer, tokens, r_t, log_prior) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Of the tokens taken, [B, T]: the online and the target network's values, and the variant's target."""
        variant, config, seen = self._variant, self._config, self._seen(tokens, primer)
        assert variant.target is not None  # `loss` asks only for those that have one
        online = self._scores(self.online, tokens, primer, seen, not config.value_shapes)
        slow = self._scores(self.target, tokens, primer, seen)
        q, slow_q = (variant.action_values(of.logits, config.value_scale * of.value) for of in (online, slow))
        next_log_p = None
        if variant.adds_to_prior:
            inputs = shift_right(tokens, self._begin, primer)
            next_log_p = _next(tf.nn.log_softmax(after_primer(self.prior, inputs, primer, seen).logits))
        not_last = tf.concat([mask[:, 1:], tf.zeros_like(mask[:, :1])], axis=1)
        target = variant.target(r_t, log_prior, _next(slow_q), next_log_p, config.discount * not_last)
        taken, slow_taken = (tf.gather(values, tokens, batch_dims=2) for values in (q, slow_q))
        return taken, slow_taken, target

    def _scores(self, network: SequenceModel, tokens, primer, seen: Seen | None, detach_value: bool = False) -> Scores:
        """The scores [B, T, ...] of a network that learns, before each of the tokens."""
        inputs = shift_right(tokens, self._begin, primer)
        return told(after_primer(network, inputs, primer, seen, detach_value), seen, self._allowed)


def _halves(function, mask: tf.Tensor, primer: tf.Tensor, *arrays: tf.Tensor) -> list[tf.Tensor]:
    """What function(mask, primer, *arrays) returns, each [B, T] as mask and arrays are, from two halves of the batch.

    Each half is cut to its longest sequence, for the result is 0 after that. A half may be empty; it is not cut.
    """

    def half(mask, primer, *arrays):
        longest = tf.reduce_max(tf.cast(tf.reduce_sum(mask, axis=1), tf.int32))
        steps = tf.where(tf.shape(mask)[0] > 0, longest, tf.shape(mask)[1])
        found = function(mask[:, :steps], primer, *(array[:, :steps] for array in arrays))
        return [tf.pad(each, [[0, 0], [0, tf.shape(mask)[1] - steps]]) for each in found]

    return side_by_side(half, mask, primer, *arrays)


def _next(values: tf.Tensor) -> tf.Tensor:
    """values [B, T, A] of s_t -> values of s_{t+1}; the last, after the end, repeats (its discount is 0)."""
    return tf.concat([values[:, 1:], values[:, -1:]], axis=1)
