"""Melodies as notes on a grid of sixteenths: to tokens and back, one line out of many, key and register.

Every reader (MIDI, ABC, MusicXML) yields `Note`s in sixteenths from the beginning; everything after that is here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from seqtutor.domains.music.scale import WHITE_KEYS, centred
from seqtutor.domains.music.tokens import FIRST_PITCH, MAX_MIDI, MIDI_OFFSET, MIN_MIDI, NO_EVENT, NOTE_OFF

MAX_STEPS = 100_000  # sixteenths; a longer "melody" is a broken file
LEGATO = 1  # sixteenths by which a note may run into the next one of the same line
MAX_FOLDED = 0.1  # share of notes that may be folded by octaves one by one
MAX_OFF_GRID = 0.25  # share of onsets that may lie off the sixteenths of a written tune
KEY_TRUST = 0.9  # share of the sounding time that a declared key must hold
_WHITE = list(WHITE_KEYS)  # as an index
_OCTAVES = sorted(range(-10, 11), key=abs)  # by which a piece may be moved, the nearest first

# Krumhansl & Kessler (1982), "Tracing the dynamic changes in perceived tonal organization in a spatial representation
# of musical keys", Psychological Review 89, 334-368: probe-tone ratings of the twelve degrees above the tonic.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


class Unusable(Exception):
    """A piece no melody can be made of. The message is the reason, in few words, one of a few kinds."""


class Note(NamedTuple):
    """A sounding note: onset and end in sixteenths from the beginning, MIDI pitch."""

    start: float
    end: float
    pitch: int


class Piece(NamedTuple):
    """One line of notes: quantised, in order, none overlapping. `length` in sixteenths, `sharps` of a declared key.

    `dropped` counts by cause the things of the file that the line leaves out or changes.
    """

    notes: list[Note]
    length: int
    sharps: int | None = None
    dropped: Mapping[str, int] = MappingProxyType({})


def to_tokens(piece: Piece) -> np.ndarray:
    """Tokens int32 [length] of a piece. Raises Unusable if a pitch is out of range.

    A note-off is only where a note ends and none begins; silence before and after is "no event".
    """
    tokens = np.full(piece.length, NO_EVENT, np.int32)
    for note in piece.notes:
        if not MIN_MIDI <= note.pitch <= MAX_MIDI:
            raise Unusable("pitch out of range C3 to B5")
        tokens[int(note.start)] = note.pitch - MIDI_OFFSET
        if note.end < piece.length:
            tokens[int(note.end)] = NOTE_OFF  # the next note, if it begins here, overwrites it
    return tokens


def to_notes(tokens: Iterable[int]) -> list[Note]:
    """The sounding notes of tokens [T]. A note lasts to the next note or note-off, or to the end T."""
    notes: list[Note] = []
    start, pitch, step = 0, None, -1
    for step, token in enumerate(tokens):
        if token == NO_EVENT:
            continue
        if pitch is not None:
            notes.append(Note(start, step, pitch))
        start, pitch = step, None if token == NOTE_OFF else int(token) + MIDI_OFFSET
    if pitch is not None:
        notes.append(Note(start, step + 1, pitch))
    return notes


def quantise(notes: Iterable[Note]) -> list[Note]:
    """Notes moved to whole sixteenths, at least one long, in order of onset, the higher first. Raises Unusable."""
    rounded = []
    for note in notes:
        start, end = math.floor(note.start + 0.5), math.floor(note.end + 0.5)
        rounded.append(Note(start, max(start + 1, end), note.pitch))
    if rounded and max(note.end for note in rounded) > MAX_STEPS:
        raise Unusable(f"longer than {MAX_STEPS} sixteenths")
    return sorted(rounded, key=lambda note: (note.start, -note.pitch))


def skyline(notes: Sequence[Note]) -> list[Note]:
    """The upper line of quantised notes, as the ear follows it.

    Of notes that begin together the highest stays. A lower note that begins while a higher one has more than
    `LEGATO` sixteenths to go is accompaniment and dropped; any other note ends the one that sounds.
    """
    line: list[Note] = []
    for note in notes:
        if line and note.start < line[-1].end:
            last = line[-1]
            if note.start == last.start or (note.pitch < last.pitch and last.end - note.start > LEGATO):
                continue
            line[-1] = last._replace(end=note.start)
        line.append(note)
    return line


def single_line(notes: Sequence[Note], dropped: Counter[str], lost: str) -> list[Note]:
    """The skyline of notes that are not yet quantised. Counts in `dropped` the moved ones, and the `lost` ones."""
    dropped["notes moved to the nearest sixteenth"] += round(off_grid(notes) * len(notes))
    quantised = quantise(notes)
    line = skyline(quantised)
    dropped[lost] += len(quantised) - len(line)
    return line


def overlapping(notes: Sequence[Note]) -> float:
    """The share of quantised notes that begin with another, or while one has more than `LEGATO` sixteenths to go."""
    last, latest, count = -1.0, 0.0, 0
    for note in notes:
        count += note.start == last or latest - note.start > LEGATO
        last, latest = note.start, max(latest, note.end)
    return count / max(1, len(notes))


def off_grid(notes: Sequence[Note]) -> float:
    """The share of notes, not yet quantised, whose onset is more than a tenth of a sixteenth off the grid."""
    return sum(abs(note.start - round(note.start)) > 0.1 for note in notes) / max(1, len(notes))


def normalised(piece: Piece) -> Piece:
    """The piece from its first onset to its last end, in C major / A minor (`key_shift`), in range. Raises Unusable."""
    notes = piece.notes
    if not notes:
        raise Unusable("no notes")
    shifted = np.array([note.pitch for note in notes]) + key_shift(notes, piece.sharps)
    pitches, first = in_range(shifted), notes[0].start
    moved = [Note(n.start - first, n.end - first, int(p)) for n, p in zip(notes, pitches, strict=True)]
    octaves = pitches - shifted
    dropped = Counter({"notes moved by an octave": int(np.sum(octaves != np.median(octaves)))})
    return Piece(moved, int(moved[-1].end), dropped=dropped + Counter(piece.dropped))


def within_reach(piece: Piece) -> Piece:
    """The piece; where a note of it is outside C3 .. B5, moved as a whole by the fewest octaves that bring all inside.

    That counts as dropped. A piece that no octave brings inside is left as it is.
    """
    pitches = [note.pitch for note in piece.notes] or [MIN_MIDI]
    low, high = min(pitches), max(pitches)
    octave = next((k for k in _OCTAVES if low + 12 * k >= MIN_MIDI and high + 12 * k <= MAX_MIDI), 0)
    if not octave:
        return piece
    moved = [note._replace(pitch=note.pitch + 12 * octave) for note in piece.notes]
    return piece._replace(notes=moved, dropped={**piece.dropped, "melodies moved by whole octaves": 1})


def transposed(tokens: np.ndarray, semitones: int) -> np.ndarray:
    """Tokens [T] with every pitch moved by semitones, then `in_range`. Raises Unusable."""
    moved, notes = tokens.copy(), tokens >= FIRST_PITCH
    moved[notes] = in_range(tokens[notes] + MIDI_OFFSET + semitones) - MIDI_OFFSET
    return moved


def in_range(pitches: np.ndarray) -> np.ndarray:
    """The MIDI pitches [n] of a piece in C3 .. B5. Raises Unusable.

    All are moved by the octaves that leave the fewest outside (of several, the nearest to where they stood); a share up
    to `MAX_FOLDED` may then be folded one by one, else the piece is Unusable.
    """
    outside = [np.sum((pitches + 12 * k < MIN_MIDI) | (pitches + 12 * k > MAX_MIDI)) for k in _OCTAVES]
    if min(outside) > MAX_FOLDED * len(pitches):
        raise Unusable("range too wide")
    pitches = pitches + 12 * _OCTAVES[int(np.argmin(outside))]
    pitches = np.where(pitches < MIN_MIDI, MIN_MIDI + (pitches - MIN_MIDI) % 12, pitches)
    return np.where(pitches > MAX_MIDI, MAX_MIDI - (MAX_MIDI - pitches) % 12, pitches)


def key_shift(notes: Sequence[Note], sharps: int | None = None) -> int:
    """Semitones in -6 .. +5 that move a piece to C major, A minor or another mode of the white keys.

    A declared key signature (`sharps`, negative for flats) is believed where at least `KEY_TRUST` of the sounding
    time lies in it: many a minor tune is written with the signature of the major. Otherwise it is the shift that
    puts most of the sounding time on the white keys; ties (pentatonic tunes) go to the higher correlation of the
    duration-weighted pitch classes with the Krumhansl-Kessler profile of C major or A minor.
    """
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end - note.start
    weights /= weights.sum()
    if sharps is not None:
        shift = centred(-7 * sharps)
        if np.roll(weights, shift)[_WHITE].sum() >= KEY_TRUST:
            return shift
    profiles = np.array([MAJOR_PROFILE, np.roll(MINOR_PROFILE, 9)])
    profiles = (profiles - profiles.mean(1, keepdims=True)) / profiles.std(1, keepdims=True)

    def fit(shift: int) -> tuple[float, float]:
        moved = np.roll(weights, shift)
        # the second is the correlation up to a factor that is the same for every shift
        return round(float(moved[_WHITE].sum()), 9), float(np.max(profiles @ moved))

    return max(range(-6, 6), key=fit)
