"""The rows of a table as people have it: with or without a header, with quotes that are never closed.

In a CSV, quotes enclose a cell that may hold separators and line ends; two of them inside are one. A quote that is
never closed spoils its own row only. In a TSV no cell can hold a tab or a line end, so a quote is a character, but for
a pair around a whole cell. A first line `sep=;`, which Excel reads and writes, names the separator.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator

SEPARATORS = (",", ";", "\t")
NEVER_CLOSED = "a quote that is never closed"
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


class Rows:
    """The rows of a table, each with the number of its line, or the reason why it cannot be read.

    First ask for the `header`, then `begin`, then iterate.

    Attributes:
      quoted: whether quotes enclose cells (CSV) or are characters (TSV).
      separators: what may separate columns.
    """

    def __init__(self, lines: Iterable[str], quoted: bool):
        """Args: lines of the file, their ends included."""
        self.quoted = quoted
        self.separators: tuple[str, ...] = SEPARATORS
        self._lines, self._again, self._number, self._separator = iter(lines), deque[str](), 0, ""

    def header(self) -> str:
        """The first line that is neither blank nor a comment (#) nor `sep=`; "" if there is none."""
        while line := self._next():
            if line.strip() and not line.startswith("#"):
                found = _SEP.fullmatch(line) if self._number == 1 else None
                if found is None:
                    return line
                self.separators = (found[1],)
        return ""

    def begin(self, separator: str, first: str = "") -> None:
        """Settles the separator. Args: first: the line that `header` returned, where it is a row."""
        self._separator = separator
        if first:
            self._give_back([first])

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        while line := self._next():
            number = self._number
            if line.strip("\r\n"):
                yield number, self._row(line)

    def _row(self, line: str) -> list[str] | str:
        """The cells of a row that begins with a line and may end in a later one, or why there are none."""
        if '"' in line and self.quoted:
            more: list[str] = []
            try:
                return next(csv.reader(self._noting(line, more), delimiter=self._separator, strict=True))
            except csv.Error:
                self._give_back(more)
            if line.count('"') % 2:
                return NEVER_CLOSED
        return cells(line, self._separator, self.quoted) or "a cell that is too long"

    def _noting(self, line: str, more: list[str]) -> Iterator[str]:
        """A line and those after it, which are noted in `more`."""
        yield line
        while line := self._next():
            more.append(line)
            yield line

    def _next(self) -> str:
        """The next line; "" after the last."""
        line = self._again.popleft() if self._again else next(self._lines, "")
        self._number += bool(line)
        return line

    def _give_back(self, lines: list[str]) -> None:
        self._again.extendleft(reversed(lines))
        self._number -= len(lines)


def cells(line: str, separator: str, quoted: bool) -> list[str]:
    """The cells of one line, whatever quotes are in it; none where one is longer than csv allows."""
    line = line.rstrip("\r\n")
    if not quoted:
        return [_bare(cell) for cell in line.split(separator)]
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _bare(cell: str) -> str:
    """A cell without the quotes around it."""
    whole = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if whole else cell
