"""A melody as a piece of HTML: a piano roll to look at and the sound to play, both inside the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

from seqtutor.domains.music import earned
from seqtutor.domains.music.melody import Note, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.render import BLACK_KEYS, per_row, wav_bytes
from seqtutor.domains.music.tokens import MAX_MIDI, MIN_MIDI, SYMBOLS
from seqtutor.system.templates import rendered

RATE = 11_025  # samples a second: a quarter of the files' rate, so that a page of many melodies stays small
WIDTH, MARGIN, ROW = 340, 24, 5  # of a roll, of the names of the octaves at its left, of a semitone
NAMES = 80  # width of the names of rules at the left of a roll that has them
GAP = 12  # between the systems of a long melody
ROWS = 24  # semitones of a roll, at the least, so that most have one height

_ROLL = Markup('<svg class="roll" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{parts}</svg>')
_SYSTEM = Markup('<g transform="translate(0 {y})">{parts}</g>')
_RECT = Markup('<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {rest}/>')
_OCTAVE = Markup('<text x="{}" y="{}" font-size="13" fill="currentColor">C{}</text>')
_BEAT = Markup('<path d="M{x:.1f} 0V{height}" stroke="currentColor" opacity="{opacity}"/>')
_BLACK, _NOTE = Markup('fill="currentColor" opacity=".06"'), Markup('class="note" rx="1" fill="currentColor"')


def figure(text: str, meter: Meter = COMMON_TIME) -> Markup:
    """The roll of a melody's text, "C4 hold off", and an audio element with its sound as a data: address."""
    symbols = text.split()
    tokens = [SYMBOLS.index(symbol) for symbol in symbols]
    sound = b64encode(wav_bytes(np.array(tokens, np.int32), RATE)).decode()
    return rendered("domains/music/figure.html", roll=roll(tokens, meter), sound=sound)


def roll(tokens: list[int], meter: Meter = COMMON_TIME, shares: earned.Shares | None = None) -> Markup:
    """An SVG of tokens [T] in the colour of the text around it: a column a sixteenth, a row a semitone, beats ruled.

    A long melody is broken into systems, see `per_row`. Below each is a row a rule, where `shares` say what these gave.
    """
    notes, margin, width = list(to_notes(tokens)), NAMES if shares else MARGIN, per_row(len(tokens), meter)
    low, high = _range(notes)
    tall, step = (high - low + 1) * ROW, (WIDTH - margin) / width
    height = tall + (4 + earned.ROW * len(shares) if shares else 0)
    starts, parts = range(0, max(1, len(tokens)), width), []
    for number, start in enumerate(starts):
        steps = range(start, min(start + width, len(tokens)))
        drawn = _system(notes, steps, (low, high), margin, step, meter)
        below = earned.rows(shares, steps, tall + 4, margin, step) if shares else Markup()
        parts.append(_SYSTEM.format(y=number * (height + GAP), parts=drawn + below))
    label = "piano roll: " + " ".join(SYMBOLS[token] for token in tokens)
    whole = len(starts) * (height + GAP) - GAP
    return _ROLL.format(width=WIDTH, height=whole, label=label, parts=Markup().join(parts))


def _system(
    notes: Iterable[Note], steps: range, pitches: tuple[int, int], margin: float, step: float, meter: Meter
) -> Markup:
    """The notes of some steps of a melody, each `step` wide, from the lowest to the highest pitch."""
    (low, high), right, parts = pitches, margin + step * len(steps), []
    height = (high - low + 1) * ROW

    def row(pitch: int) -> int:
        return (high - pitch) * ROW

    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            parts.append(_rect(margin, row(pitch), right - margin, ROW, _BLACK))
        elif pitch % 12 == 0:
            parts.append(_OCTAVE.format(margin - MARGIN, max(10, row(pitch) + ROW), pitch // 12 - 1))
    for beat in range(steps.start, steps.stop + 1):
        if beat % meter.beat == 0:
            opacity = ".45" if beat % meter.bar == 0 else ".18"
            x = min(margin + (beat - steps.start) * step, WIDTH - 0.5)
            parts.append(_BEAT.format(x=x, height=height, opacity=opacity))
    for note in notes:
        start, end = max(int(note.start), steps.start), min(int(note.end), steps.stop)
        if start < end:
            left, width = margin + (start - steps.start) * step, (end - start) * step
            parts.append(_rect(left + 0.5, row(note.pitch), max(width / 2, width - 1), ROW, _NOTE))
    return Markup().join(parts)


def _range(notes: Iterable[Note]) -> tuple[int, int]:
    """The lowest and the highest pitch drawn, ROWS apart where the notes need no more, inside the vocabulary's."""
    pitches = [note.pitch for note in notes] or [60]
    middle = (min(pitches) + max(pitches)) // 2
    low = max(MIN_MIDI, min(min(pitches) - 1, min(middle - ROWS // 2, MAX_MIDI - ROWS + 1)))
    return low, min(MAX_MIDI, max(max(pitches) + 1, low + ROWS - 1))


def _rect(x: float, y: float, width: float, height: float, rest: Markup) -> Markup:
    return _RECT.format(x=x, y=y, width=width, height=height, rest=rest)
