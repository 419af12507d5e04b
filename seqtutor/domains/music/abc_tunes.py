"""Tunes in ABC notation, through music21: text -> the notes of a melody.

A tune is read once through: repeats are not expanded, grace notes are dropped, the highest note of a chord is kept,
and of several voices the first one. Triplets go to the nearest sixteenth.
"""

from __future__ import annotations

import contextlib
import io
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from seqtutor.domains.music.melody import MAX_OFF_GRID, Note, Piece, Unusable, off_grid, quantise, skyline
from seqtutor.errors import UserError

MISSING = "the tunes need the package music21: pip install music21"
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_PITCH = re.compile(r"([A-G])([#n-]*)(-?\d+)")  # as music21 writes it: "B-4" is B flat, "Bn4" B natural
_VERSION = (2, 1, 0)  # of the ABC standard: an accidental holds to the bar line; music21's default drops it
_TUNE = re.compile(r"^[ \t]*X:", re.MULTILINE)


def split_abc(path: Path) -> list[tuple[int, str]]:
    """The tunes of an ABC file, each with the line it begins at (from 1); what stands before the first is left out.

    The file is taken as Latin-1: every byte is valid there, and other than ASCII stands only in titles.
    """
    text = path.read_text("latin-1")
    begins = [match.start() for match in _TUNE.finditer(text)]
    bounds = pairwise([*begins, len(text)])
    return [(text.count("\n", 0, begin) + 1, text[begin:end]) for begin, end in bounds]


def parse_abc(text: str) -> Piece:
    """The melody of one tune in ABC. Raises Unusable, and UserError if music21 is not installed."""
    abc = _music21()
    handler = abc.ABCHandler(abcVersion=_VERSION)
    complaints = io.StringIO()  # music21 prints that it takes an unreadable pitch for a C, and goes on
    try:
        with contextlib.redirect_stderr(complaints):
            handler.process(text)
        voices = handler.splitByVoice()
        keys = [token for token in handler.tokens if isinstance(token, abc.ABCMetadata) and token.isKey()]
        sharps = keys[0].getKeySignatureParameters()[0] if keys else None
        notes = _notes(abc, voices[1].tokens if len(voices) > 1 else handler.tokens)
    except Exception as error:  # music21 raises many kinds on malformed ABC
        raise Unusable("broken ABC") from error
    if complaints.getvalue():
        raise Unusable("broken ABC")
    if not notes:
        raise Unusable("no notes")
    if off_grid(notes) > MAX_OFF_GRID:
        raise Unusable("rhythm off the sixteenth grid")
    notes = skyline(quantise(notes))
    return Piece(notes, notes[-1].end, sharps)


def _notes(abc: ModuleType, tokens: list) -> list[Note]:
    """The notes of music21's ABC tokens, which are in order of time and carry their durations in quarters."""
    notes: list[Note] = []
    now = Fraction(0)  # exact, so that a bar of triplets ends on the grid
    for token in tokens:
        if not isinstance(token, abc.ABCNote) or token.inGrace:
            continue
        ratio = token.activeTuplet.tupletMultiplier() if token.activeTuplet else 1
        end = now + 4 * Fraction(token.quarterLength) * Fraction(ratio)
        pitch = _highest(token.subTokens if isinstance(token, abc.ABCChord) else [token])
        if pitch is not None and token.tie in ("stop", "continue") and notes and notes[-1].pitch == pitch:
            notes[-1] = notes[-1]._replace(end=float(end))
        elif pitch is not None:
            notes.append(Note(float(now), float(end), pitch))
        now = end
    return notes


def _highest(notes: list) -> int | None:
    """The highest MIDI pitch of music21's ABC notes; None for a rest."""
    return max((_midi(note.pitchName) for note in notes if note.pitchName), default=None)


def _midi(name: str) -> int:
    """The MIDI pitch of a name as music21 writes it ("C4" = 60, "B-3" = 58)."""
    letter, accidentals, octave = _PITCH.fullmatch(name).groups()
    return 12 * (int(octave) + 1) + _STEPS[letter] + accidentals.count("#") - accidentals.count("-")


def _music21() -> ModuleType:
    """music21's ABC reader. Raises UserError if it is not installed."""
    try:
        from music21 import abcFormat
    except ImportError:
        raise UserError(MISSING) from None
    return abcFormat
