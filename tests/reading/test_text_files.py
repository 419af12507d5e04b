"""Text files in every dress: separators, encodings, line ends, columns, gzip, damage."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.text_files import column, kind, lines, split_column, texts

KNOWN = ("smiles", "canonical_smiles")
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=6),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    zipped=st.booleans(),
)
def test_a_column_comes_back_as_it_was_written(tmp_path_factory, rows, separator, end, encoding, zipped):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "Canonical SMILES"), *rows])
    content = text.getvalue().encode(encoding)
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_bytes(gzip.compress(content) if zipped else content)
    found = [item.text if isinstance(item, Record) else "" for item in column(path, "a", "", KNOWN)]
    assert found == [cell.strip() for _, cell in rows]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_lines_whatever_their_ends_and_encoding(tmp_path, end, encoding):
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    (tmp_path / "a.txt").write_bytes((mark + end.join(["CCO a", "", " CC é "])).encode(encoding))
    assert list(lines(tmp_path / "a.txt", "a")) == [Record("a:1", "CCO a"), Record("a:3", "CC é")]


@pytest.mark.parametrize(
    ("header", "wanted", "cell"),
    [
        ("smiles,x,y", "", "0"),
        ("x, SMILES ,y", "", "1"),
        ("canonical_smiles,SMILES,y", "", "1"),  # the better name first, wherever it stands
        ("x,y,Canonical-Smiles", "", "2"),
        ("x;Smiles;y", "", "1"),
        ("x\tsmiles\ty", "", "1"),
        ('"a,b"\tsmiles\t"c,d"', "", "1"),
        ("smiles,x,y", "X", "1"),
        ("smiles;my structure;y", "my structure", "1"),
        ("smiles,%,y", "%", "1"),
    ],
)
def test_which_column_is_read(tmp_path, header, wanted, cell):
    separator = next(each for each in "\t;," if each in header)
    (tmp_path / "a.csv").write_text(f"# a comment\n\n{header}\n" + separator.join("012") + "\n\n")
    assert list(column(tmp_path / "a.csv", "a", wanted, KNOWN)) == [Record("a:4", cell)]


def test_rows_that_are_short_empty_or_no_text(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"id\tsmiles\n1\n2\t \n3\t\xff\n4\xff\tCC\n\xff\tC\tmore\n")
    assert list(column(tmp_path / "a.tsv", "a", "", KNOWN)) == [
        Rejected("a:2", "empty"), Rejected("a:3", "empty"), Rejected("a:4", "not UTF-8 text"), Record("a:5", "CC"),
        Record("a:6", "C"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "wanted", "message"),
    [
        (b"id;structure\n1;C\n", "", r"no column smiles, canonical_smiles \(columns found: 'id', 'structure'\)"),
        (b"id,smiles\n1,C\n", "mol", r"no column mol \(columns found: 'id', 'smiles'\): .* as in a.csv:COLUMN"),
        (b"", "", "columns found: none"),
        (b"\n# nothing but this\n", "", "columns found: none"),
        (b'"' + b"x" * 200_000, "", "columns found: none"),  # no table, but csv must not choke on it
    ],
)  # fmt: skip
def test_a_missing_column_is_an_error_that_lists_those_there_are(tmp_path, content, wanted, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(column(tmp_path / "a.csv", "a", wanted, KNOWN))


def test_a_path_may_name_a_column(tmp_path):
    (tmp_path / "a.csv").write_text("x\n")
    (tmp_path / "odd:name.csv").write_text("x\n")
    assert split_column(tmp_path / "a.csv") == (tmp_path / "a.csv", "")
    assert split_column(tmp_path / "a.csv:my column") == (tmp_path / "a.csv", "my column")
    assert split_column(tmp_path / "odd:name.csv") == (tmp_path / "odd:name.csv", "")
    assert split_column(tmp_path / "odd:name.csv:x") == (tmp_path / "odd:name.csv", "x")
    with pytest.raises(UserError, match="has no columns, so leave out ':x'"):
        texts(tmp_path / "a.smi", "a", "x", KNOWN)


def test_the_kind_of_a_file():
    names = ["a.csv", "B.CSV.GZ", "c.tsv.gz", "d.smi.bak", "e.gz", "f"]
    assert [kind(Path(name)) for name in names] == [".csv", ".csv", ".tsv", ".bak", "", ""]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.csv", "a.csv.gz"])
def test_damaged_gzip_is_an_error_and_gzip_needs_no_name(tmp_path, name):
    whole = gzip.compress(b"smiles\n" + b"".join(b"C%d\n" % i for i in range(20_000)), mtime=0)
    path = tmp_path / name
    path.write_bytes(whole)
    assert list(texts(path, "a", "", KNOWN))[-1] == Record("a:20001", "C19999")
    flipped = whole[:5000] + bytes(100) + whole[5100:]
    for content in (whole[:-2000], whole[:12], flipped, whole[:-8] + bytes(8)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}' is damaged"):
            list(texts(path, "a", "", KNOWN))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.txt': No such file"):
        list(lines(tmp_path / "nowhere.txt", "a"))
