"""Draws populations of particles: twisted sequential Monte Carlo (seqtutor.kl_control.smc) with a policy as proposal.

A draw is a pure function of the weights, the primers and the uniform numbers. Between two tokens numpy works out the
rewards, the weights and who is copied; a token of all particles is one call of a compiled graph, which first copies
the states. Finished sequences leave the network's batch, but stay in their population.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import PrefixReward, Reward
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.kl_control import smc
from seqtutor.policy.primers import NONE
from seqtutor.policy.sampler import Stepping, pick
from seqtutor.policy.sequence_model import State, side_by_side

DRAW = -1  # for a token that is not given
RESAMPLE_BELOW = 0.5  # of K, the effective sample size


class Proposal(Stepping, Protocol):
    """What particles are drawn with; a `seqtutor.policy.policy.Policy` is one."""

    @property
    def twisted(self) -> bool:
        """Whether populations are resampled; else particles are drawn side by side, and weighted at the end."""


class Uniforms(NamedTuple):
    """The random numbers of M populations of K particles, in [0, 1).

    tokens [M, K, T]: of each token drawn; resampling [M, T]: of each token's resampling; picking [M].
    """

    tokens: np.ndarray
    resampling: np.ndarray
    picking: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, populations: int, particles: int, length: int) -> Uniforms:
        """Random ones, float32."""
        shapes = ((populations, particles, length), (populations, length), (populations,))
        return cls(*(rng.random(shape, np.float32) for shape in shapes))


class Populations(NamedTuple):
    """M populations of K whole sequences each; whoever was copied on the way is there with its whole past.

    Attributes:
      tokens: int32 [M, K, T], padded.
      lengths: int32 [M, K], the end token included.
      log_prob: log pi(a_t | s_t), float32 [M, K, T], 0 where no token was drawn.
      log_prior: log p(a_t | s_t), likewise.
      reward: r_t, float32 [M, K, T], not divided by c.
      log_weights: log w, normalised in each population, float64 [M, K].
      picked: int [M], one particle of each population, drawn by its weight.
      log_z: log Z-hat, float64 [M].
    """

    tokens: np.ndarray
    lengths: np.ndarray
    log_prob: np.ndarray
    log_prior: np.ndarray
    reward: np.ndarray
    log_weights: np.ndarray
    picked: np.ndarray
    log_z: np.ndarray

    def of_picked(self, array: np.ndarray) -> np.ndarray:
        """The entries of the picked particles, [M, ...] of an array [M, K, ...]."""
        return array[np.arange(len(array)), self.picked]


class ParticleSampler:
    """Draws populations for one policy, reward and c. Compiles two graphs, for any sizes, once.

    Populations are resampled where weights before the end mean something: if the policy is `twisted`, and the rewards
    so far are known, be it that there are none before the last token. Else particles are compared once they are whole.

    Attributes:
      twisted: whether populations are resampled by V; `choose` may find that they should not be.
    """

    def __init__(self, policy: Proposal, domain: Domain, reward: Reward, c: float):
        """Args: policy: the proposal, its prior and V; reward: it counts r / c."""
        self._policy, self.twisted = policy, policy.twisted
        self._domain, self._reward, self._c = domain, reward, c
        ints, vector = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
        states = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in policy.initial_state(1)]
        logs = [tf.TensorSpec([None, domain.vocabulary.size], tf.float32)] * 2
        self._start = tf.function(self._run_primer, autograph=False, input_signature=[ints])
        where = [vector, vector, tf.TensorSpec([None], tf.float32), (*logs, *states)]
        self._advance = tf.function(self._run_token, autograph=False, input_signature=where)

    def choose(self, uniforms: Uniforms, primers: np.ndarray) -> None:
        """Resamples by V from here on only if that makes E[log Z-hat] larger on these populations; see `draw`.

        A V that has learned little misleads: then it is better to compare whole sequences. Either way the bounds hold,
        as long as other populations than these are used for them.
        """
        if self.twisted:
            by_value = self.draw(uniforms, primers).log_z.mean()
            self.twisted = False
            self.twisted = bool(by_value >= self.draw(uniforms, primers).log_z.mean())

    def draw(self, uniforms: Uniforms, primers: np.ndarray, given: np.ndarray | None = None) -> Populations:
        """Draws M populations of K particles; with K = 1 nothing is resampled, and log Z-hat is the log weight.

        Args:
          uniforms: their shapes say M and K. Where the domain keeps its primer, fewer than T are used.
          primers: int32 [M, P], tokens fed after begin, one row a population, NONE after a shorter one; P may be 0.
          given: for conditional SMC, int32 [M, T]: the tokens that particle 0 of each population has from the first to
            the last, and always keeps. A kept primer is not among them.
        """
        lengths, parts, order = (primers != NONE).sum(axis=1), [], []
        for length in np.unique(lengths):  # those of one length are drawn together
            at = np.flatnonzero(lengths == length)
            of = Uniforms(*(array[at] for array in uniforms))
            parts.append(self._draw(of, primers[at, :length], None if given is None else given[at]))
            order.append(at)
        back = np.argsort(np.concatenate(order))
        return Populations(*(np.concatenate(arrays)[back] for arrays in zip(*parts, strict=True)))

    def _draw(self, uniforms: Uniforms, primers: np.ndarray, given: np.ndarray | None) -> Populations:
        populations, particles, length = uniforms.tokens.shape
        before = primers if self._domain.keeps_primer else primers[:, :0]  # what is part of the sequences
        inputs = np.pad(primers, ((0, 0), (1, 0)), constant_values=self._domain.vocabulary.begin)
        value, *held = self._start(inputs.astype(np.int32))
        prefix = self._reward.prefix(populations, length)
        run = _Run(value.numpy(), particles, length - before.shape[1], self._domain.vocabulary, prefix is None)
        earned = [prefix.step(tokens) for tokens in before.T] if prefix else np.zeros((before.shape[1], populations))
        given = np.full((populations, run.steps), DRAW) if given is None else given[:, : run.steps]
        self._grow(run, prefix, held, uniforms, given)
        return self._finish(run, prefix, before, np.array(earned, np.float32).reshape(before.T.shape).T, uniforms)

    def _grow(
        self, run: _Run, prefix: PrefixReward | None, held: list[tf.Tensor], uniforms: Uniforms, given: np.ndarray
    ) -> None:
        """Draws tokens until all sequences are finished."""
        u, forced = uniforms.tokens.reshape(-1, uniforms.tokens.shape[2]), np.full(len(run.lengths), DRAW, np.int32)
        index, conditional = np.repeat(np.arange(run.populations), run.particles), (given != DRAW).any()
        for t in range(run.steps):
            rows = run.rows
            if prefix:
                prefix.select(index)
            forced[:: run.particles] = given[:, t]
            token, values, *held = self._advance(index.astype(np.int32), forced[rows], u[rows, t], tuple(held))
            token, (log_prob, log_prior, value) = token.numpy(), values.numpy().T
            reward = prefix.step(token) if prefix else np.zeros(len(token), np.float32)
            run.add(t, token, log_prob, log_prior, reward, value, self._c)
            if self.twisted and (prefix or self._reward.on_last_token):
                run.resample(t, uniforms.resampling[:, t], conditional)
            index = run.next_rows(t)
            if not len(index):
                break

    def _finish(
        self, run: _Run, prefix: PrefixReward | None, before: np.ndarray, earned: np.ndarray, uniforms: Uniforms
    ) -> Populations:
        """Whole sequences, after their kept primers `before` [M, P] with their rewards `earned` [M, P], and weights."""
        tokens, log_prob, log_prior, reward = run.trace()
        kept, particles = before.shape[1], run.particles
        tokens = np.concatenate([np.repeat(before, particles, axis=0), tokens], axis=1).astype(np.int32)
        log_prob, log_prior = (np.pad(array, ((0, 0), (kept, 0))) for array in (log_prob, log_prior))
        lengths = run.lengths + np.int32(kept)
        if prefix is None:
            reward = known = self._reward(tokens, lengths).total
        else:
            known = np.repeat(earned, particles, axis=0)
            reward = np.concatenate([known, reward], axis=1)
        log_weights = run.log_weights + run.owed + known.sum(axis=1, dtype=np.float64) / self._c
        log_weights, whole = log_weights.reshape(-1, particles), (run.populations, particles, tokens.shape[1])
        return Populations(
            tokens.reshape(whole), lengths.reshape(whole[:2]), log_prob.reshape(whole), log_prior.reshape(whole),
            reward.reshape(whole), smc.normalised(log_weights), smc.pick(log_weights, uniforms.picking),
            run.start_value + smc.log_mean(log_weights),
        )  # fmt: skip

    def _run_primer(self, inputs: tf.Tensor):
        """Feeds inputs [M, 1 + P]; returns V [M] there, and the log-probabilities and states that are held."""
        return _held(*self._policy.start(inputs))

    def _run_token(self, index: tf.Tensor, forced: tf.Tensor, uniforms: tf.Tensor, held: tuple[tf.Tensor, ...]):
        """A token for the rows `index` [n] of what is held: the tokens [n], then log pi, log p and the next V [n, 3],
        and what is held after them. A token is drawn where `forced` [n] is DRAW."""

        def draw(index, forced, uniforms):
            log_pi, log_p, *state = (tf.gather(each, index) for each in held)
            token = tf.where(forced == DRAW, pick(tf.exp(log_pi), uniforms, self._domain.allowed), forced)
            taken = [tf.gather(row, token, batch_dims=1) for row in (log_pi, log_p)]
            value, *after = _held(*self._policy.step(token, tuple(state)))
            return token, tf.stack([*taken, value], axis=-1), *after

        return side_by_side(draw, index, forced, uniforms)


def _held(logits: tf.Tensor, prior_logits: tf.Tensor, value: tf.Tensor, state: State) -> tuple[tf.Tensor, ...]:
    return value, tf.nn.log_softmax(logits), tf.nn.log_softmax(prior_logits), *state


class _Run:
    """M populations of K particles while they are drawn. Particle k of population m has the number m K + k, below N.

    The tokens and what is known of each are kept as [T, N], by the number that a particle had at that token.

    Attributes:
      rows: the particles that are not finished, ascending: the rows of the network's batch.
      lengths: int32 [N], the tokens that each has.
      log_weights: float64 [N].
      owed: float64 [N], what is still to be added to the log weight. Where the reward is known only at the end, the
        factor of a sequence's last token waits until all are finished: V would leave the weight of those that end early
        before the reward comes.
    """

    def __init__(self, value: np.ndarray, particles: int, steps: int, vocabulary: Vocabulary, at_end: bool):
        """Args: value [M]: V(s_0); steps: T, the most tokens that are drawn; at_end: when the reward is known."""
        self.populations, self.particles, self.steps = len(value), particles, steps
        self.start_value, self._vocabulary, self._at_end = value.astype(np.float64), vocabulary, at_end
        n = self.populations * particles
        self.rows, self.lengths, self.log_weights, self.owed = np.arange(n), np.zeros(n, np.int32), *np.zeros((2, n))
        self._alive, self._value = np.ones(n, bool), np.repeat(self.start_value, particles)
        self._tokens = np.full((steps, n), vocabulary.pad, np.int32)
        self._floats = np.zeros((3, steps, n), np.float32)
        self._parents = np.tile(np.arange(n), (steps, 1))

    def add(self, t: int, token, log_prob, log_prior, reward, value, c: float) -> None:
        """Token t of the rows, with what is known of it, all [n]. `value` is the V after it, if it is not the last."""
        rows, last = self.rows, np.full(len(token), t + 1 == self.steps)
        last |= token == self._vocabulary.end
        self._tokens[t, rows], self._floats[:, t, rows] = token, (log_prob, log_prior, reward)
        value = np.where(last, 0.0, value)
        gain = smc.log_weight_gain(log_prior, log_prob, reward / np.float64(c), self._value[rows], value)
        waits = last & self._at_end
        self.log_weights[rows] += np.where(waits, 0.0, gain)
        self.owed[rows] = np.where(waits, gain, 0.0)
        self._value[rows], self._alive[rows] = value, ~last
        self.lengths[rows] += 1

    def resample(self, t: int, uniforms: np.ndarray, conditional: bool) -> None:
        """Copies particles where the effective size has fallen, after token t.

        Args: uniforms [M]; conditional: particle 0 of each population is kept.
        """
        weights = self.log_weights.reshape(self.populations, self.particles)
        growing = self._alive.reshape(weights.shape).any(axis=1)
        low = np.flatnonzero(growing & (smc.effective_sizes(weights) < RESAMPLE_BELOW * self.particles))
        if not len(low):
            return
        ancestors = smc.conditional_ancestors if conditional else smc.systematic_ancestors
        parents = self._parents[t]
        parents.reshape(weights.shape)[low] = low[:, None] * self.particles + ancestors(weights[low], uniforms[low])
        weights[low] = smc.log_mean(weights[low])[:, None]
        for name in ("lengths", "owed", "_alive", "_value"):
            setattr(self, name, getattr(self, name)[parents])

    def next_rows(self, t: int) -> np.ndarray:
        """Makes the particles that are not finished the rows; of each, the row of the last batch that it continues."""
        place = np.zeros(len(self._alive), int)
        place[self.rows] = np.arange(len(self.rows))
        self.rows = np.flatnonzero(self._alive)
        return place[self._parents[t, self.rows]]

    def trace(self) -> tuple[np.ndarray, ...]:
        """The past of each particle there is: tokens [N, T], and log pi, log p and reward [N, T] of each token."""
        at, tokens, floats = np.arange(len(self.lengths)), self._tokens.copy(), self._floats.copy()
        for t in reversed(range(self.steps)):
            at = self._parents[t, at]
            tokens[t], floats[:, t] = self._tokens[t, at], self._floats[:, t, at]
        return tokens.T, *floats.transpose(0, 2, 1)
