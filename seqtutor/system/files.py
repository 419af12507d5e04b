"""Files that are written whole or not at all, and archives of arrays that may be anything."""

from __future__ import annotations

import contextlib
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

import seqtutor
from seqtutor.errors import UserError

_MEND = "make room there, or choose another place"
# What numpy and zipfile raise on bytes that are not an archive of arrays, or on one that lies about itself.
_BROKEN = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, RuntimeError, OverflowError,
    SyntaxError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip


@contextlib.contextmanager
def writing(path: Path, mend: str = _MEND) -> Iterator[None]:
    """Within it, what the operating system refuses to write at a path, or beside it, raises UserError with its reason.

    Of a full disk the system says no name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and not Path(os.fsdecode(error.filename)).is_relative_to(path.parent):
            raise
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}; {mend}") from error


@contextlib.contextmanager
def whole_file(path: Path, mode: str = "w", mend: str = _MEND, **how: Any) -> Iterator[IO[Any]]:
    """A file to write to, opened as by `open`. It appears under its name when all went well; else an old one stays.

    Raises UserError if it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path, mend):
        try:
            with open(temporary, mode, **how) as file:
                yield file
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole, or leaves the old one. Raises UserError if it cannot be written."""
    with whole_file(path, encoding="utf-8") as file:
        file.write(text)


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Those of the named arrays of an .npz that it has, all of them where none is named. Nothing is unpickled.

    Raises UserError if it is damaged or no .npz at all.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name in names or not names}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("its members are not arrays")
    except _BROKEN as error:
        raise UserError(f"cannot read '{path}' as an .npz file: {error}") from None
    return arrays


def packaged(*parts: str) -> Path:
    """A file or folder that comes with seqtutor: beside the package in a clone, inside it after an install."""
    package = Path(seqtutor.__file__).parent
    inside = package.joinpath(*parts)
    return inside if inside.exists() else package.parent.joinpath(*parts)
