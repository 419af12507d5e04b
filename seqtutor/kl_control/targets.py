"""One-step targets of the variants that learn action values.

Pure functions of tensors: no network, no optimizer, no configuration. Conventions, for a state s_t (the
prefix before token t), the token a_t taken there, and the next state s_{t+1}:

  r_t          [B, T]     reward of a_t, already divided by the temperature c (nats)
  log_p_t      [B, T]     log p(a_t | s_t) under the frozen prior
  next_q       [B, T, A]  the target network's action values at s_{t+1} (Q-, Psi- or G-)
  next_log_p   [B, T, A]  log p(. | s_{t+1}) under the frozen prior; only `g` reads it, the others may be given None
  discount_t   [B, T]     g, and 0 where a_t is the last token: no target bootstraps across the end

Each target is y_t [B, T], the value (s_t, a_t) should have. Source: Jaques et al., "Sequence Tutor: Conservative
Fine-Tuning of Sequence Generation Models with KL-control", ICML 2017, the section on KL-control.
"""

from __future__ import annotations

import tensorflow as tf

from seqtutor.kl_control.losses import LossOutput, discounted_sums, huber_loss


def q_target(
    r_t: tf.Tensor, log_p_t: tf.Tensor, next_q: tf.Tensor, next_log_p: tf.Tensor | None, discount_t: tf.Tensor
) -> tf.Tensor:
    """y = r/c + log p(a|s) + g max_a' Q-(s', a')."""
    return r_t + log_p_t + discount_t * tf.reduce_max(next_q, axis=-1)


def psi_target(
    r_t: tf.Tensor, log_p_t: tf.Tensor, next_q: tf.Tensor, next_log_p: tf.Tensor | None, discount_t: tf.Tensor
) -> tf.Tensor:
    """y = r/c + log p(a|s) + g logsumexp_a' Psi-(s', a')."""
    return r_t + log_p_t + discount_t * tf.reduce_logsumexp(next_q, axis=-1)


def g_target(
    r_t: tf.Tensor, log_p_t: tf.Tensor, next_q: tf.Tensor, next_log_p: tf.Tensor, discount_t: tf.Tensor
) -> tf.Tensor:
    """y = r/c + g logsumexp_a' [ log p(a'|s') + G-(s', a') ]."""
    return r_t + discount_t * tf.reduce_logsumexp(next_log_p + next_q, axis=-1)


def rl_only_target(
    r_t: tf.Tensor, log_p_t: tf.Tensor, next_q: tf.Tensor, next_log_p: tf.Tensor | None, discount_t: tf.Tensor
) -> tf.Tensor:
    """y = r/c + g max_a' Q-(s', a'): Q-learning that never sees the prior."""
    return r_t + discount_t * tf.reduce_max(next_q, axis=-1)


def with_trace(target: tf.Tensor, q_bar: tf.Tensor, mask: tf.Tensor, decay: float) -> tf.Tensor:
    """Targets that look further than one step: y_t + sum_{k > t} (g lambda)^{k - t} (y_k - Q-(s_k, a_k)).

    Q(lambda) with off-policy corrections (Harutyunyan et al. 2016, equation 5). Given a prefix, reward and next
    state are certain, so all corrections vanish at the fixed point of the one-step target: the trace changes how
    fast a reward is felt by the tokens before it, not what is learned. For the soft variants it is path
    consistency (Nachum et al. 2017), valid for sequences from any policy.

    Args:
      target: [B, T] one-step targets y.
      q_bar: [B, T] the target network's values of the tokens taken.
      mask: [B, T], 1 where a token counts.
      decay: g lambda; 0 gives the one-step targets back.
    """
    later = tf.pad(((target - q_bar) * mask)[:, 1:], [[0, 0], [0, 1]])
    return target + decay * discounted_sums(later, decay)


def td_loss(q_t: tf.Tensor, target: tf.Tensor, mask: tf.Tensor, weight: tf.Tensor, huber: float) -> LossOutput:
    """Huber's loss of q_t against a fixed target; see `huber_loss`.

    Rewards and transitions are deterministic given the prefix, so a target is one number, not a distribution, and
    the loss has the same minimum as the square.

    Args:
      q_t: [B, T] the online network's values of the tokens taken; the only input with a gradient.
      target: [B, T].
      mask: [B, T], 1 where a token counts.
      weight: [B] importance weights of prioritised replay (ones for uniform replay).
      huber: positive number, nats.
    """
    target = tf.stop_gradient(target)
    td_error = (target - q_t) * mask
    return LossOutput(huber_loss(td_error, mask, weight, huber), target, td_error)
