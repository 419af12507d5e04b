"""history.csv: a row for each logging step, which survives kills at any byte."""

from __future__ import annotations

import contextlib
import csv
import os
import time
from pathlib import Path
from typing import Any

from seqtutor.errors import UserError
from seqtutor.system.files import write_text, writing
from seqtutor.system.input_files import open_text


class Clock:
    """The seconds a run has worked, all its processes together, up to the last row of history.csv that counts."""

    def __init__(self, path: Path, until: int):
        """Goes on from the last row of history.csv with a step of at most `until`, if there is one."""
        self._before, self._started = 0.0, time.perf_counter()
        if path.exists() and until > 0:
            with open_text(path) as file:
                for row in csv.DictReader(file):
                    with contextlib.suppress(KeyError, TypeError, ValueError):  # a line cut off by a kill
                        if int(row["step"]) <= until:
                            self._before = float(row["seconds"])

    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + time.perf_counter() - self._started


MEND = "delete it to resume without the rows so far"


class History:
    """Appends rows to history.csv; the columns are those of the first row. Each row reaches the disk at once."""

    def __init__(self, path: Path, keep_until: int = -1):
        """Goes on with the rows that are there, up to the step of the checkpoint a run resumes from.

        Rows with a step beyond keep_until are dropped, and so is a last line that a killed run left unfinished.
        Raises UserError if the file is damaged otherwise.
        """
        self._path = path
        self._columns: list[str] | None = None
        if os.path.lexists(path):  # a link is replaced by a file
            with open_text(path) as file:
                text = file.read()
            lines = text[: text.rfind("\n") + 1].splitlines()
            if lines:
                self._columns = next(csv.reader(lines[:1]))
                lines = [lines[0], *self._up_to(self._columns, keep_until, lines[1:])]
            write_text(path, "".join(f"{line}\n" for line in lines))

    def _up_to(self, columns: list[str], step: int, rows: list[str]) -> list[str]:
        try:
            at = columns.index("step")
            return [row for row in rows if int(row.split(",")[at]) <= step]
        except (ValueError, IndexError):
            raise UserError(f"{self._path} is damaged; {MEND}") from None

    def add(self, row: dict[str, Any]) -> None:
        """Adds one row; `step` must be among its columns. Raises UserError for a file with a column that no row has."""
        values = {name: f"{v:.6g}" if isinstance(v, float) else str(v) for name, v in row.items()}
        with writing(self._path), open(self._path, "a", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            if self._columns is None:
                self._columns = list(row)
                lines.writerow(self._columns)  # quoted where a name has a comma, as `reward_smarts([C,N])`
            if unknown := set(self._columns) - set(values):  # a row may have more, in a run of an older version
                raise UserError(f"{self._path} is damaged: its column {min(unknown)!r} is unknown; {MEND}")
            lines.writerow([values[name] for name in self._columns])
