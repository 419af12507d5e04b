"""The table of KL-control variants. To add one, write its target (targets.py), a row here, its name in config.py.

A network scores a state with logits [A] and a value. How these become action values and a policy is what a
row says. For `q`, `psi` and `rl-only`:

    Q(s, a) = V(s) + log_softmax(logits)(a),   policy = softmax(logits).

The level of the values lives in V alone, so a network that starts as the prior, with V = 0, starts with the
prior's policy exactly, and logits move only where rewards tell actions apart. For `g` the heads start at 0:

    G(s, a) = V(s) + logits(a),   policy = softmax(log p + logits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from seqtutor.model import Scores
from seqtutor.tune import targets


@dataclass(frozen=True)
class Variant:
    """One way of KL-control.

    Attributes:
      target: one of the functions in targets.py.
      adds_to_prior: logits are a correction to the prior's (G), not a policy of their own.
      from_prior: the networks start from the prior's weights; else from random ones.
    """

    name: str
    summary: str
    target: Callable[..., tf.Tensor]
    adds_to_prior: bool = False
    from_prior: bool = True

    def values(self, scores: Scores, value_scale: float = 1.0) -> tf.Tensor:
        """Action values [..., A] of a network's scores; V is value_scale times the network's value."""
        logits = scores.logits if self.adds_to_prior else tf.nn.log_softmax(scores.logits)
        return value_scale * scores.value[..., None] + logits

    def policy_logits(self, scores: Scores, prior_logits: tf.Tensor) -> tf.Tensor:
        """Logits [..., A] of the policy pi; prior_logits [..., A] are those of the prior in the same states."""
        return prior_logits + scores.logits if self.adds_to_prior else scores.logits


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("q", "Q-learning with the log prior in the reward", targets.q_target),
        Variant("psi", "psi-learning: soft values, log prior in the reward", targets.psi_target),
        Variant("g", "G-learning: soft values weighted by the prior", targets.g_target, adds_to_prior=True),
        Variant("rl-only", "Q-learning without any prior: the control", targets.rl_only_target, from_prior=False),
    )
}
