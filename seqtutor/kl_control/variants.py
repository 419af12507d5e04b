"""The table of KL-control variants. To add one, write its target (targets.py) or its loss (losses.py), a row here,
and its name with a summary in config/sections.py, which are known without TensorFlow.

A network scores a state with logits [A] and a value. How these become action values and a policy is what a
row says. For `q`, `psi` and `rl-only`:

    Q(s, a) = V(s) + log_softmax(logits)(a),   policy = softmax(logits).

The level of the values lives in V alone, so a network that starts as the prior, with V = 0, starts with the
prior's policy exactly, and logits move only where rewards tell actions apart. For `g` the heads start at 0:

    G(s, a) = V(s) + logits(a),   policy = softmax(log p + logits).

The others have no action values: pi = softmax(logits), which starts as the prior, and V(s) is the network's value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from seqtutor.config import TuneConfig
from seqtutor.kl_control import losses, targets
from seqtutor.kl_control.losses import LossOutput, Taken


@dataclass(frozen=True)
class Variant:
    """One way of KL-control.

    Attributes:
      target: one of the functions in targets.py, for a variant that learns action values by a target network;
      loss: of losses.py with its settings, for one that needs neither. A row has one of the two.
      adds_to_prior: logits are a correction to the prior's (G), not a policy of their own.
      from_prior: the networks start from the prior's weights; else from random ones.
      on_policy: each sequence drawn is learned from once, at once; else from a replay.
      weighted: learns from populations of particles by their weights, see `smc`; with one particle each, by importance.
      learns_value: V of every state is learned; else that of the first state at the most, and V counts as 0.
    """

    name: str
    target: Callable[..., tf.Tensor] | None = None
    loss: Callable[[Taken, TuneConfig], LossOutput] | None = None
    adds_to_prior: bool = False
    from_prior: bool = True
    on_policy: bool = False
    learns_value: bool = True
    weighted: bool = False

    def action_values(self, logits: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Action values [..., A] in nats, of a network's logits [..., A] and the state value V [...] in nats."""
        return value[..., None] + (logits if self.adds_to_prior else tf.nn.log_softmax(logits))

    def policy_logits(self, logits: tf.Tensor, prior_logits: tf.Tensor) -> tf.Tensor:
        """Logits [..., A] of the policy pi, of a network's logits and those of the prior in the same states."""
        return prior_logits + logits if self.adds_to_prior else logits

    def state_value(self, logits: tf.Tensor, value: tf.Tensor, prior_logits: tf.Tensor) -> tf.Tensor:
        """The soft value V(s) [...] in nats: the reward still to come, which twists `kl_control.smc`.

        For action values Q it is logsumexp_a Q(s, a), for G logsumexp_a [log p(a | s) + G(s, a)]. The Q here are V plus
        normalised logits, so their soft value is V itself, as it is for the variants without action values. It is 0
        where it is not learned in every state.

        Args: logits [..., A] and value [...] (V, in nats) of the network; prior_logits [..., A].
        """
        if not self.learns_value:
            return tf.zeros_like(value)
        if self.adds_to_prior:
            value += tf.reduce_logsumexp(tf.nn.log_softmax(prior_logits) + logits, axis=-1)
        return value


def _pcl(taken: Taken, config: TuneConfig) -> LossOutput:
    return losses.pcl_loss(taken, config.discount, config.path_length, config.huber)


def _tb(taken: Taken, config: TuneConfig) -> LossOutput:
    return losses.tb_loss(taken, config.huber)


def _dap(taken: Taken, config: TuneConfig) -> LossOutput:
    return losses.dap_loss(taken)


def _dpg(taken: Taken, config: TuneConfig) -> LossOutput:
    return losses.dpg_loss(taken, config.discount, config.path_length, config.huber)


def _pg(taken: Taken, config: TuneConfig) -> LossOutput:
    return losses.pg_loss(taken, config.discount, config.huber)


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("q", targets.q_target),
        Variant("psi", targets.psi_target),
        Variant("g", targets.g_target, adds_to_prior=True),
        Variant("pcl", loss=_pcl),
        Variant("tb", loss=_tb, learns_value=False),
        Variant("dap", loss=_dap, on_policy=True, learns_value=False),
        Variant("pg", loss=_pg, on_policy=True),
        Variant("dpg", loss=_dpg, weighted=True),
        Variant("rl-only", targets.rl_only_target, from_prior=False),
    )
}
