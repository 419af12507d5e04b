"""The numbering of melody tokens, one a sixteenth note, and their written names. The single place for both."""

from __future__ import annotations

NOTE_OFF = 0  # end the sounding note: a rest begins
NO_EVENT = 1  # hold the note, or stay silent
FIRST_PITCH = 2  # tokens from here on start a note

MIN_MIDI = 48  # C3, the pitch of FIRST_PITCH
MAX_MIDI = 83  # B5, inclusive

NUM_PITCHES = MAX_MIDI - MIN_MIDI + 1
NUM_TOKENS = FIRST_PITCH + NUM_PITCHES
MIDI_OFFSET = MIN_MIDI - FIRST_PITCH  # MIDI pitch = token + MIDI_OFFSET

DEFAULT_LENGTH = 32  # tokens of a composition: two bars of four quarters

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

SYMBOLS = (
    "off",
    "hold",
    *(f"{PITCH_CLASSES[midi % 12]}{midi // 12 - 1}" for midi in range(MIN_MIDI, MAX_MIDI + 1)),
)
