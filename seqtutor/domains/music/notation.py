"""What ABC and MusicXML have in common: the notes of a melody bar by bar, and how they are spelled in a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.scale import Scale, centred

NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHARPENED = "FCGDAEB"  # in this order; flattened in the other


class Spelled(NamedTuple):
    """A pitch as it is written: its letter, 1 for a sharp or -1 for a flat, and the octave, 4 from middle C."""

    letter: str
    alter: int
    octave: int


class Event(NamedTuple):
    """A note, or a rest (pitch None): its length in sixteenths, and whether it goes on in the next event."""

    pitch: int | None
    length: int
    tied: bool = False


def signature(scale: Scale) -> int:
    """The sharps of a scale's key signature, negative for flats: -6 to 5."""
    return centred(7 * scale.shift)


def alterations(scale: Scale) -> dict[str, int]:
    """What the key signature makes of each letter: 1, 0 or -1."""
    sharps = signature(scale)
    altered = _SHARPENED[:sharps] if sharps >= 0 else _SHARPENED[sharps:]
    return {letter: (1 if sharps > 0 else -1) * (letter in altered) for letter in NATURALS}


def tonic_name(scale: Scale) -> str:
    """The tonic's name in its key signature, such as Bb."""
    spelled = spell(60 + scale.tonic, scale)
    return spelled.letter + {1: "#", 0: "", -1: "b"}[spelled.alter]


def spell(pitch: int, scale: Scale) -> Spelled:
    """A MIDI pitch by the key signature; else as a natural, or as a sharp, or a flat in keys of flats."""
    signed = alterations(scale)
    for letter, natural in NATURALS.items():
        if (natural + signed[letter] - pitch) % 12 == 0:
            return _spelled(pitch, letter, signed[letter])
    side = 1 if signature(scale) >= 0 else -1
    for alter in (0, side):
        for letter, natural in NATURALS.items():
            if (natural + alter - pitch) % 12 == 0:
                return _spelled(pitch, letter, alter)
    raise AssertionError("every pitch class is a natural or a sharp or flat of one")


def _spelled(pitch: int, letter: str, alter: int) -> Spelled:
    return Spelled(letter, alter, (pitch - alter) // 12 - 1)


def bars(tokens: np.ndarray, meter: Meter) -> Iterator[list[Event]]:
    """The bars of tokens [T]; notes that cross a bar line are tied. The last one may be shorter."""
    now, bar, left = 0, list[Event](), meter.bar
    for event in _events(tokens):
        length = event.length
        while length:
            part = min(length, left)
            bar.append(Event(event.pitch, part, event.pitch is not None and part < length))
            now, length, left = now + part, length - part, left - part
            if left == 0:
                yield bar
                bar, left = [], meter.bar
    if bar:
        yield bar


def _events(tokens: np.ndarray) -> Iterator[Event]:
    now = 0
    for note in to_notes(tokens):
        if note.start > now:
            yield Event(None, int(note.start - now))
        yield Event(note.pitch, int(note.end - note.start))
        now = int(note.end)
    if now < len(tokens):
        yield Event(None, len(tokens) - now)
