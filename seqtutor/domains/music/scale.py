"""Keys and modes: the seven notes of a scale, its tonic, third and fifth, and how far it is from C major."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqtutor.domains.music.tokens import FIRST_PITCH, MIDI_OFFSET, NUM_TOKENS, PITCH_CLASSES
from seqtutor.errors import UserError, unknown_name

MIDDLE_C = 60 - MIDI_OFFSET  # its token
WHITE_KEYS = (0, 2, 4, 5, 7, 9, 11)  # pitch classes of C major, and of A minor, D dorian, ...

# A mode is the white keys counted from another one, so many semitones above C. `minor` is the natural minor.
MODES = {
    "major": 0, "ionian": 0, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7, "minor": 9, "aeolian": 9,
    "locrian": 11,
}  # fmt: skip

_NAME = re.compile("([A-G])([#b]?)")


@dataclass(frozen=True)
class Scale:
    """The notes of a key in a mode.

    Attributes:
      tonic: its pitch class, 0 for C to 11 for B.
      mode: one of `MODES`.
    """

    tonic: int
    mode: str

    @classmethod
    def named(cls, key: str, mode: str) -> Scale:
        """The scale of a key such as F# or Bb. Raises UserError if there is no such key or mode."""
        name = _NAME.fullmatch(key)
        if name is None:
            raise UserError(f"domain.key is {key!r}: give a letter from A to G, with # or b if wanted, as in F# or Bb")
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES, "domain.mode")
        return cls((PITCH_CLASSES.index(name[1]) + {"": 0, "#": 1, "b": -1}[name[2]]) % 12, mode)

    @property
    def shift(self) -> int:
        """Semitones in -6 .. +5 from the white keys to this scale's notes: from C major to its relative major."""
        return centred(self.tonic - MODES[self.mode])

    @property
    def tonic_token(self) -> int:
        """The token of the tonic nearest to middle C: F#3 (six semitones below) to F4."""
        return MIDDLE_C + centred(self.tonic)

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """Semitones of its notes above the tonic, ascending: 0, 2, 4, 5, 7, 9, 11 in major."""
        return tuple(sorted((note - MODES[self.mode]) % 12 for note in WHITE_KEYS))

    @property
    def third(self) -> int:
        """Semitones from the tonic to the third: 4 where it is major, else 3."""
        return self.degrees[2]

    @property
    def fifth(self) -> int:
        """Semitones from the tonic to the fifth: 7, but 6 in locrian."""
        return self.degrees[4]

    @cached_property
    def above_tonic(self) -> np.ndarray:
        """Of each token, semitones above a tonic, 0 .. 11, int [A]; of no meaning below FIRST_PITCH."""
        return (np.arange(NUM_TOKENS) + MIDI_OFFSET - self.tonic) % 12

    @cached_property
    def has(self) -> np.ndarray:
        """Whether each token is a note of the scale, or no note: bool [A]."""
        return np.isin(self.above_tonic, self.degrees) | (np.arange(NUM_TOKENS) < FIRST_PITCH)


C_MAJOR = Scale(0, "major")


def centred(semitones: int) -> int:
    """The interval of the same pitch class in -6 .. +5."""
    return (semitones + 6) % 12 - 6
