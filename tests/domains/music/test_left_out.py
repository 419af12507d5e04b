"""The things that tunes leave out are counted by cause, kept in the cache, and printed wherever tunes are read."""

import csv

import pytest

import seqtutor as st
from seqtutor.api import inputs
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
    assert parsed.left_out.counts == cached.left_out.counts == LEFT_OUT
    assert [item.reason for item in cached.rejected] == ["broken ABC: a chord without an end"]
    assert list(parsed.left_out.partial) == list(cached.left_out.partial) == PARTIAL


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


TOLD = [
    "read, but for 2 grace notes in 1 sequence: tunes.abc:1",
    "read, but for 2 repeats not played in 2 sequences: tunes.abc:1, tunes.abc:6",
    "read, but for 1 lower notes of chords in 1 sequence: tunes.abc:1",
]


def test_score_tells_and_lists_them(tunes, capsys):
    out = ["--out", str(tunes.parent)]
    assert run(["score", str(tunes), "--domain", "music", *out]) == 0
    caught = capsys.readouterr()
    warnings = [line for line in caught.err.splitlines() if "warning: " in line]  # a slow machine shows a bar beside
    assert [line.partition("warning: ")[2] for line in warnings] == TOLD
    assert "3 sequences (1 more rejected, see rejected.csv)" in caught.out
    _, *rows = csv.reader((tunes.parent / "rejected.csv").read_text().splitlines())
    assert rows == [["tunes.abc:11", "broken ABC: a chord without an end"], *map(list, PARTIAL)]
    assert run(["score", str(tunes), "--domain", "music", "--quiet", *out]) == 0
    assert capsys.readouterr().err == ""


def test_a_melody_beyond_the_range_is_moved_as_a_whole_and_earns_the_same(tmp_path, capsys):
    for name, notes in (("high", "G2A2B2c2 d3edcBA"), ("higher", "g2a2b2c'2 d'3e'd'c'ba")):
        (tmp_path / f"{name}.abc").write_text(f"X:1\nL:1/16\nK:G\n{notes}|\n")
    assert run(["score", str(tmp_path), "--domain", "music", "--out", str(tmp_path / "out")]) == 0
    said = "warning: read, but for 1 melodies moved by whole octaves in 1 sequence: higher.abc:1"
    assert said in capsys.readouterr().err
    with open(tmp_path / "out" / "scores.csv", encoding="utf-8") as file:
        one, other = csv.DictReader(file)
    assert one.pop("name") != other.pop("name") and one == other


def test_evaluate_and_what_begins_a_melody_tell_them_too(tunes, caplog):
    st.evaluate([tunes], domain="music", out=tunes.parent, quiet=True)
    assert caplog.messages == TOLD and len((tunes.parent / "rejected.csv").read_text().splitlines()) == 4
    caplog.clear()
    assert inputs.last_bars(Music(), tunes)
    assert caplog.messages == [*(f"read, but for {each}: tunes.abc:1" for each in (
        "2 grace notes in 1 sequence", "1 lower notes of chords in 1 sequence", "1 repeats not played in 1 sequence"
    )), f"{tunes} holds more than one tune: the first, tunes.abc:1, is continued"]  # fmt: skip
    caplog.clear()
    inputs.check_primer(Music(), str(tunes), tunes.parent)
    assert caplog.messages[:-1] == TOLD and "left out 1 of the primers" in caplog.messages[-1]


def test_training_tells_and_lists_them(tunes, caplog):
    sizes = {"model": {"units": 4}, "pretrain": {"epochs": 1, "batch": 2}, "data": {"validation": 0, "test": 0}}
    run = st.pretrain({"domain": {"name": "music"}, **sizes}, data=str(tunes), out=tunes.parent / "prior", quiet=True)
    told = "; ".join(said.removeprefix("read, but for ").partition(":")[0] for said in TOLD)
    assert f"read, but for {told}: see {run.path / 'rejected.csv'}" in caplog.messages
    assert len((run.path / "rejected.csv").read_text().splitlines()) == 4


def test_play_tells_them_of_the_tunes_it_shows(tunes, capsys):
    out = ["--out", str(tunes.parent / "play.html")]
    assert run(["play", str(tunes), *out]) == 0
    said = [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines()]
    assert said == [*TOLD, "not read: 1 broken ABC: a chord without an end; the first is tunes.abc:11"]
    assert run(["play", str(tunes), "--num", "1", *out]) == 0
    assert "in 2 sequences" not in capsys.readouterr().err


def test_few_names_of_many(tmp_path, caplog):
    for i in range(5):
        (tmp_path / f"{i}.abc").write_text("X:1\nL:1/16\nK:C\n{g}C2 D2\n")
    st.score(tmp_path, domain="music", quiet=True)
    assert caplog.messages == ["read, but for 5 grace notes in 5 sequences: 0.abc:1, 1.abc:1, 2.abc:1, 2 more"]
