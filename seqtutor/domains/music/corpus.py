"""Tunes in ABC notation through music21, and the collections that come with that package as named data sets.

A tune is read once through: repeats are not expanded, grace notes are dropped, the highest note of a chord is kept,
and of several voices the first one. Triplets go to the nearest sixteenth.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from seqtutor.domains.base import DataSet
from seqtutor.domains.music.melody import Note, Unusable
from seqtutor.errors import UserError

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_PITCH = re.compile(r"([A-G])([#n-]*)(-?\d+)")  # as music21 writes it: "B-4" is B flat, "Bn4" B natural
_TUNE = re.compile(r"^\s*X:", re.MULTILINE)


class Tune(NamedTuple):
    """One tune of an ABC file: the line it stands at, its notes in sixteenths, the sharps of its K: field, if any."""

    line: int
    notes: list[Note]
    sharps: int | None


def read_abc(path: Path) -> Iterator[Tune | tuple[int, Unusable]]:
    """The tunes of an ABC file in order; a tune that cannot be read gives its line and the reason.

    The file is taken as Latin-1: only titles hold other than ASCII characters, and every byte is valid there.
    Raises UserError if music21 is not installed.
    """
    text = path.read_text("latin-1")
    begins = [match.start() for match in _TUNE.finditer(text)]
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        line = text.count("\n", 0, begin) + 1
        try:
            yield Tune(line, *_parse(text[begin:end]))
        except Unusable as reason:
            yield line, reason


def _parse(text: str) -> tuple[list[Note], int | None]:
    """Notes and sharps of one tune. Raises Unusable."""
    abc = _music21()
    handler = abc.ABCHandler()
    try:
        handler.process(text)
        voices = handler.splitByVoice()
    except Exception as error:  # music21 raises many kinds on malformed ABC
        raise Unusable("broken ABC") from error
    tokens = voices[1].tokens if len(voices) > 1 else handler.tokens
    notes, now = [], 0.0
    for token in tokens:
        if not isinstance(token, abc.ABCNote) or token.inGrace:
            continue
        end = now + 4 * float(token.quarterLength * (token.activeTuplet.tupletMultiplier() if token.activeTuplet else 1))
        pitch = _highest(token.subTokens if isinstance(token, abc.ABCChord) else [token])
        if pitch is not None and token.tie in ("stop", "continue") and notes and notes[-1].pitch == pitch:
            notes[-1] = notes[-1]._replace(end=end)
        elif pitch is not None:
            notes.append(Note(now, end, pitch))
        now = end
    keys = [token for token in handler.tokens if isinstance(token, abc.ABCMetadata) and token.isKey()]
    return notes, keys[0].getKeySignatureParameters()[0] if keys else None


def _highest(notes: list) -> int | None:
    """The highest MIDI pitch of music21's ABC notes; None for a rest."""
    return max((_midi(note.pitchName) for note in notes if note.pitchName), default=None)


def _midi(name: str) -> int:
    """The MIDI pitch of a name as music21 writes it ("C4" = 60, "B-3" = 58)."""
    letter, accidentals, octave = _PITCH.fullmatch(name).groups()
    return 12 * (int(octave) + 1) + _STEPS[letter] + accidentals.count("#") - accidentals.count("-")


def _music21():
    """music21's ABC reader. Raises UserError if it is not installed."""
    try:
        from music21 import abcFormat
    except ImportError:
        raise UserError("ABC tunes need music21: pip install 'seqtutor[tunes]'") from None
    return abcFormat
