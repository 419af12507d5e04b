"""MIDI files byte by byte: harmless faults are passed over, others refused, and what is left out is counted."""

import pytest

from seqtutor.domains.music import Music
from seqtutor.domains.music.melody import Note
from seqtutor.domains.music.midi import read_midi, written_ends
from seqtutor.domains.music.midi_file import parse_midi
from seqtutor.reading.records import Record, Rejected

MUSIC = Music()
CUT = "broken MIDI file: cut short, or the length of a track is wrong"
END = b"\0\xff\x2f\0"


def number(value: int) -> bytes:
    """A number of variable length."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(digits[::-1])


def play(*pitches: int, channel: int = 0, length: int = 4) -> bytes:
    """Notes one after another, a sixteenth being 24 ticks."""
    return b"".join(
        b"\0" + bytes([0x90 | channel, pitch, 90]) + number(24 * length) + bytes([0x80 | channel, pitch, 0])
        for pitch in pitches
    )


def track(events: bytes, end: bytes = END) -> bytes:
    """A track chunk."""
    return b"MTrk" + len(events + end).to_bytes(4, "big") + events + end


def midi(*tracks: bytes, promised: int | None = None, kind: int = 1, ticks: bytes = b"\0\x60") -> bytes:
    """A file of 96 ticks a quarter."""
    count = len(tracks) if promised is None else promised
    return b"MThd\0\0\0\6" + bytes([0, kind]) + count.to_bytes(2, "big") + ticks + b"".join(tracks)


def read(tmp_path, data: bytes) -> Record | Rejected:
    """The only record of a file of these bytes."""
    (tmp_path / "a.mid").write_bytes(data)
    (record,) = MUSIC.read(tmp_path / "a.mid")
    return record


TUNE = play(60, 62, 64, 65)
HEARD = "C4 hold hold hold D4 hold hold hold E4 hold hold hold F4 hold hold hold"
HALF = play(60, 62), play(64, 65)


@pytest.mark.parametrize(
    "data",
    [
        midi(track(TUNE)),
        midi(track(HALF[0] + b"\0\xc0\x28" + HALF[1])),  # another program
        midi(track(TUNE, b"\x85\xdc\xb6\0\xff\x2f\0")),  # an end long after the music
        midi(track(TUNE), promised=9),
        midi(track(TUNE), promised=0),
        midi(track(b"").replace(b"\0\0\0\4", b"\0\0\0\x14"), track(TUNE)),  # one that would swallow the next
        midi(track(b""), b"XFIH\0\0\0\4abcd", track(TUNE), promised=2),
        midi(track(TUNE)) + b"\0\0\0",  # padding
        midi(track(TUNE), promised=2) + bytes(20),
        midi(track(TUNE)) + b"LIST\0\0\0\1x",
        b"RIFF\xff\0\0\0RMIDdata\xff\0\0\0" + midi(track(TUNE)),
        b"Content-Type: audio/midi\r\n\r\n" + midi(track(TUNE)),
        b"MThd\0\0\0\x08\0\0\0\1\0\x60\0\0" + track(TUNE),  # a longer header
        midi(track(b"\0\xff\x59\2\x0a\0" + TUNE)),  # ten sharps
        midi(track(b"\0\xff\x59\0" + TUNE)),
        midi(track(b"\0\xff\x58\2\4\2" + TUNE)),  # a short time signature
        midi(track(b"\0\xff\x51\3\0\0\0" + TUNE)),  # a tempo of 0
        midi(track(b"\0\xff\x51\1\7" + TUNE)),
        midi(track(b"\0\xff\x03\4\xff\xfe\x80\x81" + TUNE)),  # a name in no encoding
        midi(track(b"\0\xff\x7f\2ab\0\xff\x99\1x" + TUNE)),  # events nobody knows
        midi(track(b"\0\xf0\3\x7e\x7f\xf7\0\xf7\1\x01" + TUNE)),  # system exclusive
        midi(track(b"\0\xb0\7\x80\0\xc0\xff" + TUNE)),  # data bytes above 127
        midi(track(b"\0\xf8\0\xf2\0\0\0\xfe" + TUNE)),  # what belongs on a cable only
        midi(track(TUNE, b"")),  # no end
        midi(track(TUNE, b""), track(b"")),
        midi(track(TUNE).replace(b"\0\0\0\x20", b"\0\0\xff\xff")),  # too long a length, but an end
        midi(track(b"\0\x90\x3c\x5a\x60\x3c\0\0\x3e\x5a\x60\x3e\0\0\x40\x5a\x60\x40\0\0\x41\x5a\x60\x41\0")),  # running
        midi(track(b"\0\x90\x3c\x5a\x60\x3c\0\0\xff\1\1x\0\x3e\x5a\x60\x3e\0" + HALF[1])),  # running on after a text
        midi(track(HALF[0] + b"\0\x90\x40\x5a\x60\xb0\x7b\0" + play(65))),  # all notes off
    ],
)
def test_harmless_faults(tmp_path, data):
    assert read(tmp_path, data) == Record("a.mid", HEARD)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a MIDI file"),
        (b"<html>" * 1000, "not a MIDI file"),
        (b"x" * 5000 + midi(track(TUNE)), "not a MIDI file"),
        (b"MThd", CUT),
        (midi(promised=1), CUT),
        (midi(track(TUNE), b"\0\1\0\1\0\1\0\1"), CUT),
        (midi(track(TUNE))[:-12], CUT),
        (midi(track(TUNE), track(b""))[:-10], CUT),
        (midi(track(TUNE), ticks=b"\0\0"), "broken MIDI file: no ticks in a quarter note"),
        (midi(track(TUNE), ticks=b"\xe7\x28"), "no beats, as time is in seconds (SMPTE)"),
        (midi(track(b"\0\x3c\x40")), "broken MIDI file: data without a status"),
        (midi(track(b"\0\x90\x80\x40" + TUNE)), "broken MIDI file: a note above 127"),
        (midi(track(b"\xff\xff\xff\xff\1\x90\x3c\x40")), "broken MIDI file: a number of more than four bytes"),
        (midi(b"MTrk\0\0\0\x10" + TUNE + END), CUT),
        (midi(track(play(40, channel=9))), "no notes"),
        (midi(track(b"")), "no notes"),
    ],
)
def test_refused(tmp_path, data, reason):
    assert read(tmp_path, data) == Rejected("a.mid", reason)


@pytest.mark.parametrize(
    ("events", "left_out"),
    [
        (TUNE, {}),
        (TUNE + play(36, 38, channel=9), {"notes of drums": 2}),
        (TUNE + b"\0\x90\x48\x40", {"notes without an end": 1}),
        (TUNE + b"\0\xe0\0\x50\0\xe0\0\x40", {"pitch bends": 1}),
        (b"\0\xe1\0\x50" + TUNE, {}),  # of another part
        (TUNE + play(48, 50, channel=1), {"notes of other parts": 2}),
        (b"\0\x90\x3c\x40\0\x90\x30\x40\x60\x80\x30\0\0\x80\x3c\0", {"lower notes": 1}),
        (b"\x08\x90\x3c\x40\x60\x80\x3c\0", {"notes moved to the nearest sixteenth": 1}),
    ],
)
def test_left_out(tmp_path, events, left_out):
    assert dict(read(tmp_path, midi(track(events))).dropped) == left_out


def test_a_note_struck_again_before_its_end(tmp_path):
    """The second begins at the tick where the first ends, but is written before it."""
    events = b"\0\x90\x3c\x40\x60\x90\x3c\x40\0\x80\x3c\0\x60\x80\x3c\0"
    assert read(tmp_path, midi(track(events))).text == "C4 hold hold hold C4 hold hold hold"


@pytest.mark.parametrize(
    ("events", "sharps"),
    [
        (b"\0\xff\x59\2\1\0", 1), (b"\0\xff\x59\2\xfd\1", -3), (b"", None), (b"\0\xff\x59\2\x08\0\0\xff\x59\1\2", 2),
        (b"\0\xff\x59\2\1\0\x60\xff\x59\2\2\0", 1),
    ],
)  # fmt: skip
def test_first_valid_key_signature(tmp_path, events, sharps):
    (tmp_path / "a.mid").write_bytes(midi(track(events + TUNE)))
    assert read_midi(tmp_path / "a.mid").sharps == sharps
    (tmp_path / "a.mid").write_bytes(midi(track(events), track(TUNE)))
    assert read_midi(tmp_path / "a.mid").sharps == sharps


@pytest.mark.parametrize("share", [0.9, 0.95, 0.99])
def test_notes_that_end_at_a_share_get_their_written_length(share):
    written = [Note(0, 4, 60), Note(4, 6, 62), Note(6, 8, 64), Note(8, 20, 65), Note(20, 28, 60), Note(32, 48, 62)]
    played = [note._replace(end=note.start + share * (note.end - note.start)) for note in written]
    found = written_ends(played, 4 / 480)
    assert [round(note.end) for note in found] == [note.end for note in written]


def test_written_rests_stay():
    """A sixteenth of rest after long notes is no gate: it ends on a sixteenth. Nor is playing that varies."""
    rests = [Note(20 * i, 20 * i + 19, 60) for i in range(8)]
    varied = [Note(4 * i, 4 * i + end, 60) for i, end in enumerate([3.7, 3.95, 3.62, 3.8, 2.1, 3.9, 1, 3.99])]
    for notes in (rests, varied, rests[:2], []):
        assert written_ends(notes, 4 / 480) == notes


def test_size_is_checked_before_anything_else(tmp_path):
    data = midi(track(TUNE)) + b"\0" * (5 << 20)
    assert read(tmp_path, data) == Rejected("a.mid", "a MIDI file of more than 4 MiB: split it")
    assert parse_midi(midi(track(TUNE))).parts.keys() == {(0, 0)}
