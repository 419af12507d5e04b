"""A melody as a piece of HTML: a piano roll to look at and the sound to play, both inside the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

import numpy as np

from seqtutor.domains.music.melody import Note, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.render import BLACK_KEYS, wav_bytes
from seqtutor.domains.music.tokens import MAX_MIDI, MIN_MIDI, SYMBOLS

RATE = 11_025  # samples a second: a quarter of the files' rate, so that a page of many melodies stays small
WIDTH, MARGIN, ROW = 340, 24, 5  # of a roll, of the names of the octaves at its left, of a semitone
ROWS = 24  # semitones of a roll, at the least, so that most have one height


def figure(text: str, meter: Meter = COMMON_TIME) -> str:
    """The roll of a melody's text, "C4 hold off", and an audio element with its sound as a data: address."""
    symbols = text.split()
    tokens = [SYMBOLS.index(symbol) for symbol in symbols]
    sound = b64encode(wav_bytes(np.array(tokens, np.int32), RATE)).decode()
    return f'{roll(tokens, meter)}<audio controls preload="metadata" src="data:audio/wav;base64,{sound}"></audio>'


def roll(tokens: list[int], meter: Meter = COMMON_TIME) -> str:
    """An SVG of tokens [T] in the colour of the text around it: a column a sixteenth, a row a semitone, beats ruled."""
    notes = list(to_notes(tokens))
    low, high = _range(notes)
    height, step = (high - low + 1) * ROW, (WIDTH - MARGIN) / max(1, len(tokens))

    def row(pitch: int) -> int:
        return (high - pitch) * ROW

    label = escape("piano roll: " + " ".join(SYMBOLS[token] for token in tokens))
    parts = [f'<svg class="roll" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">']
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            parts.append(_rect(MARGIN, row(pitch), WIDTH - MARGIN, ROW, 'fill="currentColor" opacity=".06"'))
        elif pitch % 12 == 0:
            y = max(10, row(pitch) + ROW)
            parts.append(f'<text x="0" y="{y}" font-size="13" fill="currentColor">C{pitch // 12 - 1}</text>')
    for beat in range(0, len(tokens) + 1, meter.beat):
        opacity = ".45" if beat % meter.bar == 0 else ".18"
        x = f"{min(MARGIN + beat * step, WIDTH - 0.5):.1f}"
        parts.append(f'<path d="M{x} 0V{height}" stroke="currentColor" opacity="{opacity}"/>')
    for note in notes:
        left, width = MARGIN + note.start * step, (note.end - note.start) * step
        parts.append(_rect(left + 0.5, row(note.pitch), width - 1, ROW, 'class="note" rx="1" fill="currentColor"'))
    return "".join([*parts, "</svg>"])


def _range(notes: Iterable[Note]) -> tuple[int, int]:
    """The lowest and the highest pitch drawn, ROWS apart where the notes need no more, inside the vocabulary's."""
    pitches = [note.pitch for note in notes] or [60]
    middle = (min(pitches) + max(pitches)) // 2
    low = max(MIN_MIDI, min(min(pitches) - 1, min(middle - ROWS // 2, MAX_MIDI - ROWS + 1)))
    return low, min(MAX_MIDI, max(max(pitches) + 1, low + ROWS - 1))


def _rect(x: float, y: float, width: float, height: float, rest: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {rest}/>'
