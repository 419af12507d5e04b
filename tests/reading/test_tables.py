"""Rows of tables: quotes that are closed, escaped or never closed, separators, headers that are not there."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.tables import NEVER_CLOSED, Rows
from seqtutor.reading.text_files import column

CELLS = st.text(st.sampled_from('ab ,;"\n'), max_size=5)


def rows(text, quoted=True, separator=","):
    table = Rows(io.StringIO(text, newline=""), quoted)
    table.header()
    table.begin(separator)
    return list(table)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=5))
def test_rows_come_back_as_csv_wrote_them(table):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["header"], *table])
    assert [row for _, row in rows(text.getvalue())] == table


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        (['a,"b'], [NEVER_CLOSED]),
        (['a,"b', "c,d", "e,f"], [NEVER_CLOSED, ["c", "d"], ["e", "f"]]),
        (['a,"b', 'c,"d', "e,f"], [NEVER_CLOSED, NEVER_CLOSED, ["e", "f"]]),
        (['a,5" pipe', "c,d"], [["a", '5" pipe'], ["c", "d"]]),  # a quote inside a cell encloses nothing
        (['a,"5" pipe', "c,d"], [["a", "5 pipe"], ["c", "d"]]),
        (['a,"b ""c"""', '"d', 'e",f'], [["a", 'b "c"'], ["d\ne", "f"]]),
        (["", "a,b", "", ""], [["a", "b"]]),
    ],
)
def test_a_stray_quote_spoils_its_own_row_only(lines, right):
    assert [row for _, row in rows("\n".join(["header", *lines, ""]))] == right


def test_rows_are_named_by_their_first_line():
    found = rows('# a comment\nheader\n\na,"b\nc,d\n"e\nf",g\nh,"i')
    assert found == [(4, NEVER_CLOSED), (5, ["c", "d"]), (6, ["e\nf", "g"]), (8, NEVER_CLOSED)]


@given(st.lists(st.lists(st.text(st.sampled_from('ab "'), min_size=1, max_size=5), min_size=2, max_size=2), max_size=4))
def test_no_quote_in_a_tsv_reaches_beyond_its_cell(table):
    found = [row for _, row in rows("h\n" + "".join("\t".join(row) + "\n" for row in table), False, "\t")]
    whole = lambda cell: len(cell) > 1 and cell[0] == cell[-1] == '"'  # noqa: E731
    assert found == [[cell[1:-1].replace('""', '"') if whole(cell) else cell for cell in row] for row in table]


@pytest.mark.parametrize(
    ("content", "right"),
    [
        ("sep=;\nx;text\n1;a,b\n", [Record("a:3", "a,b")]),
        ('"sep=|"\r\nx|text\r\n1|ab\r\n', [Record("a:3", "ab")]),
        ("SEP=,\n\n# comment\ntext\na\n", [Record("a:5", "a")]),
        ("ab,1\nba,2\n", [Record("a:1", "ab"), Record("a:2", "ba")]),
        ("sep=;\nab;1\n", [Record("a:2", "ab")]),
        ('ab;"1\nba;2\n', [Rejected("a:1", NEVER_CLOSED), Record("a:2", "ba")]),
    ],
)
def test_separators_and_tables_without_a_header(tmp_path, content, right):
    path = tmp_path / "a.csv"
    path.write_text(content, newline="")
    assert list(column(path, "a", "", ("text",), lambda text: set(text) <= set("ab"))) == right
