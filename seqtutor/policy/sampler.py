"""Draws sequences: batches in compiled graphs, finished sequences leave the batch.

A draw is a pure function of the weights, the primers and one array of uniform numbers u [N, T]: the same input
gives the same bits, and a row depends on no other row. A token is the inverse of the cumulative distribution
at u: the first a with u < sum_{b <= a} pi(b | s).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.policy.sequence_model import State, side_by_side


class Stepping(Protocol):
    """What sequences are drawn with, token by token; a `seqtutor.policy.policy.Policy` is one."""

    def initial_state(self, batch: int | tf.Tensor) -> State:
        """The state before any input."""

    def start(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """Begin and primers int32 [B, 1 + P] -> as `step`, of what follows them."""

    def step(self, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """Tokens int32 [B] -> policy logits [B, A], prior logits [B, A], V [B] in nats, state."""


class Rollout(NamedTuple):
    """Drawn sequences. All float arrays are float32 [N, T] in nats, 0 after a sequence's length.

    Attributes:
      tokens: int32 [N, T], padded.
      lengths: int32 [N], the end token included; T for a sequence cut at the limit.
      log_prob: log pi(a_t | s_t). pi is the policy itself (temperature 1), whatever the exploration.
      log_prior: log p(a_t | s_t).
      kl: KL(pi(. | s_t) || p(. | s_t)), exact in each state. Its sum over t estimates the KL a sequence
        with less variance than log_prob - log_prior does.
      entropy: of pi(. | s_t).
    """

    tokens: np.ndarray
    lengths: np.ndarray
    log_prob: np.ndarray
    log_prior: np.ndarray
    kl: np.ndarray
    entropy: np.ndarray


@dataclass(frozen=True)
class Exploration:
    """How tokens are chosen. epsilon None: Boltzmann, softmax(logits / temperature).

    Otherwise epsilon-greedy: the likeliest token, or with probability epsilon any token, uniformly.
    """

    temperature: float = 1.0
    epsilon: float | None = None

    def probabilities(self, logits: tf.Tensor, allowed: np.ndarray | None = None) -> tf.Tensor:
        """The distribution tokens are drawn from, [B, A], of policy logits [B, A] and the tokens allowed, bool [A]."""
        if self.epsilon is None:
            return tf.nn.softmax(logits / self.temperature)
        actions = logits.shape[-1]
        greedy = tf.one_hot(tf.argmax(logits, axis=-1), actions)
        free = 1.0 if allowed is None else tf.constant(allowed, tf.float32)
        return (1.0 - self.epsilon) * greedy + self.epsilon / (actions if allowed is None else allowed.sum()) * free


class Sampler:
    """Draws batches with one policy. Compiles two graphs, for any batch size, once."""

    CHUNK = 16  # tokens drawn between two looks at which sequences have finished

    def __init__(
        self,
        policy: Stepping,
        vocabulary: Vocabulary,
        length: int,
        exploration: Exploration | None = None,
        allowed: np.ndarray | None = None,
    ):
        """Args: length: T, the most tokens a sequence has; allowed: bool [A], the tokens to which the policy gives a
        probability, None for all.
        """
        self._vocabulary, self._length = vocabulary, length
        self._policy = policy
        self._exploration, self._allowed = exploration or Exploration(), allowed
        self._chunk = length if vocabulary.end is None else min(self.CHUNK, length)
        ints = tf.TensorSpec([None, None], tf.int32)
        self._start = tf.function(self._run_primer, autograph=False, input_signature=[ints])
        states = (tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in policy.initial_state(1))
        logits = tf.TensorSpec([None, vocabulary.size], tf.float32)
        where = [(logits, logits, *states), tf.TensorSpec([None, None], tf.float32)]
        self._advance = tf.function(self._run_chunk, autograph=False, input_signature=where)

    def draw(self, uniforms: np.ndarray, primers: np.ndarray) -> Rollout:
        """Draws N sequences.

        Args:
          uniforms: float32 [N, T] in [0, 1).
          primers: int32 [N, P], tokens fed after begin and before the first draw; P may be 0.
        """
        n, end, length = len(uniforms), self._vocabulary.end, self._length
        tokens = np.full((n, length), self._vocabulary.pad, np.int32)
        floats = np.zeros((4, n, length), np.float32)
        lengths = np.full(n, length, np.int32)
        begin = np.full((n, 1), self._vocabulary.begin, np.int32)
        held = self._start(tf.constant(np.concatenate([begin, primers], axis=1), tf.int32))
        rows = np.arange(n)
        for t in range(0, length, self._chunk):
            span = min(self._chunk, length - t)
            u = tf.constant(uniforms[rows, t : t + span], tf.float32)
            drawn, values, *held = self._advance(tuple(held), u)
            drawn = drawn.numpy()
            tokens[rows, t : t + span] = drawn
            floats[:, rows, t : t + span] = values.numpy().transpose(2, 0, 1)
            if end is None:
                continue
            ended = drawn == end
            done = ended.any(axis=1)
            lengths[rows[done]] = t + ended[done].argmax(axis=1) + 1
            rows = rows[~done]
            if not len(rows):
                break
            keep = tf.constant(np.flatnonzero(~done))
            held = [tf.gather(each, keep) for each in held]
        past = np.arange(length) >= lengths[:, None]
        tokens[past] = self._vocabulary.pad
        floats[:, past] = 0.0
        return Rollout(tokens, lengths, *floats)

    def _run_primer(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        """Reads inputs [N, 1 + P]; returns what is held: policy logits, prior logits and the state after them."""
        return side_by_side(lambda inputs: _held(*self._policy.start(inputs)), inputs)

    def _run_chunk(self, held: tuple[tf.Tensor, ...], uniforms: tf.Tensor) -> list[tf.Tensor]:
        """Draws as many tokens as uniforms [n, t] has columns: tokens [n, t], values [n, t, 4], what is held then."""
        return side_by_side(self._draw, uniforms, *held)

    def _draw(self, uniforms: tf.Tensor, *held: tf.Tensor) -> tuple[tf.Tensor, ...]:
        steps, by_time = tf.shape(uniforms)[1], tf.transpose(uniforms)
        drawn = tf.TensorArray(tf.int32, steps, element_shape=[None])
        values = tf.TensorArray(tf.float32, steps, element_shape=[None, 4])

        def body(t, held, drawn, values):
            logits, prior_logits, *state = held
            token = pick(self._exploration.probabilities(logits, self._allowed), by_time[t], self._allowed)
            drawn, values = drawn.write(t, token), values.write(t, _describe(logits, prior_logits, token))
            return t + 1, _held(*self._policy.step(token, tuple(state))), drawn, values

        _, held, drawn, values = tf.while_loop(lambda t, *_: t < steps, body, (tf.constant(0), held, drawn, values))
        return tf.transpose(drawn.stack()), tf.transpose(values.stack(), [1, 0, 2]), *held


def pick(probabilities: tf.Tensor, uniforms: tf.Tensor, allowed: np.ndarray | None = None) -> tf.Tensor:
    """Tokens int32 [B] by inversion: the number of a with sum_{b <= a} probabilities[b] <= u, at most A - 1.

    Of `allowed`, bool [A], none but these are picked, whatever the rounding.
    """
    if allowed is not None:
        places = tf.constant(np.flatnonzero(allowed), tf.int32)
        return tf.gather(places, pick(tf.gather(probabilities, places, axis=-1), uniforms))
    below = tf.cumsum(probabilities, axis=-1) <= uniforms[:, None]
    last = tf.shape(probabilities)[-1] - 1  # rounding may leave the whole sum just under u
    return tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32), axis=-1), last)


def _held(logits: tf.Tensor, prior_logits: tf.Tensor, value: tf.Tensor, state: State) -> tuple[tf.Tensor, ...]:
    return logits, prior_logits, *state


def _describe(logits: tf.Tensor, prior_logits: tf.Tensor, token: tf.Tensor) -> tf.Tensor:
    """log pi(a), log p(a), KL(pi || p) and entropy of pi, stacked [B, 4]."""
    log_pi, log_p = tf.nn.log_softmax(logits), tf.nn.log_softmax(prior_logits)
    pi = tf.exp(log_pi)
    taken = [tf.gather(row, token, batch_dims=1) for row in (log_pi, log_p)]
    kl = tf.reduce_sum(pi * (log_pi - log_p), axis=-1)
    return tf.stack([*taken, kl, -tf.reduce_sum(pi * log_pi, axis=-1)], axis=-1)
