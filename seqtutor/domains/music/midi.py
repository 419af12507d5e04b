"""Standard MIDI files: tokens -> file, and file -> the one line of notes a melody is made of."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtutor.domains.music.melody import Note, Piece, Unusable, overlapping, quantise, skyline, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI

TEMPO = 80  # quarter notes a minute
SIXTEENTH = 60 / TEMPO / 4  # seconds
_VELOCITY = 100
_EVEN = 500_000  # microseconds a quarter note, of any file that is read
_END_MARK = "seqtutor: end"  # a text event where the melody ends: holds and rests behind the last note count

MONOPHONIC = 0.1  # an instrument is one line if at most this share of its notes overlaps another
FULL = 0.25  # and may be the melody if it has at least this share of the notes of the fullest such one


def write_midi(tokens: np.ndarray, path: Path, meter: Meter = COMMON_TIME) -> None:
    """Writes tokens [T] as a MIDI file, piano, `TEMPO` quarter notes a minute; its length T can be read back."""
    import pretty_midi

    song = pretty_midi.PrettyMIDI(initial_tempo=TEMPO)
    song.time_signature_changes.append(pretty_midi.TimeSignature(meter.numerator, meter.denominator, 0))
    piano = pretty_midi.Instrument(program=0, name="melody")
    for note in to_notes(tokens):
        piano.notes.append(pretty_midi.Note(_VELOCITY, note.pitch, note.start * SIXTEENTH, note.end * SIXTEENTH))
    song.instruments.append(piano)
    song.text_events.append(pretty_midi.Text(_END_MARK, len(tokens) * SIXTEENTH))
    song.write(str(path))


def read_midi(path: Path) -> Piece:
    """The melody of a MIDI file, quantised to sixteenths of its own beats, whatever the tempo and its changes.

    The melody is the highest, by mean pitch, of the instruments that play one line (`MONOPHONIC`) and are not nearly
    empty beside the others (`FULL`); if none plays one line, it is the skyline of all. Tracks of a type 2 file count as
    instruments too. Drums, pitch bends and pedals are left out, and notes that end where they begin, or never. It ends
    with its last note, or where `write_midi` marked its end. Raises Unusable; OSError if the file cannot be opened.
    """
    song = _load(path)

    def step(seconds: float) -> float:
        return 4 * song.time_to_tick(seconds) / song.resolution

    parts = []
    for instrument in song.instruments:
        notes = [Note(step(note.start), step(note.end), note.pitch) for note in instrument.notes]
        if notes and not instrument.is_drum:
            parts.append(quantise(notes))
    marks = [round(step(text.time)) for text in song.text_events if text.text == _END_MARK]
    if not parts and not marks:
        raise Unusable("no notes")
    notes = _melody(parts)
    return Piece(notes, max([*marks[-1:], *(note.end for note in notes[-1:])]))


def _load(path: Path) -> PrettyMIDI:
    """A MIDI file at an even tempo. Raises Unusable if it is broken, or counts time in seconds (SMPTE)."""
    import mido
    from pretty_midi import PrettyMIDI

    data = path.open("rb")
    with data, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pretty_midi warns of tempo events outside the first track
        try:
            song = mido.MidiFile(file=data)
            if song.ticks_per_beat < 0:
                raise Unusable("no beats, as time is in seconds (SMPTE)")
            song.tracks = [track for track in song.tracks if track]  # pretty_midi takes none without events
            for event in (event for track in song.tracks for event in track if event.type == "set_tempo"):
                event.tempo = _EVEN  # ticks are what counts, and a tempo of 0 would lose them
            return PrettyMIDI(mido_object=song)
        except Unusable:
            raise
        except Exception as error:  # malformed bytes raise many kinds, OSError and EOFError among them
            raise Unusable("broken MIDI file") from error


def _melody(parts: list[list[Note]]) -> list[Note]:
    """The melody among the parts of a piece, each quantised; see `read_midi`."""
    lines = [part for part in parts if overlapping(part) <= MONOPHONIC]
    if not lines:
        return skyline(quantise(note for part in parts for note in part))
    fullest = max(map(len, lines))
    full = [line for line in lines if len(line) >= FULL * fullest]
    return skyline(max(full, key=lambda line: np.mean([note.pitch for note in line])))
