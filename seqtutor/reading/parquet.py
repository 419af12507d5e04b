"""Columns of Parquet files, by the optional package pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected
from seqtutor.system.files import whole_file
from seqtutor.system.input_files import open_input

KIND = ".parquet"
BLOCK = 10_000  # rows held at once


def check() -> None:
    """Raises UserError if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UserError("Parquet files need the package pyarrow: pip install 'seqtutor[parquet]'") from None


def column(path: Path, name: str, find: Callable[[list[str]], int | None]) -> Iterator[Record | Rejected]:
    """Every cell of a column, as NAME:ROW; find: which of the columns' names it is, None if none.

    Raises UserError: pyarrow is not installed, there is no such column, or the file is damaged or cannot be read.
    """
    check()
    import pyarrow
    from pyarrow import parquet

    try:
        with open_input(path) as raw, parquet.ParquetFile(raw) as file:
            names = file.schema_arrow.names
            at = find(names)
            if at is None:
                there = ", ".join(map(repr, names)) or "none"
                raise UserError(
                    f"'{path}' has no such column (columns found: {there}): name one, as {path.name}:COLUMN"
                )
            number = 0
            for batch in file.iter_batches(BLOCK, columns=[names[at]]):
                for value in batch.column(0).to_pylist():
                    number += 1
                    yield _record(f"{name}:{number}", value)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"cannot read '{path}' as Parquet: {str(error).splitlines()[0]}") from None


def _record(name: str, value: Any) -> Record | Rejected:
    if value is None or isinstance(value, str):
        return Record(name, (value or "").strip())
    return Rejected(name, f"no text, but {type(value).__name__}")


def write(rows: Iterable[Mapping[str, Any]], path: Path, texts: Sequence[str]) -> None:
    """Writes rows, which all have the same columns; those not in `texts` are float32, with an empty cell as null.

    Raises UserError if pyarrow is not installed or the file cannot be written.
    """
    check()
    import pyarrow
    from pyarrow import parquet

    rows = iter(rows)
    block = list(islice(rows, BLOCK))
    kinds = {name: pyarrow.string() if name in texts else pyarrow.float32() for name in (block[0] if block else {})}
    schema = pyarrow.schema(kinds.items())
    with whole_file(path, "wb") as file, parquet.ParquetWriter(file, schema) as writer:
        while block:
            columns = [pyarrow.array([_cell(row[name], name in texts) for row in block], kinds[name]) for name in kinds]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
            block = list(islice(rows, BLOCK))


def _cell(value: Any, text: bool) -> str | float | None:
    return None if value in (None, "") else str(value) if text else float(value)
