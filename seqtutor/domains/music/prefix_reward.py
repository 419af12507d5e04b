"""The melody rules on melodies that grow token by token: the numbers of rules.py, to the bit, from running sums.

A rule keeps of the N prefixes only the numbers that it needs, in arrays whose last axis is the melody, so that a step
is a few operations on rows of N numbers, and melodies are copied or left out by one index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from seqtutor.domains.music.form import NAME as FORM
from seqtutor.domains.music.form import form_at
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.rules import (
    LEAP,
    MAX_LAG,
    MOTIF_REWARD,
    REPEATED_MOTIF_REWARD,
    interval_rewards,
    key,
    unique_extremes,
)
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, NO_EVENT, NOTE_OFF
from seqtutor.domains.reward_terms import Term, weighted_sum
from seqtutor.domains.rewards import PrefixReward


class _Running:
    """Arrays [..., N] of N prefixes, one attribute each."""

    def select(self, index: np.ndarray) -> None:
        """Keeps the prefixes numbered in index, in this order."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value.take(index, axis=-1))


class Melodies(_Running):
    """N melodies as far as they go. Tokens are int8.

    Attributes:
      length: T, the tokens that each will have.
      count: the tokens that each has before the step.
      tokens: [T, N]; rows from `count` on have no meaning, but during a step row `count` is the new token.
      previous: [N], the last pitch before the step; 0 where there is none.
    """

    def __init__(self, n: int, length: int):
        self.length, self.count = length, 0
        self.tokens = np.zeros((length, n), np.int8)
        self.previous = np.zeros(n, np.int8)

    @property
    def new(self) -> np.ndarray:
        """The new tokens, [N]."""
        return self.tokens[self.count]

    def close_step(self) -> None:
        """Makes the new tokens part of the melodies."""
        self.previous = np.where(self.new >= FIRST_PITCH, self.new, self.previous)
        self.count += 1


class _Rule(_Running, ABC):
    """One rule of rules.py, step by step."""

    @abstractmethod
    def step(self, melodies: Melodies) -> np.ndarray:
        """The reward of the new tokens, float32 [N]."""


class _Stateless(_Rule):
    """A rule that needs nothing but the melodies."""

    def __init__(self, function: Callable[[Melodies], np.ndarray]):
        self._function = function

    def step(self, melodies: Melodies) -> np.ndarray:
        return self._function(melodies)


class _RepeatedNotes(_Rule):
    """`offs` and `holds` count those tokens since the last pitch, `same` the pitches since the last other pitch.

    `after_pitch` is the place after the last pitch; `start` is its value where the present pitch came first.
    """

    def __init__(self, n: int):
        self.offs, self.holds, self.same, self.after_pitch, self.start = np.zeros((5, n), np.int32)

    def step(self, melodies: Melodies) -> np.ndarray:
        x, t = melodies.new, melodies.count
        off, hold, is_pitch = x == NOTE_OFF, x == NO_EVENT, x >= FIRST_PITCH
        changes = is_pitch & (x != melodies.previous)
        self.start = np.where(changes, self.after_pitch, self.start)
        self.same *= ~changes
        equal = np.where(is_pitch, self.same, np.where(off, self.offs, self.holds))
        all_equal = equal == t - np.where(is_pitch, self.start, self.after_pitch)
        allowed = np.where(off, 1, np.where(all_equal, 4, 6))
        self.offs, self.holds = (self.offs + off) * ~is_pitch, (self.holds + hold) * ~is_pitch
        self.same += is_pitch
        self.after_pitch = np.where(is_pitch, t + 1, self.after_pitch)
        return np.where(equal > allowed, np.float32(-100), np.float32(0))


class _Autocorrelation(_Rule):
    """Whole numbers, exact as float64: the sums of x, of x^2, and for each lag of the products and of the first x."""

    def __init__(self, n: int):
        self.total, self.squares = np.zeros((2, n))
        self.products, self.first = np.zeros((2, MAX_LAG, n))

    def step(self, melodies: Melodies) -> np.ndarray:
        x, m = melodies.new.astype(np.float64), melodies.count + 1.0
        self.total, self.squares = self.total + x, self.squares + x * x
        self.first[melodies.count :] += x  # sum_{i < lag} x_i
        variance = m * (m * self.squares - self.total**2)
        reward = np.zeros(x.shape)
        last = np.zeros(x.shape)  # sum of the last `lag` tokens
        for lag in range(1, min(MAX_LAG, melodies.count) + 1):
            last += melodies.tokens[melodies.count + 1 - lag]
            products = self.products[lag - 1]
            products += x * melodies.tokens[melodies.count - lag]
            ends = 2 * self.total - last - self.first[lag - 1]
            size = np.abs(m**2 * products - m * self.total * ends + (m - lag) * self.total**2)
            reward -= (20 * size > 3 * variance) * (3 * size / np.maximum(variance, 1))
        return reward.astype(np.float32)


class _Window(_Running):
    """The last `size` tokens of each melody, which both rules of motifs look at.

    `gap` [size, N]: from each of these tokens back to the equal one before, at most `size`; 0 if not a pitch.
    The token at step t has the row t mod `size`.
    """

    def __init__(self, n: int, size: int):
        self.size, self._seen = size, 0
        self.gap = np.zeros((size, n), np.int8)
        self._pitches = np.zeros(n, np.int8)

    def pitches(self, melodies: Melodies) -> np.ndarray:
        """The number of distinct pitches among the last `size` tokens, int8 [N]; 0 before there are so many."""
        if self._seen == melodies.count:
            self._step(melodies)
            self._seen += 1
        return self._pitches

    def _step(self, melodies: Melodies) -> None:
        x, t, size = melodies.new, melodies.count, self.size
        gap = self.gap[t % size]
        gap[:] = size
        for lag in range(min(size - 1, t), 0, -1):
            np.putmask(gap, melodies.tokens[t - lag] == x, lag)
        gap *= x >= FIRST_PITCH
        if t + 1 >= size:
            place = (np.arange(size) - t - 1) % size  # of each row; a pitch counts where it is the first of its kind
            self._pitches = (self.gap > place.astype(np.int8)[:, None]).sum(axis=0, dtype=np.int8)


class _RepeatedMotif(_Rule):
    """`equal` [T, N], row i: how many of the last tokens, at most `size`, equal those `size` + i steps earlier."""

    def __init__(self, n: int, length: int, window: _Window):
        self._window = window
        self.equal = np.zeros((length, n), np.int8)

    def step(self, melodies: Melodies) -> np.ndarray:
        t, size = melodies.count, self._window.size
        pitches = self._window.pitches(melodies)
        if t < size:
            return np.zeros(pitches.shape, np.float32)
        equal = self.equal[: t + 1 - size]
        np.minimum(equal + np.int8(1), np.int8(size), out=equal)
        equal *= melodies.tokens[t - size :: -1] == melodies.new
        return REPEATED_MOTIF_REWARD[pitches] * (equal == size).any(axis=0)


class Leaps(_Rule):
    """As in `rules.leaps`: while a leap is open, `direction` is its sign and `origin` the pitch it left.

    `quiet` counts the tokens since the last leap.
    """

    def __init__(self, n: int):
        self.direction, self.origin = np.zeros((2, n), np.int8)
        self.quiet = np.zeros(n, np.int32)

    def step(self, melodies: Melodies) -> np.ndarray:
        x, previous = melodies.new, melodies.previous
        is_pitch, distance = x >= FIRST_PITCH, x - previous
        leap = is_pitch & (previous >= FIRST_PITCH) & (np.abs(distance) >= LEAP)
        way, is_open = np.sign(distance) * leap, self.direction != 0
        back = is_open & leap & (way != self.direction)
        onward = is_open & (way == self.direction)
        home = is_open & is_pitch & ~leap & ((x - self.origin) * self.direction <= 0)
        late = back & (self.quiet > 6)
        opens = leap & ~is_open
        self.direction = np.where(opens, way, self.direction * ~(back | home))
        self.origin = np.where(opens, previous, self.origin)
        self.quiet = np.where(leap, 0, self.quiet + 1)
        return np.float32(5) * (home | late) - np.float32(5) * onward


def tonic(scale: Scale, meter: Meter) -> Callable[[Melodies], np.ndarray]:
    """`rules.tonic` at one step: what the new tokens earn, float32 [N]."""

    def earned(melodies: Melodies) -> np.ndarray:
        x, left = melodies.new, melodies.length - melodies.count  # the last token has 1 left
        earns = (x == scale.tonic_token) & (melodies.count == 0 or left == meter.beat)
        earns |= (x == NO_EVENT) & (left == meter.beat - 1)
        earns |= (x < FIRST_PITCH) & (left < meter.beat - 1)
        return np.where(earns, np.float32(3), np.float32(0))

    return earned


def _form(letters: str) -> _Rule:
    return _Stateless(lambda melodies: form_at(melodies.tokens, melodies.count, letters))


def _unique_extremes(melodies: Melodies) -> np.ndarray:
    if melodies.count + 1 < melodies.length:
        return np.zeros(melodies.new.shape, np.float32)
    return unique_extremes(melodies.tokens.T)[:, -1]


class MelodyPrefix(PrefixReward):
    """The weighted sum of the rules for n melodies that grow to `length` tokens each; see `MusicTheory`."""

    def __init__(self, terms: Sequence[Term], n: int, length: int, scale: Scale, meter: Meter):
        """Args: terms of rules and forms; their names were checked."""
        self._terms, self._melodies = terms, Melodies(n, length)
        self._window, worth = _Window(n, meter.bar // 2), interval_rewards(scale)
        makers: dict[str, Callable[[], _Rule]] = {
            "key": lambda: _Stateless(lambda melodies: key(melodies.new, scale)),
            "tonic": lambda: _Stateless(tonic(scale, meter)),
            "repeated_notes": lambda: _RepeatedNotes(n),
            "autocorrelation": lambda: _Autocorrelation(n),
            "motif": lambda: _Stateless(lambda melodies: MOTIF_REWARD[self._window.pitches(melodies)]),
            "repeated_motif": lambda: _RepeatedMotif(n, length, self._window),
            "intervals": lambda: _Stateless(lambda melodies: worth[melodies.previous, melodies.new]),
            "leaps": lambda: Leaps(n),
            "unique_extremes": lambda: _Stateless(_unique_extremes),
        }
        self._rules = {
            term.component: _form(term.argument) if term.kind == FORM else makers[term.kind]() for term in terms
        }

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """See `PrefixReward`."""
        self._melodies.tokens[self._melodies.count] = tokens
        components = {name: rule.step(self._melodies) for name, rule in self._rules.items()}
        self._melodies.close_step()
        return weighted_sum(self._terms, components, np.ones(tokens.shape, bool))

    def select(self, index: np.ndarray) -> None:
        """See `PrefixReward`."""
        for running in (self._melodies, self._window, *self._rules.values()):
            running.select(index)
