"""Losses of the variants that move a policy and a state value directly, without action values and their targets.

Pure functions of tensors. Conventions, for the token a_t taken in state s_t (the prefix before it):

  log_pi_t  [B, T]  log pi(a_t | s_t) of the online network
  value_t   [B, T]  V(s_t) of the online network, nats
  r_t       [B, T]  reward of a_t, divided by the temperature c (nats)
  log_p_t   [B, T]  log p(a_t | s_t) under the frozen prior
  mask      [B, T]  1 where a token counts; what is after the end has no reward and the value 0
  discount  scalar  g

All rest on the gain of a token, delta_t = r_t / c + log p(a_t | s_t) - log pi(a_t | s_t). At the optimum of KL-control
V(s_t) = delta_t + g V(s_{t+1}) for every token there is, whichever policy takes it (Nachum et al. 2017, theorem 1).
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Taken(NamedTuple):
    """What is known of the tokens of a minibatch; see the module for each. weight [B]: of prioritised replay."""

    log_pi_t: tf.Tensor
    value_t: tf.Tensor
    r_t: tf.Tensor
    log_p_t: tf.Tensor
    mask: tf.Tensor
    weight: tf.Tensor


class LossOutput(NamedTuple):
    """A loss with what it was made of. loss: scalar; target, td_error (target minus prediction): [B, T]."""

    loss: tf.Tensor
    target: tf.Tensor
    td_error: tf.Tensor


def huber_loss(error: tf.Tensor, mask: tf.Tensor, weight: tf.Tensor, huber: float) -> tf.Tensor:
    """sum_bt weight_b h(error_bt) / sum_bt mask_bt; h(x) = x^2 / 2 for |x| <= huber, else huber (|x| - huber / 2).

    error [B, T] is 0 where mask [B, T] is; weight [B]; huber: positive number, nats. Where every error can become 0, h
    has the same minimum as the square; it only keeps rare large errors from ruling.
    """
    size = tf.abs(error)
    clipped = tf.minimum(size, huber)
    return tf.reduce_sum(weight[:, None] * clipped * (size - 0.5 * clipped)) / tf.reduce_sum(mask)


def pcl_loss(taken: Taken, discount: float, path_length: int, huber: float) -> LossOutput:
    """Path consistency learning, for the sub-paths of d tokens from every token (Nachum et al. 2017, section 5).

      error_t = sum_{k < d} g^k delta_{t+k} + g^d V(s_{t+d}) - V(s_t)

    The paper has entropy in place of the KL divergence: here the log prior joins the reward. Both V's and pi have a
    gradient. A sub-path that reaches the end stops there.
    """
    delta = _gains(taken)
    value = taken.value_t * taken.mask
    after = tf.pad(value, [[0, 0], [0, path_length]])[:, path_length:]
    target = discounted_sums(delta, discount, path_length) + discount**path_length * after
    error = (target - value) * taken.mask
    return LossOutput(huber_loss(error, taken.mask, taken.weight, huber), target, error)


def dpg_loss(taken: Taken, discount: float, path_length: int, huber: float) -> LossOutput:
    """Likelihood of sequences that are weighted to have the distribution of the optimum: the gradient of KL(pi* || pi).

      loss = -sum_bt w_b log pi(a_t | s_t) / sum_bt mask_bt + the loss of V,   E[w f(tau)] = E_pi*[f(tau)]

    (distributional policy gradient: Khalifa et al. 2021, Korbak et al. 2022, Go et al. 2023). V is learned by path
    consistency, see `pcl_loss`, with no gradient to the policy; at pi = pi* it is the soft value, so it serves as a
    twist. weight [B] has mean 1.
    """
    fixed = taken._replace(log_pi_t=tf.stop_gradient(taken.log_pi_t))
    of_value = pcl_loss(fixed, discount, path_length, huber)
    likelihood = tf.reduce_sum(taken.weight[:, None] * taken.mask * taken.log_pi_t) / tf.reduce_sum(taken.mask)
    return LossOutput(of_value.loss - likelihood, of_value.target, of_value.td_error)


def tb_loss(taken: Taken, huber: float) -> LossOutput:
    """Trajectory balance: error = r(tau) / c + log p(tau) - log pi(tau) - log Z, one a sequence, in its first place.

    Malkin et al. 2022, equation 14, with a reward p(tau) exp(r(tau) / c). log Z is learned: it is V of the first
    state, so every primer has its own. It has no discount.
    """
    gain = _whole_gain(taken)
    error = gain - taken.value_t * tf.one_hot([0], tf.shape(taken.mask)[1], dtype=gain.dtype)
    return LossOutput(huber_loss(error, taken.mask, taken.weight, huber), gain, error)


def dap_loss(taken: Taken) -> LossOutput:
    """REINVENT's difference of augmented likelihood and likelihood, squared: tb with log Z = 0 and sigma = 1 / c.

      error = log p(tau) + r(tau) / c - log pi(tau)   (Olivecrona et al. 2017, section "The agent network")

    The error is not 0 at the optimum, but log Z. Of sequences drawn from pi the gradient is that of
    KL(pi || pi*) whatever log Z is, since E_pi[d log pi] = 0; of others it is not. So it learns on-policy, and from
    the plain square: clipping errors would move the optimum.
    """
    error = _whole_gain(taken)
    loss = 0.5 * tf.reduce_sum(taken.weight[:, None] * error**2) / tf.reduce_sum(taken.mask)
    return LossOutput(loss, error, error)


def pg_loss(taken: Taken, discount: float, huber: float) -> LossOutput:
    """On-policy policy gradient on the return with the KL term inside; V is the baseline.

      R_t = sum_k g^k delta_{t+k},   loss = mean_t -(R_t - V(s_t)) log pi(a_t | s_t) + h(R_t - V(s_t))

    with no gradient through R_t, nor through V in the first term (REINFORCE with a baseline, Williams 1992). R_t is the
    gain still to come, so its expectation is V of the policy, and with g = 1 the first term's expected gradient is
    minus that of L(pi): the derivative of -log pi inside R_t is 0 in expectation.
    """
    returns = tf.stop_gradient(discounted_sums(_gains(taken), discount))
    error = (returns - taken.value_t) * taken.mask
    weight = taken.weight[:, None]
    policy = tf.reduce_sum(weight * -tf.stop_gradient(error) * taken.log_pi_t) / tf.reduce_sum(taken.mask)
    return LossOutput(policy + huber_loss(error, taken.mask, taken.weight, huber), returns, error)


def discounted_sums(terms: tf.Tensor, decay: float, most: int | None = None) -> tf.Tensor:
    """sum_{0 <= k < most} decay^k terms_{t+k}, [B, T] of terms [B, T]; most None: to the end."""
    steps = tf.range(tf.shape(terms)[1])
    ahead = steps[:, None] - steps[None, :]  # k at [t + k, t]
    inside = (ahead >= 0) if most is None else (ahead >= 0) & (ahead < most)
    powers = tf.pow(tf.constant(decay, terms.dtype), tf.cast(tf.maximum(ahead, 0), terms.dtype))
    return tf.matmul(terms, tf.where(inside, powers, 0.0))


def _gains(taken: Taken) -> tf.Tensor:
    """delta [B, T]; only the policy has a gradient."""
    return (tf.stop_gradient(taken.r_t + taken.log_p_t) - taken.log_pi_t) * taken.mask


def _whole_gain(taken: Taken) -> tf.Tensor:
    """The sum of a sequence's gains, in its first place, [B, T]."""
    gain = tf.reduce_sum(_gains(taken), axis=1, keepdims=True)
    return gain * tf.one_hot([0], tf.shape(taken.mask)[1], dtype=gain.dtype)
