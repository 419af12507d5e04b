"""What every next token earns, as tables by what the rules know of a melody. Made by the rules themselves.

Tables are TensorFlow's: graphs then share them, where numpy's would be copied into each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seqtutor.domains.music.form import NAME as FORM
from seqtutor.domains.music.form import compared
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.prefix_reward import Leaps, Melodies, tonic
from seqtutor.domains.music.rules import MOTIF_REWARD, REPEATED_MOTIF_REWARD, interval_rewards, key
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, NUM_TOKENS
from seqtutor.domains.reward_terms import Term, weighted_sum

LATE = 6  # a leap back is late after more tokens than these


class NextRewards:
    """Tables float32 of weighted rewards by c, and numbers; A tokens.

    Attributes:
      after_previous [R, A]: of leaps, intervals and key, by direction, lateness, previous pitch and origin of a leap.
      leap_after [R A, 3]: the direction and the origin after the token, and 0 where it leaps, else 1.
      at_step [T, A]: of the tonic.
      highest, lowest [1 + 2 (A + 1), A]: of unique extremes at the last step, row 1 + 2 e + o where o says whether the
        extreme occurs once, and e is that of `MelodyLookahead`. The first row is for all other steps.
      allowed, repeated: of repeated notes, what a token earns and what one repetition too many does.
      motif, motif_again: by the number of pitches in the window; motif_new: of a motif that did not stand before.
      autocorrelation: its weight by c.
      forms: of each form the places [T, J] of the tokens that one is compared with, 1 for the first and 0 for none, and
        what each token earns if it is among these, [T, A].
    Autocorrelation, unique extremes and forms count only where they are not transformed.
    """

    def __init__(self, terms: Sequence[Term], length: int, c: float, scale: Scale, meter: Meter):
        """Args: length: T, the tokens that each melody will have."""
        self._terms, self._c = terms, c
        self._make_leaps(scale)
        self.at_step = tf.constant(self._worth("tonic", _tonic(length, scale, meter)))
        self._make_extremes()
        self.allowed, self.repeated = self._worth("repeated_notes", np.array([0.0, -100.0])).tolist()
        self.motif = tf.constant(self._worth("motif", MOTIF_REWARD))
        self.motif_again = tf.constant(self._worth("repeated_motif", REPEATED_MOTIF_REWARD))
        self.motif_new = float(self._worth("repeated_motif", np.zeros(1))[0])
        self.autocorrelation = self._plain("autocorrelation")
        plain = (term for term in terms if term.kind == FORM and term.transform is None)
        self.forms = [_form(term.argument, length, term.weight / c) for term in plain]

    def _worth(self, kind: str, values: np.ndarray) -> np.ndarray:
        """What the terms of one rule make of what it gives, by c."""
        terms, values = [term for term in self._terms if term.kind == kind], values.astype(np.float32)
        total = weighted_sum(terms, {term.component: values for term in terms}, np.ones(values.shape, bool))
        return total / np.float32(self._c)

    def _plain(self, kind: str) -> float:
        """The weight of one rule by c, where it is not transformed."""
        return sum(term.weight for term in self._terms if term.kind == kind and term.transform is None) / self._c

    def _make_leaps(self, scale: Scale) -> None:
        every = np.indices((3, 2, NUM_TOKENS, NUM_TOKENS, NUM_TOKENS)).reshape(5, -1).astype(np.int8)
        way, late, previous, origin, token = every
        melodies, leaps = Melodies(len(token), 1), Leaps(len(token))
        melodies.tokens[0], melodies.previous = token, previous
        leaps.direction, leaps.origin, leaps.quiet = way - np.int8(1), origin, late.astype(np.int32) * (LATE + 1)
        earned = self._worth("leaps", leaps.step(melodies))
        earned += self._worth("intervals", interval_rewards(scale)[previous, token])
        earned += self._worth("key", key(token, scale))
        self.after_previous = tf.constant(earned.reshape(-1, NUM_TOKENS))
        after = np.stack([leaps.direction, leaps.origin, leaps.quiet > 0], axis=1)
        self.leap_after = tf.constant(after, tf.float32)

    def _make_extremes(self) -> None:
        extreme, once, x = np.indices((NUM_TOKENS + 1, 2, NUM_TOKENS)).reshape(3, -1)
        highest, lowest = extreme - 1, NUM_TOKENS - extreme
        is_pitch, there = x >= FIRST_PITCH, extreme > 0
        unique = [(x > highest) | ((x < highest) & (once == 1))]
        unique.append(np.where(is_pitch, (x < lowest) | ((x > lowest) & (once == 1)), there & (once == 1)))
        worth = 3 * self._plain("unique_extremes")
        tables = (np.pad(worth * found.reshape(-1, NUM_TOKENS), ((1, 0), (0, 0))) for found in unique)
        self.highest, self.lowest = (tf.constant(table, tf.float32) for table in tables)


def _tonic(length: int, scale: Scale, meter: Meter) -> np.ndarray:
    """What each token earns by `rules.tonic` at each step, [T, A]."""
    melodies, earns, rows = Melodies(NUM_TOKENS, length), tonic(scale, meter), []
    for step in range(length):
        melodies.tokens[step] = np.arange(NUM_TOKENS)
        rows.append(earns(melodies))
        melodies.close_step()
    return np.array(rows)


def _form(letters: str, length: int, weight: float) -> tuple[tf.Tensor, tf.Tensor]:
    """An entry of `NextRewards.forms`."""
    steps = [compared(length, step, letters) for step in range(length)]
    places = np.zeros((length, max(1, *(len(each) for each, _ in steps))), np.int32)
    worth = np.zeros((length, NUM_TOKENS), np.float32)
    for step, (each, repeats) in enumerate(steps):
        places[step, : len(each)] = np.add(each, 1)
        worth[step] = weight if repeats else -weight * (np.arange(NUM_TOKENS) >= FIRST_PITCH)
    return tf.constant(places), tf.constant(worth)
