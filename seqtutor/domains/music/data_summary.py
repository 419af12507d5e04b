"""What `data info` draws of melodies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.tokens import FIRST_PITCH, MAX_MIDI, MIN_MIDI, SYMBOLS
from seqtutor.domains.statistics import Property

_NUMBERS = {symbol: token for token, symbol in enumerate(SYMBOLS)}
_NAMES: dict[float, str] = {pitch: SYMBOLS[pitch - MIN_MIDI + FIRST_PITCH] for pitch in range(MIN_MIDI, MAX_MIDI + 1)}


def properties(melodies: Sequence[str]) -> list[Property]:
    """Pitch and duration of every note, and how many notes each melody has."""
    played = [to_notes(_NUMBERS[symbol] for symbol in melody.split()) for melody in melodies]
    every = [note for notes in played for note in notes]
    return [
        Property("pitch", np.array([note.pitch for note in every], int), _NAMES),
        Property("duration of a note (sixteenths)", np.array([note.end - note.start for note in every], int)),
        Property("notes a melody", np.array([len(notes) for notes in played], int)),
    ]
