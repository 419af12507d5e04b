"""Tunes in ABC: exact tokens of small tunes, malformed ones, and the collections inside music21."""

import hashlib

import pandas as pd
import pytest

from seqtutor.domains.music import Music, data_sets, reader
from seqtutor.domains.music.abc_file import split_abc
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected

MUSIC = Music()


def read(tmp_path, body: str, header: str = "M:4/4\nL:1/16\nK:C", prepare: bool = False) -> str:
    """The text of one tune, or why there is none."""
    path = tmp_path / "tune.abc"
    path.write_text(f"X:1\nT:Test\n{header}\n{body}\n")
    (record,) = (MUSIC.prepare if prepare else MUSIC.read)(path)
    return record.text if isinstance(record, Record) else record.reason


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("C2 E z2 G", "C4 hold E4 off hold G4"),
        ("C,4 c b |", "C3 hold hold hold C5 B5"),
        ("^C C | C _B =B", "C#4 C#4 C4 A#4 B4"),  # an accidental lasts to the bar line
        ("C2-C2 D2-E2", "C4 hold hold hold D4 hold E4 hold"),  # a tie, and a slur written like one
        ("{DEF}C2 {g}E2", "C4 hold E4 hold"),  # grace notes take no time
        ("[CEG]2 D2", "G4 hold D4 hold"),  # the highest of a chord
        ("C2>D2 E2<F2", "C4 hold hold D4 E4 F4 hold hold"),  # broken rhythm
        ('"Am"A2 "G7"G2 !trill!F2 | "_slow"E2', "A4 hold G4 hold F4 hold E4 hold"),
        ("|: C2 D2 :| E2 ||", "C4 hold D4 hold E4 hold"),  # once through
        ("z4 C4", "hold hold hold hold C4 hold hold hold"),
    ],
)
def test_abc_as_it_is(tmp_path, body, text):
    assert read(tmp_path, body) == text


def test_triplets_go_to_the_nearest_sixteenth(tmp_path):
    """Three eighths in the time of two: onsets at 0, 4/3 and 8/3 sixteenths."""
    assert read(tmp_path, "C4 D4 E4 F4 G4 A4 (3G2A2B2 c4").split()[24:] == [
        "G4",
        "A4",
        "hold",
        "B4",
        "C5",
        *["hold"] * 3,
    ]


def test_of_notes_on_one_sixteenth_the_highest_stays(tmp_path):
    assert read(tmp_path, "C2 D2 E2 F2 G2 A2 B/2c/2 d2").split()[10:] == ["A4", "hold", "B4", "D5", "hold"]


def test_default_length_follows_the_meter(tmp_path):
    assert read(tmp_path, "C D", "M:4/4\nK:C") == "C4 hold D4 hold"
    assert read(tmp_path, "C D", "M:2/4\nK:C") == "C4 D4"
    assert read(tmp_path, "C D", "K:C") == "C4 hold D4 hold"  # a free meter


def test_key_moves_only_when_prepared(tmp_path):
    scale = "z2 D E F G A B c d"
    assert read(tmp_path, scale, "M:4/4\nL:1/16\nK:D") == "hold hold D4 E4 F#4 G4 A4 B4 C#5 D5"
    assert read(tmp_path, scale, "M:4/4\nL:1/16\nK:D", prepare=True) == "C4 D4 E4 F4 G4 A4 B4 C5"
    dorian = read(tmp_path, "E F G A B c d e", "M:4/4\nL:1/16\nK:E Dorian", prepare=True)
    assert dorian == "D4 E4 F4 G4 A4 B4 C5 D5"


def test_minor_tune_under_a_major_signature_goes_to_a_minor(tmp_path):
    """As in the Essen collection: the signature is that of the tonic's major, the third is flattened in the tune."""
    body = "G4 A2_B2 c4 d4 | _e4 d4 c2_B2 A4 | G4 ^F4 G8"
    assert read(tmp_path, body, "M:4/4\nL:1/16\nK:G", prepare=True).split()[:8:4] == ["A4", "B4"]


def test_the_first_of_several_voices(tmp_path):
    header = "M:4/4\nL:1/16\nK:C"
    assert read(tmp_path, "V:1\nC4 D4\nV:2\nE,4 F,4", header) == "C4 hold hold hold D4 hold hold hold"


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        ("z4 z4", "M:4/4\nL:1/16\nK:C", "no notes"),
        ("", "M:4/4\nL:1/16\nK:C", "no notes"),
        ("C ^ D", "M:4/4\nL:1/16\nK:C", "broken ABC: an accidental without a note"),
        ("[CEG", "M:4/4\nL:1/16\nK:C", "broken ABC: a chord without an end"),
        ("C/2D/2E/2F/2 G/2A/2B/2c/2", "M:4/4\nL:1/16\nK:C", "rhythm off the sixteenth grid"),
        ("C,4 c''4", "M:4/4\nL:1/16\nK:C", "pitch out of range C3 to B5"),
    ],
)
def test_rejected(tmp_path, body, header, reason):
    assert read(tmp_path, body, header) == reason


def test_a_file_of_many_tunes(tmp_path):
    text = "% a book\n\nX:1\nT:\xc9tude\nL:1/16\nK:C\nC D\n\n  X: 7\nL:1/16\nK:C\nz\n\nX:1\nL:1/16\nK:C\nE F\n"
    (tmp_path / "book.abc").write_bytes(text.encode("latin-1"))
    assert list(MUSIC.read(tmp_path)) == [
        Record("book.abc:3", "C4 D4"),
        Rejected("book.abc:9", "no notes"),
        Record("book.abc:14", "E4 F4"),
    ]
    (tmp_path / "book.abc").write_bytes(b"\0\xff no tune here")
    assert list(MUSIC.read(tmp_path)) == [Rejected("book.abc", "no tunes")]


def test_every_truncation_gives_a_record_or_a_reason(tmp_path):
    tune = 'X:1\nT:Cut\nM:6/8\nL:1/8\nK:Ador\n{g}a2 (3efg "Am"[Ace]2 | ^c>d e- | e/2z3/2 :|\n'
    path = tmp_path / "cut.abc"
    kinds = set()
    for end in range(len(tune)):
        path.write_text(tune[:end])
        (record,) = MUSIC.prepare(path)
        kinds.add(record.reason.partition(": ")[0] if isinstance(record, Rejected) else "fine")
    assert kinds == {
        "fine",
        "no tunes",
        "no notes",
        "no key (K:), which ends the header",
        "key (K:) not understood",
        "broken ABC",
        "rhythm off the sixteenth grid",
    }


# --- the collections inside music21 ---

SETS = data_sets.data_sets()


@pytest.mark.parametrize("name", ["music21", "essen", "oneills", "airds", "ryans"])
def test_collection_is_what_was_measured(name):
    data, files = SETS[name], reader.melody_files(SETS[name].locate())
    assert sum(len(split_abc(file)) for file in files) == data.size
    assert data_sets.files_sha256(files) == data.sha256
    assert data.fetch() == data.locate()


def test_sample_is_what_was_measured():
    data = SETS["sample-melodies"]
    assert hashlib.sha256(data.locate().read_bytes()).hexdigest() == data.sha256
    records = list(MUSIC.prepare(data.locate()))
    assert len(records) == data.size and all(isinstance(record, Record) for record in records)


@pytest.mark.slow
def test_sample_is_every_fourth_tune_of_airds():
    records = list(MUSIC.prepare(SETS["airds"].locate()))
    fine = [record for record in records if isinstance(record, Record)]
    assert (len(records), len(fine)) == (1180, 1177)
    table = pd.read_csv(SETS["sample-melodies"].locate())
    assert [*zip(table["name"], table["text"], strict=True)] == [(record.name, record.text) for record in fine[::4]]


def test_without_music21_the_way_to_get_it_is_named(monkeypatch):
    monkeypatch.setattr(data_sets.importlib.util, "find_spec", lambda name: None)
    assert SETS["essen"].locate() is None
    with pytest.raises(UserError, match="pip install music21"):
        SETS["essen"].fetch()
