"""Which notes may be drawn: a range of pitches, by two notes or by a voice or instrument, and the notes of a scale."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from seqtutor.domains.music.scale import MODES, Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, MAX_MIDI, MIDI_OFFSET, MIN_MIDI, NUM_TOKENS, PITCH_CLASSES
from seqtutor.errors import UserError, shown, unknown_name

# As they sound, not as they are written, in hands that are not a soloist's.
RANGES = {
    "soprano": "C4-A5", "mezzo-soprano": "A3-F5", "alto": "F3-D5", "tenor": "C3-A4", "baritone": "G2-F4",
    "bass": "E2-D4", "violin": "G3-A7", "viola": "C3-E6", "cello": "C2-A5", "flute": "C4-C7", "oboe": "Bb3-G6",
    "clarinet": "D3-Bb6", "bassoon": "Bb1-Eb5", "soprano recorder": "C5-D7", "alto recorder": "F4-G6",
    "tin whistle": "D5-B6", "soprano saxophone": "Ab3-E6", "alto saxophone": "Db3-Ab5", "tenor saxophone": "Ab2-Eb5",
    "trumpet": "E3-C6", "horn": "B1-F5", "trombone": "E2-Bb4", "mandolin": "G3-A6", "guitar": "E2-E6",
    "ukulele": "C4-A5", "harmonica": "C4-C7",
}  # fmt: skip
# Semitones above the tonic, beside the seven notes of each mode.
STEPS = {
    "pentatonic": (0, 2, 4, 7, 9), "minor pentatonic": (0, 3, 5, 7, 10), "blues": (0, 3, 5, 6, 7, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11), "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "whole tone": (0, 2, 4, 6, 8, 10), "chromatic": tuple(range(12)),
}  # fmt: skip

_NOTE = re.compile(r"([A-Ga-g])([#b]?)(-?\d)")
_TWO_NOTES = re.compile(rf"({_NOTE.pattern})\s*-\s*({_NOTE.pattern})")
_SCALE = re.compile(r"(?:([A-G][#b]?)(?:\s+|$))?(.*)")


def allowed(notes: str, scale: str, key: Scale) -> np.ndarray | None:
    """Which tokens may be drawn, bool [A]: rests, holds, and the pitches of a range and of a scale; None for all.

    Args: notes: as "G3-A5" or "flute", "" for all; scale: as "D dorian", or "pentatonic" on the tonic of the key.

    Raises UserError for what is neither, and where no pitch is left.
    """
    if not notes and not scale:
        return None
    low, high = limits(notes) if notes else (MIN_MIDI, MAX_MIDI)
    classes = pitch_classes(scale, key) if scale else range(12)
    pitches = np.arange(NUM_TOKENS) + MIDI_OFFSET
    found = (low <= pitches) & (pitches <= high) & np.isin(pitches % 12, list(classes))
    found[:FIRST_PITCH] = False
    if not found.any():
        asked = " and ".join(each for each in (notes and f"range {notes}", scale and f"scale {scale}") if each)
        raise UserError(f"{asked}: no note is left between {named(MIN_MIDI)} and {named(MAX_MIDI)}, which can be drawn")
    found[:FIRST_PITCH] = True
    return found


def out_of_reach(notes: str) -> str:
    """A line on the part of a range that cannot be drawn; "" where all of it can."""
    if not notes:
        return ""
    low, high = limits(notes)
    sides = [f"below {named(MIN_MIDI)}"] * (low < MIN_MIDI) + [f"above {named(MAX_MIDI)}"] * (high > MAX_MIDI)
    if not sides:
        return ""
    return (
        f"range {notes} is {named(low)} to {named(high)}: nothing {' or '.join(sides)} is drawn, since it has no token"
    )


def limits(notes: str) -> tuple[int, int]:
    """The lowest and the highest MIDI pitch of a range. Raises UserError if it is none."""
    text = _plain(notes)
    if found := _TWO_NOTES.fullmatch(RANGES.get(text, notes.strip())):
        low, high = (_midi(*found.group(first, first + 1, first + 2)) for first in (2, 6))
        if low <= high:
            return low, high
        raise UserError(f"range {notes}: the first note is the lower one; give {found[5]}-{found[1]}")
    if any(letter.isdigit() for letter in text):
        raise UserError(
            f"range {shown(notes)}: give two notes, as G3-A5, where C4 is middle C, or a voice or instrument"
        )
    raise unknown_name("voice or instrument", notes, RANGES, "--range, which may be two notes as well, as G3-A5")


def pitch_classes(scale: str, key: Scale) -> Iterable[int]:
    """The pitch classes of a scale, 0 for C. Raises UserError if it is none."""
    found = _SCALE.fullmatch(scale.strip())
    tonic, name = (found[1], _plain(found[2])) if found else (None, "")
    if tonic and not name:
        name = "major"
    if name not in MODES and name not in STEPS:
        raise unknown_name("scale", scale, (*MODES, *STEPS), "--scale, where a tonic may come first, as D dorian")
    root = Scale.named(tonic, "major").tonic if tonic else key.tonic
    steps = STEPS[name] if name in STEPS else Scale(root, name).degrees
    return [(root + step) % 12 for step in steps]


def named(pitch: int) -> str:
    """A MIDI pitch as it is written in the tokens: 60 is C4."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def _midi(letter: str, sign: str, octave: str) -> int:
    return PITCH_CLASSES.index(letter.upper()) + {"": 0, "#": 1, "b": -1}[sign] + 12 * (int(octave) + 1)


def _plain(text: str) -> str:
    return " ".join(re.sub("[-_]", " ", text).lower().split()).replace("mezzo soprano", "mezzo-soprano")
