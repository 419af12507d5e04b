"""Melodies in npz, txt and csv files, and paths that cannot be read."""

import gzip

import numpy as np
import pytest

from seqtutor.domains.music import Music
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected

MUSIC = Music()


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        MUSIC.read(tmp_path / "nowhere.mid")
    with pytest.raises(UserError, match=r"no \.mid, \.midi, \.abc, \.musicxml, \.mxl or \.xml file"):
        MUSIC.read(tmp_path)
    (tmp_path / "a.xyz").write_text("")
    with pytest.raises(UserError, match="cannot read melodies"):
        MUSIC.read(tmp_path / "a.xyz")


def test_npz(tmp_path):
    tokens = np.array([[14, 1, 0], [2, 37, 1]], np.uint8)
    np.savez(tmp_path / "a.npz", tokens=tokens, other=np.zeros(3))
    assert list(MUSIC.read(tmp_path / "a.npz")) == [Record("a.npz:0", "C4 hold off"), Record("a.npz:1", "C3 B5 hold")]


@pytest.mark.parametrize(
    "tokens",
    [
        np.zeros(5, np.int32),
        np.zeros((2, 3)),
        np.array([[38]]),
        np.array([[-1]]),
        np.array([[2**40]]),
        np.array([[None]], object),
        np.array([["C4"]]),
    ],
)
def test_npz_with_wrong_tokens(tmp_path, tokens):
    np.savez(tmp_path / "a.npz", tokens=tokens)
    with pytest.raises(UserError, match=r"a\.npz"):
        MUSIC.read(tmp_path / "a.npz")


def test_npz_that_is_none(tmp_path):
    np.savez(tmp_path / "a.npz", melody=np.zeros((2, 3), int))
    with pytest.raises(UserError, match="no array 'tokens'"):
        MUSIC.read(tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    for content in (b"", b"PK", whole[:60], whole[: len(whole) // 2]):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(UserError, match="cannot read"):
            MUSIC.read(tmp_path / "a.npz")


def test_txt_and_csv(tmp_path):
    (tmp_path / "a.txt").write_text("C4 hold\n\n  E4   off \nC4 X9\n")
    expected = [Record("a.txt:1", "C4 hold"), Record("a.txt:3", "E4 off"), Rejected("a.txt:4", "unknown token 'X9'")]
    assert list(MUSIC.read(tmp_path / "a.txt")) == expected
    (tmp_path / "a.csv").write_text('text,log_prior\nC4 hold,-3\n"",1\nH5,2\n')
    expected = [Record("a.csv:2", "C4 hold"), Rejected("a.csv:3", "empty"), Rejected("a.csv:4", "unknown token 'H5'")]
    assert list(MUSIC.read(tmp_path / "a.csv")) == expected
    (tmp_path / "b.csv").write_bytes(b"text\nC4\n\xff\xfe\n")
    assert list(MUSIC.read(tmp_path / "b.csv"))[1] == Rejected("b.csv:3", "not UTF-8 text")
    for name, content in (("c.csv", b"smiles\nCC\n"), ("d.csv", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}' has no column text, melody, tokens .* as in {name}:COLUMN"):
            list(MUSIC.read(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"id,Melody\n1,C4 hold off\n"),
        ("a.csv", b"file,text,tokens\nx.mid,C4 hold off,9 9 9\n"),  # as in samples.csv
        ("a.tsv", b"id\ttokens\r\n1\t14 1 0\r\n"),  # token ids
        ("a.csv.gz", gzip.compress(b"text\nC4 hold off\n", mtime=0)),
        ("a.txt.gz", gzip.compress(b"\nC4 hold off\n", mtime=0)),
        ("a.txt", b"\xef\xbb\xbf\r\nC4 hold off\r\n"),
        ("a.txt", "\nC4 hold off".encode("utf-16")),
    ],
)
def test_melodies_in_every_dress(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert list(MUSIC.read(tmp_path / name)) == [Record(f"{name}:2", "C4 hold off")]


def test_a_column_by_its_name(tmp_path):
    (tmp_path / "a.csv").write_text("text;tune\nC4;E4\n")
    assert list(MUSIC.read(tmp_path / "a.csv:tune")) == [Record("a.csv:2", "E4")]
