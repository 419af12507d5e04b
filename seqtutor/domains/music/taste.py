"""A reward that weighs the rules and the turns of a melody: what `rate` learns from choices between melodies.

It is a weighted sum over tokens, of the nine rules and, at each note, of one class of each kind: its octave, its degree
in the scale, the interval from the note before, that interval's direction after the one before, and how long the note
before it lasted until this one began.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.reward import MusicTheory
from seqtutor.domains.music.rules import RULES
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.tokens import FIRST_PITCH
from seqtutor.domains.reward_terms import Term, Transform
from seqtutor.domains.rewards import PrefixReward, Reward, Rewards

_DIRECTIONS = ("down", "same", "up")
CLASSES: dict[str, tuple[str, ...]] = {
    "octave": ("C3 to B3", "C4 to B4", "C5 to B5"),
    "degree": tuple(f"{semitones} above the tonic" for semitones in range(12)),
    "interval": (
        "down over a fifth", "down a fourth or fifth", "down a third", "down a step", "the same note", "up a step",
        "up a third", "up a fourth or fifth", "up over a fifth",
    ),
    "turn": tuple(f"{before}, then {after}" for before in _DIRECTIONS for after in _DIRECTIONS),
    "length": ("1 sixteenth", *(f"{each} sixteenths" for each in ("2", "3", "4", "5 or 6", "7 or 8", "over 8"))),
}  # fmt: skip
_INTERVALS = (-7.5, -4.5, -2.5, -0.5, 0.5, 2.5, 4.5, 7.5)
_LENGTHS = (1.5, 2.5, 3.5, 4.5, 6.5, 8.5)
NAMES = [f"{kind}: {name}" for kind, names in CLASSES.items() for name in names]
_BOUNDED = {"repeated_notes": Transform("clip", (-1, 0))}  # counts them: a hundred would drown all else


class Turns:
    """The classes of the notes of N melodies that grow token by token."""

    def __init__(self, n: int, scale: Scale):
        self._degree = scale.above_tonic
        self.previous, self.since = np.zeros((2, n), np.int32)  # the note before, 0 for none, and how long ago it began
        self.direction = np.full(n, -1, np.int32)  # of the interval that led to it, -1 for none

    def step(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """The class of each kind that tokens [N] are of, int [N]; -1 where of none."""
        x, note = tokens.astype(np.int32), tokens >= FIRST_PITCH
        after = note & (self.previous > 0)
        distance = x - self.previous
        direction = np.where(after, np.sign(distance) + 1, -1)
        found = {
            "octave": np.where(note, (x - FIRST_PITCH) // 12, -1),
            "degree": np.where(note, self._degree[x], -1),
            "interval": np.where(after, np.searchsorted(_INTERVALS, distance), -1),
            "turn": np.where(after & (self.direction >= 0), 3 * self.direction + direction, -1),
            "length": np.where(after, np.searchsorted(_LENGTHS, self.since), -1),
        }
        self.direction = np.where(note, direction, self.direction)
        self.previous = np.where(note, x, self.previous)
        self.since = np.where(note, 1, self.since + 1)
        return found

    def select(self, index: np.ndarray) -> None:
        """Keeps the melodies numbered in index, in this order."""
        self.previous, self.since, self.direction = (
            each[index] for each in (self.previous, self.since, self.direction)
        )


def features(tokens: np.ndarray, lengths: np.ndarray, scale: Scale, meter: Meter) -> dict[str, np.ndarray]:
    """What `Taste` weighs of tokens [N, T] with lengths [N]: each rule's sum, and the notes of a class; [N] by name."""
    rules = MusicTheory([Term(name, transform=_BOUNDED.get(name)) for name in RULES], scale, meter)
    found = {name: share.sum(axis=1) for name, share in rules.shares(tokens, lengths).items()}
    counts = {kind: np.zeros((len(tokens), len(names) + 1)) for kind, names in CLASSES.items()}
    turns, rows = Turns(len(tokens), scale), np.arange(len(tokens))
    for t, column in enumerate(tokens.T):
        for kind, place in turns.step(column).items():
            counts[kind][rows, np.where(t < lengths, place, -1)] += 1
    names = iter(NAMES)
    return found | {next(names): column for table in counts.values() for column in table[:, :-1].T}


class Taste(Reward):
    """The weighted sum of `features`, token by token: components "rules" and "notes"."""

    names = ("rules", "notes")

    def __init__(self, weights: Mapping[str, float], scale: Scale, meter: Meter):
        """Args: weights: by the names of `features`; those that are missing are 0."""
        terms = [Term(name, "", _BOUNDED.get(name), weights.get(name, 0.0)) for name in RULES]
        self._rules, self._scale = MusicTheory(terms, scale, meter), scale
        names = iter(NAMES)
        self._notes = {  # the last entry is of no class
            kind: np.array([*(weights.get(next(names), 0.0) for _ in each), 0.0], np.float32)
            for kind, each in CLASSES.items()
        }

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N], float32; 0 after a row's length."""
        rules, notes = self._rules(tokens, lengths).total, np.zeros(tokens.shape, np.float32)
        turns = Turns(len(tokens), self._scale)
        for t, column in enumerate(tokens.T):
            notes[:, t] = self.worth(turns, column)
        notes[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return Rewards(rules + notes, {"rules": rules, "notes": notes})

    def shares(self, tokens: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """Each rule, and all classes of notes together."""
        return {**self._rules.shares(tokens, lengths), "notes": self(tokens, lengths).components["notes"]}

    def prefix(self, n: int, length: int) -> PrefixReward:
        """See `rewards.Reward`."""
        return _TastePrefix(self, Turns(n, self._scale), self._rules.prefix(n, length))

    def worth(self, turns: Turns, tokens: np.ndarray) -> np.ndarray:
        """What the classes of the next tokens [N] are worth, float32 [N]."""
        total = np.zeros(len(tokens), np.float32)
        for kind, place in turns.step(tokens).items():
            total += self._notes[kind][place]
        return total


class _TastePrefix(PrefixReward):
    def __init__(self, taste: Taste, turns: Turns, rules: PrefixReward):
        self._taste, self._turns, self._rules = taste, turns, rules

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """See `PrefixReward`."""
        return self._rules.step(tokens) + self._taste.worth(self._turns, tokens)

    def select(self, index: np.ndarray) -> None:
        """See `PrefixReward`."""
        self._turns.select(index)
        self._rules.select(index)
