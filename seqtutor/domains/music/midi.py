"""Standard MIDI files: tokens -> file, and file -> the one line of notes a melody is made of."""

from __future__ import annotations

import re
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np

from seqtutor.domains.music.melody import MAX_STEPS, Note, Piece, Unusable, overlapping, quantise, single_line, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.midi_file import MAX_BYTES, Song, Ticks, parse_midi
from seqtutor.domains.music.playing import LIMITS, Playing, straight
from seqtutor.system.input_files import open_input

_END_MARK = "seqtutor: end"  # a text event where the melody ends: holds and rests after the last note count
_SWING_MARK = "seqtutor: swing "  # a text event with the number, without which the notes would be read off the grid

MONOPHONIC = 0.1  # an instrument is one line if at most this share of its notes overlaps another
GATED, GATES, OFF = 0.85, 4, 0.02  # see `written_ends`; OFF, in sixteenths, is more than rounding to ticks does
FULL = 0.25  # and may be the melody if it has at least this share of the notes of the fullest such one


def write_midi(tokens: np.ndarray, path: Path, meter: Meter = COMMON_TIME, playing: Playing | None = None) -> None:
    """Writes tokens [T] as a MIDI file; they can be read back, their length T and what was swung too."""
    import pretty_midi

    playing = playing or Playing()
    song = pretty_midi.PrettyMIDI(initial_tempo=playing.tempo)
    song.time_signature_changes.append(pretty_midi.TimeSignature(meter.numerator, meter.denominator, 0))
    instrument = pretty_midi.Instrument(program=playing.program, name="melody")
    for note in to_notes(tokens):
        begin, end = playing.seconds(note.start), playing.seconds(note.end)
        instrument.notes.append(pretty_midi.Note(playing.velocity, note.pitch, begin, end))
    song.instruments.append(instrument)
    song.text_events.append(pretty_midi.Text(_END_MARK, playing.seconds(len(tokens))))
    if playing.swing != Playing.swing:
        song.text_events.append(pretty_midi.Text(f"{_SWING_MARK}{playing.swing:.6g}", 0))
    song.write(str(path))


def read_midi(path: Path) -> Piece:
    """The melody of a MIDI file, quantised to sixteenths of its own beats, whatever the tempo and its changes.

    A part is a track and channel, whatever instruments it plays. The melody is the highest, by mean pitch, of the parts
    that play one line (`MONOPHONIC`) and are not nearly empty beside the others (`FULL`); if none plays one line, it is
    the skyline of all. Drums, pitch bends and pedals are left out, and notes that end where they begin, or never. It
    ends with its last note, or where `write_midi` marked its end. Its key is the first signature of the file.

    Raises Unusable; OSError if the file cannot be opened.
    """
    with open_input(path) as file:
        song = parse_midi(file.read(MAX_BYTES + 1))
    swing = _swing([text for _, text in song.texts])
    parts = [[_note(note, song.per_quarter, swing) for note in notes] for notes in song.parts.values()]
    ends = [4 * tick / song.per_quarter for tick, text in song.texts if text == _END_MARK.encode()]
    marks = [round(straight(end, swing)) for end in ends]
    if marks and max(marks) > MAX_STEPS:
        raise Unusable(f"longer than {MAX_STEPS} sixteenths")
    if not marks:
        parts = [written_ends(part, 4 / song.per_quarter) for part in parts]
    if not parts and not marks:
        raise Unusable("no notes")
    melody = _melody(song, parts)
    sharps = min(song.keys, key=itemgetter(0))[1] if song.keys else None
    return Piece(melody, int(max([*marks[-1:], *(note.end for note in melody[-1:])])), sharps, song.dropped)


def written_ends(notes: list[Note], tick: float) -> list[Note]:
    """The notes as they were written: notation programs end each at a share of its length, often 95 %.

    The share is the median of the notes that end shortly before the next begins (from `GATED` of the way). It is
    believed if `GATES` of these and half of all notes have it, and if most of them end off the sixteenths: a rest that
    was written is on them. Args: notes and tick, the length of one, in sixteenths.
    """
    following = dict(pairwise(sorted({note.start for note in notes})))
    pairs = [(note.end - note.start, following[note.start] - note.start) for note in notes if note.start in following]
    played, whole = np.array(pairs).reshape(-1, 2).T
    short = (played >= GATED * whole) & (played < whole)
    if short.sum() < GATES:
        return notes
    share = float(np.median(played[short] / whole[short]))
    alike = np.abs(played - share * whole) <= 2 * tick  # programs round to ticks
    off = np.abs(played - np.rint(played)) > OFF
    if alike.sum() < max(GATES, len(played) / 2) or 2 * (alike & off).sum() <= alike.sum():
        return notes
    return [note._replace(end=note.start + (note.end - note.start) / share) for note in notes]


def _note(note: Ticks, per_quarter: int, swing: float) -> Note:
    begin, end = (straight(4 * tick / per_quarter, swing) for tick in (note.start, note.end))
    return Note(begin, end, note.pitch)


def _swing(texts: list[bytes]) -> float:
    """What `write_midi` says of the swing; straight where it says nothing."""
    least, most, _ = LIMITS["swing"]
    for text in texts:
        number = text.removeprefix(_SWING_MARK.encode())
        if number != text and re.fullmatch(rb"\d\d(\.\d{1,4})?", number) and least <= float(number) <= most:
            return float(number)
    return least


def _melody(song: Song, parts: list[list[Note]]) -> list[Note]:
    """The melody among the parts of a song, see `read_midi`. Counts the other notes in `song.dropped`."""
    lines = [i for i, part in enumerate(parts) if overlapping(quantise(part)) <= MONOPHONIC]
    fullest = max((len(parts[i]) for i in lines), default=0)
    full = [i for i in lines if len(parts[i]) >= FULL * fullest]
    highest = max(full, key=lambda i: np.mean([note.pitch for note in parts[i]]), default=None)
    chosen = range(len(parts)) if highest is None else [highest]
    bends = [song.bends[name] for name in song.parts]
    song.dropped["pitch bends"] += sum(bends[i] for i in chosen)
    song.dropped["notes of other parts"] += sum(len(part) for i, part in enumerate(parts) if i not in chosen)
    return single_line([note for i in chosen for note in parts[i]], song.dropped, "lower notes")
