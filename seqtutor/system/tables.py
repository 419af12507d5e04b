"""Output files that are whole or not there (CSV, npz), and aligned text for the terminal."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.errors import UserError
from seqtutor.system.files import whole_file
from seqtutor.system.terminal import in_a_line

NAMED = ("name", "file", "run", "folder", "reason")  # columns that hold names others gave; sequences are not changed
FORMULA = ("=", "+", "-", "@")


class Table:
    """Writes the rows of a CSV file."""

    def __init__(self, file: Any, columns: Sequence[str]):
        self._writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        self._writer.writeheader()

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row: floats with nine digits (float32 comes back to the bit), NaN and None as empty cells."""
        self._writer.writerow(
            {name: _named(_cell(value)) if name in NAMED else _cell(value) for name, value in row.items()}
        )


@contextlib.contextmanager
def csv_file(path: Path, columns: Sequence[str]) -> Iterator[Table]:
    """A CSV file to add rows to. It appears under its name when all went well; otherwise an old one stays."""
    with whole_file(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        yield Table(file, columns)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a compressed .npz, whole or not at all."""
    with whole_file(path, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle


def make_folder(path: Path) -> Path:
    """Makes a folder to write to, unless it is there. Raises UserError if it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to folder {path}: {error.strerror}; choose another --out") from None
    return path


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text: columns two spaces apart, the first one flush left, the others flush right."""
    rows = [[in_a_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _named(value: Any) -> Any:
    """A name in a line that steers no terminal; one that a spreadsheet would take for a formula with a quote before it,
    as spreadsheets write it.
    """
    text = in_a_line(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float) or hasattr(value, "dtype"):
        return "" if math.isnan(value) else f"{value:.9g}"
    return value
