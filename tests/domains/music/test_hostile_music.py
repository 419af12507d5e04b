"""Files made to do harm: each is refused soon and in little memory, with one line that says why."""

import resource
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music import Music
from seqtutor.domains.music.abc_tunes import parse_abc
from seqtutor.domains.music.melody import Unusable
from seqtutor.domains.music.midi_file import parse_midi
from seqtutor.reading.records import Record, Rejected

MUSIC = Music()
SECONDS, MEBIBYTES = 20, 300
HEAD = "X:1\nM:4/4\nL:1/16\nK:C\n"


def track(events: bytes) -> bytes:
    """A track chunk with its end."""
    events += b"\0\xff\x2f\0"
    return b"MTrk" + len(events).to_bytes(4, "big") + events


def midi(*tracks: bytes, ticks: int = 4) -> bytes:
    """A MIDI file of type 1."""
    return b"MThd\0\0\0\6\0\1" + len(tracks).to_bytes(2, "big") + ticks.to_bytes(2, "big") + b"".join(tracks)


NOTE = b"\0\x90\x3c\x40\1\x80\x3c\0"
CASES = {
    "bytes.mid": (midi(track(NOTE * (64 << 17))), "a MIDI file of more than 4 MiB: split it"),
    "tracks.mid": (midi(*[track(b"")] * 2000), "more than 1000 tracks: split it"),
    "notes.mid": (midi(track(b"\0\x90\x3c\x40" + b"\1\x3c\0\0\x3c\x40" * 400_000)), "more than 200000 notes: split it"),
    "ticks.mid": (midi(track(b"\xff\xff\xff\x7f\x90\x3c\x40\1\x3c\0"), ticks=1), "longer than 100000 sixteenths"),
    "mark.mid": (
        midi(track(NOTE + b"\xff\xff\xff\x7f\xff\1\x0dseqtutor: end"), ticks=1),
        "longer than 100000 sixteenths",
    ),
    "size.mid": (
        midi(b"MTrk\xff\xff\xff\xff\0\xff\1\xff\xff\xff\x7f"),
        "broken MIDI file: cut short, or the length of a track is wrong",
    ),
    "rest.abc": ((HEAD + "Z9999Z9999C\n").encode(), "longer than 100000 sixteenths"),
    "long.abc": ((HEAD + "C9999" * 20 + "\n").encode(), "longer than 100000 sixteenths"),
    "digits.abc": ((HEAD + "C" + "9" * 100_000 + "\n").encode(), "broken ABC: a note's length"),
    "slashes.abc": ((HEAD + "C" + "/" * 100_000 + "\n").encode(), "broken ABC: a note's length"),
    "octaves.abc": ((HEAD + "C" + "'" * 100_000 + "\n").encode(), "pitch out of range C3 to B5"),
    "notes.abc": ((HEAD + "C/9" * 200_000 + "\n").encode(), "more than 100000 notes"),
    "tune.abc": ((HEAD + "C D E F|" * 300_000 + "\n").encode(), "a tune of more than 2000000 characters"),
    "fractions.abc": (
        (HEAD + "".join(f"C/{n}" for n in range(1, 9999)) + "\n").encode(),
        "rhythm off the sixteenth grid",
    ),
    "voices.abc": ((HEAD + "".join(f"[V:{n}]C" for n in range(5000)) + "\n").encode(), "more than 1000 voices"),
    "brackets.abc": ((HEAD + "[" * 500_000 + "\n").encode(), "broken ABC: a chord without an end"),
    "quotes.abc": ((HEAD + '["" ' * 100_000 + "\n").encode(), "no notes"),
    "bangs.abc": ((HEAD + "!a" * 50_000 + "\n").encode(), None),
    "after.abc": ((HEAD + "C\n\n" + "[A:B]" * 100_000 + "|C!" + "\n").encode(), None),
    "plus.abc": ((HEAD + "+" + "x" * 500_000 + "\n").encode(), "broken ABC: '+'"),
    "fields.abc": ((HEAD + "C\n\n" + "[A:" * 500_000 + "|C\n").encode(), "music after a blank line, which ends a tune"),
    "key.abc": (("X:1\nK:C " + "a" * 500_000 + "\nC\n").encode(), "key (K:) not understood"),
    "remark.abc": ((HEAD + "C" + '"' * 500_001 + "%\n").encode(), "broken ABC: a quotation without an end"),
    "tunes.abc": (b"X:1\n" * 600_000, "more than 500000 tunes: split the file"),
    "bytes.abc": (b" " * (65 << 20), "a file of more than 64 MiB: split it"),
    "bytes.xml": (b"<score-partwise>" + b" " * (33 << 20), "a score of more than 32 MiB"),
    "elements.xml": (b"<score-partwise>" + b"<a/>" * 3_000_000, "a score of more than 2000000 elements"),
    "other.xml": (b"<plist>" + b"<a>" * (8 << 20), "not a MusicXML score"),
    "parts.xml": (
        b"<score-timewise><measure>" + b"<part/>" * 900_000 + b"</measure></score-timewise>",
        "more than 1000 parts",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_file_is_refused_soon(name, tmp_path):
    content, reason = CASES[name]
    (tmp_path / name).write_bytes(content)
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    (record,) = MUSIC.read(tmp_path / name)
    seconds, grown = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(record, Record) if reason is None else record[1] == reason
    assert seconds < SECONDS and grown < MEBIBYTES << 10


SIGNS = st.text(
    st.sampled_from(list("ABCDEFGabcdefgzxZXy0123456789/,'^_=|:[](){}<>-.~HTuv\"!+&%\\ \nKLMVPI#b*$ö\0")), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(SIGNS)
def test_any_text_is_a_melody_or_a_reason(body):
    try:
        piece = parse_abc(HEAD + body)
    except Unusable as reason:
        assert len(str(reason)) < 80 and "\n" not in str(reason)
    else:
        assert piece.notes and all(a.end <= b.start for a, b in pairwise(piece.notes))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 3))
def test_any_bytes_are_a_song_or_a_reason(data, kind):
    content = [data, midi(data), midi(track(data)), midi(track(NOTE), track(data))][kind]
    try:
        parse_midi(content)
    except Unusable as reason:
        assert len(str(reason)) < 80 and "\n" not in str(reason)


def test_flipped_bits_of_a_real_tune_give_a_record_or_a_reason(tmp_path):
    whole = (HEAD + '{g}a2 (3efg "Am"[Ace]2 | ^c>d e- | e/2z3/2 :|\n').encode()
    random, path = np.random.default_rng(0), tmp_path / "flip.abc"
    for _ in range(200):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        path.write_bytes(bytes(data))
        assert all(isinstance(item, Record | Rejected) for item in MUSIC.prepare(path))
