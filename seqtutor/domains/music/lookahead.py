"""Looks one token ahead in melodies: the music-theory reward of every next token, as TensorFlow operations.

What the rules know of a melody is a few numbers and its last tokens. Given these, most of what a next token earns is
read from tables, which next_rewards.py makes by the rules themselves. Numbers are few and wide, [B, k], for in small
batches it is the number of operations that takes time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seqtutor.domains.lookahead import Lookahead, Seen, State
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.next_rewards import LATE, NextRewards
from seqtutor.domains.music.rules import MAX_LAG
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, NO_EVENT, NOTE_OFF, NUM_TOKENS
from seqtutor.domains.reward_terms import Term

LAGS = np.arange(1, MAX_LAG + 1)
TOKENS = np.arange(NUM_TOKENS)
NUMBERS = {
    "count": 1, "previous": 1, "leap": 3, "repeats": 2, "same": 1, "start": 1, "after_pitch": 1, "extremes": 2,
    "times": 2, "sums": 2, "products": MAX_LAG, "first": MAX_LAG, "last": MAX_LAG,
}  # fmt: skip
# How features come to the size of 1: in octaves, in half bars, by the last steps, and all large penalties alike.
SEMITONES, QUIET, STEPS, FLOOR = 12.0, 8.0, 32, -3.0

Numbers = dict[str, tf.Tensor]  # float32 [B, k] each


class MelodyLookahead(Lookahead):
    """What each token would earn next, and what the rules count; see `MusicTheory`.

    An autocorrelation, unique extremes and forms that are transformed are left out.

    The state of melodies [B, ...] has four parts:
      NUMBERS, side by side, mostly those of prefix_reward.py: `leap` is direction, origin and quiet; `repeats` the offs
        and holds since the last pitch; `extremes` the largest token + 1 and NUM_TOKENS less the lowest pitch, 0 where
        there is none, and `times` how often each occurs; `sums` of the tokens and of their squares; `products`, `first`
        and `last` are of each lag: sums of products, of the first tokens, and the last tokens themselves;
      recent [B, A]: how many tokens more each token stays in the window of the motif;
      past [B, T]: the tokens + 1, 0 where none is yet;
      equal [B, T]: how many of the last tokens equal those up to each place.
    """

    def __init__(self, terms: Sequence[Term], length: int, c: float, scale: Scale, meter: Meter):
        """Args: length: T, the tokens that each melody will have; c: what rewards are divided by."""
        self._length, self._window = length, meter.bar // 2
        self._next = NextRewards(terms, length, c, scale, meter)
        self.sizes = (sum(NUMBERS.values()), NUM_TOKENS, length, length)
        self.width = self.look(self.initial_state(1)).features.shape[1]

    def advance(self, tokens: tf.Tensor, state: State) -> State:
        """See `Lookahead`."""
        numbers, recent, past, equal = state
        old, x = _parts(numbers), tf.cast(tokens, tf.float32)[:, None]
        t, is_pitch = old["count"], x >= FIRST_PITCH
        after = tf.gather(self._next.leap_after, _row(old) * NUM_TOKENS + tokens)
        new = {"count": t + 1, "previous": tf.where(is_pitch, x, old["previous"])}
        new["leap"] = tf.concat([after[:, :2], (old["leap"][:, 2:] + 1) * after[:, 2:]], axis=1)
        new |= _repeats(x, is_pitch, old) | _extremes(x, is_pitch, old) | _sums(x, old)
        places = np.arange(self._length, dtype=np.float32)
        ends = (places <= t - self._window) & (past == x + 1)
        return (
            tf.concat([new[name] for name in NUMBERS], axis=1),
            tf.where(x == TOKENS, self._window - 1.0, tf.maximum(recent - 1, 0)),
            tf.where(places == t, x + 1, past),
            tf.where(ends, _later(equal) + 1, 0.0),
        )

    def look(self, state: State) -> Seen:
        """See `Lookahead`."""
        numbers, recent, past, equal = state
        now = _parts(numbers)
        rewards = tf.gather(self._next.after_previous, _row(now)) + self._by_step(now) + self._repeated(now)
        rewards += self._motifs(now["count"], recent, past, equal)
        if self._next.autocorrelation:
            rewards += self._autocorrelation(now)
        for places, worth in self._next.forms:
            rewards += self._form(now["count"][:, 0], past, places, worth)
        left = tf.one_hot(self._length - 1 - tf.cast(now["count"][:, 0], tf.int32), STEPS)
        return Seen(rewards, tf.concat([tf.maximum(rewards, FLOOR), self._counted(now), left], axis=1))

    def _by_step(self, now: Numbers) -> tf.Tensor:
        """Of the rule of the tonic and, at the last step, of unique extremes: [B, A]."""
        step = tf.minimum(tf.cast(now["count"], tf.int32), self._length - 1)
        rows = 1 + 2 * tf.cast(now["extremes"], tf.int32) + tf.cast(now["times"] == 1, tf.int32)
        rows = tf.where(step == self._length - 1, rows, 0)
        ends = tf.gather(self._next.highest, rows[:, 0]) + tf.gather(self._next.lowest, rows[:, 1])
        return ends + tf.gather(self._next.at_step, step[:, 0])

    def _repeated(self, now: Numbers) -> tf.Tensor:
        """Of repeated notes, [B, A]."""
        alone = tf.concat([now["repeats"][:, 1:], now["same"]], axis=1)  # holds, and pitches like the last one
        others = now["count"] - tf.concat([now["after_pitch"], now["start"]], axis=1)
        too_many = alone > tf.where(alone == others, 4.0, 6.0)
        hit = (TOKENS == NOTE_OFF) & (now["repeats"][:, :1] > 1)
        hit |= (TOKENS == NO_EVENT) & too_many[:, :1]
        hit |= (now["previous"] == TOKENS) & too_many[:, 1:]
        return tf.where(hit, self._next.repeated, self._next.allowed)

    def _motifs(self, t: tf.Tensor, recent: tf.Tensor, past: tf.Tensor, equal: tf.Tensor) -> tf.Tensor:
        """Of motifs and their repetition, [B, A]."""
        inside, size = recent > 0, self._window
        pitches = tf.reduce_sum(tf.cast(inside[:, FIRST_PITCH:], tf.int32), axis=1, keepdims=True)
        pitches = tf.concat([pitches, pitches + 1], axis=1) * tf.cast(t + 1 >= size, tf.int32)  # before none is whole
        old = inside | (TOKENS < FIRST_PITCH)  # tokens that bring no pitch
        new, again = (tf.gather(table, pitches) for table in (self._next.motif, self._next.motif_again))
        ready = (_later(equal) >= size - 1) & (np.arange(self._length) <= t - size)
        at = tf.range(tf.shape(past)[0])[:, None] * NUM_TOKENS + tf.cast(tf.maximum(past - 1, 0), tf.int32)
        ways = tf.math.unsorted_segment_sum(
            tf.cast(tf.reshape(ready, [-1]), tf.float32), tf.reshape(at, [-1]), tf.size(recent)
        )
        stood = tf.reshape(ways, [-1, NUM_TOKENS]) > 0
        repeated = tf.where(stood, tf.where(old, again[:, :1], again[:, 1:]), self._next.motif_new)
        return tf.where(old, new[:, :1], new[:, 1:]) + repeated

    def _autocorrelation(self, now: Numbers) -> tf.Tensor:
        """-3 |rho| of each lag where |rho| > 0.15, [B, A], weighted.

        `rules.autocovariances` gives whole numbers, which are quadratic in the next token x: c0 + c1 x + c2 x^2.
        """
        count, sums, products, first, last = _wide(now)
        m, total, x = count + 1, sums[:, :1], TOKENS.astype(np.float64)
        variance = m * (m * sums[:, 1:] - total**2) + x * (m * (m - 1) * x - 2 * m * total)
        ends = 2 * total - tf.cumsum(last, axis=1, exclusive=True) - first
        c0 = m**2 * products - m * total * ends + (m - LAGS) * total**2
        c1 = m**2 * last - m * (total + ends) + 2 * (m - LAGS) * total
        size = tf.abs(c0[..., None] + x * (c1[..., None] - LAGS[:, None] * x))
        counts = (count >= LAGS)[..., None] & (20 * size > 3 * variance[:, None])
        total = tf.reduce_sum(tf.where(counts, size, 0), axis=1) / tf.maximum(variance, 1)
        return -3 * self._next.autocorrelation * tf.cast(total, tf.float32)

    def _form(self, t: tf.Tensor, past: tf.Tensor, places: tf.Tensor, worth: tf.Tensor) -> tf.Tensor:
        """Of a form, [B, A]."""
        step = tf.minimum(tf.cast(t, tf.int32), self._length - 1)
        earlier = tf.gather(tf.pad(past, [[0, 0], [1, 0]]), tf.gather(places, step), batch_dims=1)
        same = tf.reduce_any(earlier[:, :, None] == TOKENS + 1.0, axis=1)
        return tf.where(same, tf.gather(worth, step), 0.0)

    def _counted(self, now: Numbers) -> tf.Tensor:
        """What the rules count so far, [B, 19]."""
        count, sums, products, first, last = _wide(now)
        m, total = tf.maximum(count, 1), sums[:, :1]
        variance = tf.maximum(m * (m * sums[:, 1:] - total**2), 1)
        ends = 2 * total - tf.cumsum(last, axis=1) - first
        size = m**2 * products - m * total * ends + (m - LAGS) * total**2
        rho = tf.where(count > LAGS, size / variance, 0)
        strong = (count > LAGS) & (20 * tf.abs(size) > 3 * variance)
        mean, deviation = total / m, tf.sqrt(variance / m) / m
        direction, origin, quiet = tf.split(now["leap"], 3, axis=1)
        way = (origin - now["previous"]) * tf.abs(direction) / SEMITONES
        from_ends = (now["extremes"] - _height(now["previous"])) / SEMITONES
        some = [tf.cast(tf.concat([rho, mean / NUM_TOKENS, deviation / SEMITONES], axis=1), tf.float32)]
        some += [tf.cast(strong, tf.float32), direction, tf.abs(direction), way, tf.minimum(quiet / QUIET, 1.0)]
        some += [now["count"] / self._length, tf.cast(now["times"] == 1, tf.float32), now["extremes"] / NUM_TOKENS]
        return tf.concat([*some, from_ends], axis=1)


def _parts(numbers: tf.Tensor) -> Numbers:
    return dict(zip(NUMBERS, tf.split(numbers, list(NUMBERS.values()), axis=1), strict=True))


def _wide(now: Numbers) -> list[tf.Tensor]:
    """What autocorrelations are made of, float64, in which whole numbers stay exact."""
    names = ("count", "sums", "products", "first", "last")
    wide = tf.cast(tf.concat([now[name] for name in names], axis=1), tf.float64)
    return tf.split(wide, [NUMBERS[name] for name in names], axis=1)


def _repeats(x: tf.Tensor, is_pitch: tf.Tensor, old: Numbers) -> Numbers:
    """Of repeated notes, after tokens x [B, 1]."""
    changes = is_pitch & (x != old["previous"])
    return {
        "repeats": tf.where(is_pitch, 0.0, old["repeats"] + tf.cast(x == [NOTE_OFF, NO_EVENT], tf.float32)),
        "same": tf.where(changes, 0.0, old["same"]) + tf.cast(is_pitch, tf.float32),
        "start": tf.where(changes, old["after_pitch"], old["start"]),
        "after_pitch": tf.where(is_pitch, old["count"] + 1, old["after_pitch"]),
    }


def _extremes(x: tf.Tensor, is_pitch: tf.Tensor, old: Numbers) -> Numbers:
    """Of unique extremes, after tokens x [B, 1]. Every token may be the largest, only a pitch the lowest."""
    height = tf.where(is_pitch | [True, False], _height(x), 0.0)
    more = old["times"] + tf.cast(height == old["extremes"], tf.float32)
    return {
        "extremes": tf.maximum(old["extremes"], height),
        "times": tf.where(height > old["extremes"], 1.0, more),
    }


def _height(x: tf.Tensor) -> tf.Tensor:
    """Of tokens [B, 1] from below and from above, from 1, [B, 2]."""
    return x * [1.0, -1.0] + [1.0, float(NUM_TOKENS)]


def _sums(x: tf.Tensor, old: Numbers) -> Numbers:
    """Of the autocorrelation, after tokens x [B, 1]."""
    return {
        "sums": old["sums"] + tf.concat([x, x * x], axis=1),
        "products": old["products"] + x * old["last"],
        "first": old["first"] + tf.where(old["count"] < LAGS, x, 0.0),
        "last": tf.concat([x, old["last"][:, :-1]], axis=1),
    }


def _row(now: Numbers) -> tf.Tensor:
    """The row of `NextRewards.after_previous`, int32 [B]."""
    direction, origin, quiet = tf.unstack(now["leap"], axis=1)
    late = tf.cast(quiet > LATE, tf.float32)
    row = (((direction + 1) * 2 + late) * NUM_TOKENS + now["previous"][:, 0]) * NUM_TOKENS + origin
    return tf.cast(row, tf.int32)


def _later(equal: tf.Tensor) -> tf.Tensor:
    """[B, T], each one place later."""
    return tf.pad(equal[:, :-1], [[0, 0], [1, 0]])
