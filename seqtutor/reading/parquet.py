"""Columns of Parquet files, by the optional package pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected
from seqtutor.system.files import whole_file
from seqtutor.system.input_files import PACKED_TO, most_unpacked, open_input

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

    Raises UserError: pyarrow is not installed, there is no such column, or the file is damaged, cannot be read, or
    unpacks to too much.
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
            flat = [i for i in range(file.metadata.num_columns) if file.schema.column(i).path == names[at]]
            left = most_unpacked(raw)
            if sum(_told_sizes(file.metadata, flat)) > left:
                raise _too_large(path)
            for number, value in enumerate(_cells(raw, names[at], bool(flat)), 1):
                left -= 1 + (len(value) if isinstance(value, str) else 0)
                if left < 0:
                    raise _too_large(path)
                yield _record(f"{name}:{number}", value)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read '{path}' as Parquet: {str(error).splitlines()[0]}") from None


def _too_large(path: Path) -> UserError:
    return UserError(
        f"'{path}' unpacks to more than {PACKED_TO} times its size; if you trust it, save it as .csv and give that file"
    )


def _told_sizes(metadata: Any, columns: Sequence[int]) -> Iterator[int]:
    """The bytes of each piece of some columns, unpacked, as the file itself tells them."""
    for group in range(metadata.num_row_groups):
        yield from (metadata.row_group(group).column(at).total_uncompressed_size for at in columns)


def _cells(raw: IO[bytes], name: str, flat: bool) -> Iterator[Any]:
    """The cells of a column; flat: not of lists or records. A text that repeats is in memory once, as in the file."""
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(raw, read_dictionary=[name] if flat else None) as file:
        for batch in file.iter_batches(BLOCK, columns=[name]):
            column = batch.column(0)
            if isinstance(column, pyarrow.DictionaryArray):
                values = column.dictionary.to_pylist()
                yield from (None if at is None else values[at] for at in column.indices.to_pylist())
            else:
                yield from column.to_pylist()


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
