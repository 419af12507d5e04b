"""Text files as people have them, gzipped or not, UTF-8 or UTF-16, with any line ends: lines, or a column of a table.

They are read a line at a time, so memory does not grow with the file. A path may name a column, as in
`molecules.csv:structure`, wherever a path of data is given; without one the first of the reader's own names counts that
the table has.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seqtutor.errors import UserError, shown
from seqtutor.reading import parquet, tables
from seqtutor.reading.records import Record, Rejected
from seqtutor.system.input_files import check_packed, open_input

TABLES = (".csv", ".tsv", parquet.KIND)
SHOWN = 20  # columns named in an error
LONGEST_LINE = 1_000_000  # characters; the longest sequences, and rows of tables, have some thousands
_GZIP, _UTF16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")


def split_column(path: Path) -> tuple[Path, str]:
    """A path and the column it names: (a.csv, "x") of "a.csv:x"; (path, "") where it names none or is a file itself."""
    before, colon, column = str(path).rpartition(":")
    return (Path(before), column) if colon and column and not os.path.exists(path) else (path, "")


def exists(path: Path) -> bool:
    """Whether there is a file or folder of that path, which may name a column."""
    return os.path.exists(split_column(path)[0])  # unlike Path's, also of text that can be no name


def kind(path: Path) -> str:
    """The ending that says what a file holds, in lower case: ".csv" of "A.CSV.gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def texts(
    path: Path, name: str, wanted: str, known: Sequence[str], is_data: Callable[[str], bool] | None = None
) -> Iterator[Record | Rejected]:
    """The texts of a file: of a table those in a column (see `column`), else `lines`. Raises UserError as these do."""
    if kind(path) == parquet.KIND:
        return map(_filled, parquet.column(path, name, lambda names: _place(names, [wanted] if wanted else known)))
    if kind(path) in TABLES:
        return column(path, name, wanted, known, is_data)
    if wanted:
        raise UserError(f"'{path}' has no columns, so leave out ':{wanted}'; only {' and '.join(TABLES)} have")
    return lines(path, name)


def lines(path: Path, name: str) -> Iterator[Record | Rejected]:
    """Every line that is not blank, as NAME:NUMBER. Raises UserError if the file is damaged or cannot be read."""
    with opened(path, newline=None) as file:
        for number, line in enumerate(bounded(file, path), 1):
            if line := line.strip():
                yield Record(f"{name}:{number}", line)


def column(
    path: Path, name: str, wanted: str, known: Sequence[str], is_data: Callable[[str], bool] | None = None
) -> Iterator[Record | Rejected]:
    """Every cell of a column of a table, as NAME:LINE. Comma, semicolon or tab separates columns (see `tables`).

    Args:
      wanted: the column; known: where wanted is "", the names to look for, the best first (see `plain`).
      is_data: whether a text is a sequence; where it holds for the first cell of a table that has none of the known
        columns, the table has no header, and its first column is read.
    Raises UserError: there is no such column, or the file is damaged or cannot be read.
    """
    with opened(path, newline="") as file:
        rows = tables.Rows(bounded(file, path), quoted=kind(path) != ".tsv")
        at = _find(rows, path, wanted, known, is_data)
        for number, row in rows:
            if isinstance(row, str):
                yield Rejected(f"{name}:{number}", row)
            else:
                yield checked(Record(f"{name}:{number}", row[at].strip() if at < len(row) else ""))


def _filled(item: Record | Rejected) -> Record | Rejected:
    return item if isinstance(item, Rejected) else checked(item)


def checked(record: Record) -> Record | Rejected:
    """The record, unless it holds nothing, or bytes that are not text."""
    if not record.text:
        return Rejected(record.name, "empty")
    if not record.text.isascii() and any("\ud800" <= character <= "\udfff" for character in record.text):
        return Rejected(record.name, "not UTF-8 text")
    return record


def plain(name: str) -> str:
    """A column's name without what may differ: case, blanks, hyphens and underscores."""
    return name.lower().translate({ord(each): None for each in " _-\t\r\n"})


def _find(
    rows: tables.Rows, path: Path, wanted: str, known: Sequence[str], is_data: Callable[[str], bool] | None
) -> int:
    """Settles what separates a table's columns; returns which of them is read. Raises UserError if there is none."""
    header = rows.header()
    found = {separator: tables.cells(header, separator, rows.quoted) for separator in rows.separators}
    for name in [wanted] if wanted else known:
        for separator, cells in found.items():
            if (at := _place(cells, [name])) is not None:
                rows.begin(separator)
                return at
    for separator, cells in found.items():
        if is_data is not None and not wanted and cells and is_data(cells[0].strip()):
            rows.begin(separator, header)
            return 0
    there = [shown(cell.strip()) for cell in max(found.values(), key=len)]
    listed = ", ".join(there[:SHOWN] + [f"{len(there) - SHOWN} more"] * (len(there) > SHOWN)) or "none"
    mend = f"name the one to read, as in {path.name}:COLUMN"
    raise UserError(f"'{path}' has no column {wanted or ', '.join(known)} (columns found: {listed}): {mend}")


def bounded(file: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """The lines of a file. Raises UserError for one that is too long to be text."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise UserError(
                f"'{path}', line {number}: longer than {LONGEST_LINE:,} characters; is it text? break it up"
            )
        yield line


def _place(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """Which column has the first of the names that one has (see `plain`); None if none has any."""
    found = [plain(column) for column in columns]
    return next((found.index(plain(name)) for name in names if plain(name) in found), None)


@contextmanager
def opened(path: Path, newline: str | None) -> Iterator[io.TextIOWrapper]:
    """A text file to read. Raises UserError, inside the block too, where the file is damaged or cannot be read."""
    try:
        with open_input(path) as raw:
            zipped = path.suffix.lower() == ".gz" or raw.peek(2)[:2] == _GZIP
            if zipped:
                check_packed(raw, path)
            data = gzip.GzipFile(fileobj=raw) if zipped else raw
            # Bytes that are not UTF-8 pass as surrogates: they spoil a line only if they are in the part that is read.
            encoding, errors = "utf-8-sig", "surrogateescape"
            if data.peek(2)[:2] in _UTF16:
                encoding, errors = "utf-16", "replace"
            yield io.TextIOWrapper(data, encoding, errors, newline)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"'{path}' is damaged ({error}): get or compress it again") from None
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror or error}") from None
