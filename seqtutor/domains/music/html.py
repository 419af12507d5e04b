"""A melody as a piece of HTML: a piano roll to look at and the sound to play, both inside the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

from seqtutor.domains.music import earned
from seqtutor.domains.music.melody import Note, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.render import BLACK_KEYS, wav_bytes
from seqtutor.domains.music.tokens import MAX_MIDI, MIN_MIDI, SYMBOLS
from seqtutor.system.templates import rendered

RATE = 11_025  # samples a second: a quarter of the files' rate, so that a page of many melodies stays small
WIDTH, MARGIN, ROW = 340, 24, 5  # of a roll, of the names of the octaves at its left, of a semitone
NAMES = 80  # width of the names of rules at the left of a roll that has them
ROWS = 24  # semitones of a roll, at the least, so that most have one height

_ROLL = Markup('<svg class="roll" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{parts}</svg>')
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

    Below it a row a rule, where `shares` say what these have given.
    """
    notes, margin = list(to_notes(tokens)), NAMES if shares else MARGIN
    low, high = _range(notes)
    height, step = (high - low + 1) * ROW, (WIDTH - margin) / max(1, len(tokens))

    def row(pitch: int) -> int:
        return (high - pitch) * ROW

    parts = []
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            parts.append(_rect(margin, row(pitch), WIDTH - margin, ROW, _BLACK))
        elif pitch % 12 == 0:
            parts.append(_OCTAVE.format(margin - MARGIN, max(10, row(pitch) + ROW), pitch // 12 - 1))
    for beat in range(0, len(tokens) + 1, meter.beat):
        opacity = ".45" if beat % meter.bar == 0 else ".18"
        parts.append(_BEAT.format(x=min(margin + beat * step, WIDTH - 0.5), height=height, opacity=opacity))
    for note in notes:
        left, width = margin + note.start * step, (note.end - note.start) * step
        parts.append(_rect(left + 0.5, row(note.pitch), width - 1, ROW, _NOTE))
    if shares:
        parts.append(earned.rows(shares, height + 4, margin, WIDTH))
        height += 4 + earned.ROW * len(shares)
    label = "piano roll: " + " ".join(SYMBOLS[token] for token in tokens)
    return _ROLL.format(width=WIDTH, height=height, label=label, parts=Markup().join(parts))


def _range(notes: Iterable[Note]) -> tuple[int, int]:
    """The lowest and the highest pitch drawn, ROWS apart where the notes need no more, inside the vocabulary's."""
    pitches = [note.pitch for note in notes] or [60]
    middle = (min(pitches) + max(pitches)) // 2
    low = max(MIN_MIDI, min(min(pitches) - 1, min(middle - ROWS // 2, MAX_MIDI - ROWS + 1)))
    return low, min(MAX_MIDI, max(max(pitches) + 1, low + ROWS - 1))


def _rect(x: float, y: float, width: float, height: float, rest: Markup) -> Markup:
    return _RECT.format(x=x, y=y, width=width, height=height, rest=rest)
