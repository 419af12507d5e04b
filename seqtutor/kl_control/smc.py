"""Twisted sequential Monte Carlo for the optimum of KL-control: weights, resampling, log Z. Pure functions of arrays.

The optimum is pi*(tau) = p(tau) exp(r(tau) / c) / Z. A population is K particles: sequences drawn side by side from a
proposal pi, token by token. After token t each has the weight

    w_t = w_{t-1} p(a_t | s_t) / pi(a_t | s_t) exp(r_t / c + V(s_{t+1}) - V(s_t)),     w_0 = 1, V = 0 past the end,

where V, the twist, is the reward still to come as far as it is known, in nats. A population whose effective sample size
falls below K / 2 is resampled: particles are copied in proportion to their weights, and each weight becomes the mean of
all. Then, with the weights at the end,

    Z-hat = exp(V(s_0)) 1/K sum_k w_k,     E[Z-hat] = Z for any pi and V,     E[log Z-hat] <= log Z,

and one particle picked by its weight has, as K grows, the distribution pi*. Its objective E[r] / c - KL(. || p) is at
least E[log Z-hat]. Where pi is the optimum and V its value, every weight is 1 and Z-hat = Z.

Conditional SMC keeps a given sequence as particle 0. If that is an exact draw from pi*, then E[log Z-hat] >= log Z.

Shapes: M populations of K particles. All logarithms are natural, so everything is in nats.

Sources: Del Moral, Doucet & Jasra 2006 (SMC samplers); Zhao et al. 2024 (twisted SMC for language models, and both
bounds); Douc & Cappe 2005 (systematic resampling); Andrieu, Doucet & Holenstein 2010 and Chopin & Singh 2015
(conditional SMC, with systematic resampling); Grosse, Ghahramani & Adams 2015 (bounds from both sides).
"""

from __future__ import annotations

import numpy as np


def log_weight_gain(
    log_prior: np.ndarray, log_prob: np.ndarray, reward: np.ndarray, value: np.ndarray, next_value: np.ndarray
) -> np.ndarray:
    """log w_t - log w_{t-1} = log p - log pi + r / c + V(s_{t+1}) - V(s_t), float64; any shape, the same for all.

    Args:
      log_prior, log_prob: log p(a_t | s_t) and log pi(a_t | s_t).
      reward: r_t / c.
      value, next_value: V(s_t), and V(s_{t+1}), which is 0 where a_t is the last token.
    """
    gain: np.ndarray = np.asarray(log_prior, np.float64) - log_prob + reward + next_value - value
    return gain


def log_mean(log_weights: np.ndarray) -> np.ndarray:
    """log (1/K sum_k w_k) of each population, [M] of log weights [M, K]."""
    top: np.ndarray = log_weights.max(axis=1)
    mean: np.ndarray = top + np.log(np.exp(log_weights - top[:, None]).mean(axis=1))
    return mean


def normalised(log_weights: np.ndarray) -> np.ndarray:
    """Log weights [M, K] whose weights add up to 1 in each population."""
    below: np.ndarray = log_weights - log_weights.max(axis=1, keepdims=True)  # first, so that no size costs digits
    return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))


def effective_sizes(log_weights: np.ndarray) -> np.ndarray:
    """The effective sample size of each population, [M] of log weights [M, K]: (sum w)^2 / sum w^2, from 1 to K."""
    return np.asarray(1.0 / np.exp(2.0 * normalised(log_weights)).sum(axis=1))


def systematic_ancestors(log_weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Which particle each of the K new ones is a copy of: int [M, K], ascending in each row.

    Systematic resampling lays the normalised weights end to end on [0, 1) and takes the particles at (k + u) / K. So a
    particle of weight w has floor(K w) or ceil(K w) copies, K w on average.

    Args: log_weights [M, K], not normalised; uniforms [M] in [0, 1), one a population.
    """
    return _at_grid(np.exp(normalised(log_weights)), np.asarray(uniforms, np.float64))


def conditional_ancestors(log_weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """As `systematic_ancestors`, given that the first new particle is a copy of the first old one.

    On the circle of the weights the grid has a point x, uniform on the arc of particle 0, and that point is the new
    particle 0. So the grid has the distribution that it has without the condition, tilted by the copies of particle 0;
    the new particles keep their order round the circle, of which systematic resampling depends on nothing else. That
    makes the whole population the one that the upper bound needs.
    """
    weights = np.exp(normalised(log_weights))
    particles = weights.shape[1]
    point = np.asarray(uniforms, np.float64) * weights[:, 0] * particles
    before = np.floor(point)  # points of the grid on the arc before x: they come last, going round
    turned = (np.arange(particles) + before[:, None].astype(int)) % particles
    return np.take_along_axis(_at_grid(weights, point - before), turned, axis=1)


def pick(log_weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """One particle of each population by its weight, int [M]; log_weights [M, K], uniforms [M] in [0, 1)."""
    below = np.cumsum(np.exp(normalised(log_weights)), axis=1) <= uniforms[:, None]
    return np.asarray(
        np.minimum(below.sum(axis=1), log_weights.shape[1] - 1)
    )  # rounding may leave the whole sum just under u


def _at_grid(weights: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The particles at (k + offset) / K for k = 0 .. K - 1: int [M, K] of weights [M, K] and offsets [M] in [0, 1)."""
    populations, particles = weights.shape
    up_to = np.ceil(particles * np.cumsum(weights, axis=1) - offsets[:, None])  # points up to each particle's end
    up_to = np.clip(up_to, 0, particles).astype(int)
    up_to[:, -1] = particles  # whatever rounding did to the sum of all
    copies = np.diff(up_to, axis=1, prepend=0)
    return np.repeat(np.tile(np.arange(particles), populations), copies.ravel()).reshape(populations, particles)
