"""The things that the tunes of a data set leave out are counted by cause, kept in the cache, and printed."""

import csv

import pytest

from seqtutor.cli.main import run
from seqtutor.data import corpus
from seqtutor.domains.music import Music

TUNES = """X:1
L:1/16
K:C
|:{g}C2 D2:| [EG]2 {a}F2|

X:2
L:1/16
K:C
|:C2 E2:|

X:3
L:1/16
K:C
C2 [CEG

X:4
L:1/16
K:C
C2 D2
"""
PARTIAL = [
    ("tunes.abc:1", "read, but for: 2 grace notes; 1 lower notes of chords; 1 repeats not played"),
    ("tunes.abc:6", "read, but for: 1 repeats not played"),
]
LEFT_OUT = {"grace notes": (2, 1), "lower notes of chords": (1, 1), "repeats not played": (2, 2)}


@pytest.fixture
def tunes(tmp_path, monkeypatch):
    """A file of tunes, and an empty cache."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tunes.abc").write_text(TUNES)
    return tmp_path / "tunes.abc"


def test_corpus_counts_items_and_sequences(tunes):
    parsed, cached = (corpus.load(Music(), str(tunes)) for _ in range(2))
    assert parsed.dropped == cached.dropped == LEFT_OUT
    assert [item.reason for item in cached.rejected] == ["broken ABC: a chord without an end"]
    assert list(parsed.partial) == list(cached.partial) == PARTIAL


def test_import_prints_them(tunes, capsys):
    folder = tunes.parent
    assert run(["data", "import", str(tunes), "--domain", "music", "--name", "mine", "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    _, *rows = csv.reader((folder / "rejected.csv").read_text().splitlines())
    assert rows == [["tunes.abc:11", "broken ABC: a chord without an end"], *map(list, PARTIAL)]
    assert "2 grace notes in 1 sequence; 2 repeats not played in 2 sequences; 1 lower notes of chords in 1 seq" in said
    assert "1: 1 broken ABC: a chord without an end" in said
    tunes.write_text("X:1\nL:1/16\nK:C\nC2 D2\n")
    assert run(["data", "import", str(tunes), "--domain", "music", "--name", "mine"]) == 0
    assert "left out  nothing" in capsys.readouterr().out
