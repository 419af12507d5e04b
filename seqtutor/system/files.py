"""Files that are written whole or not at all, and archives of arrays that may be anything."""

from __future__ import annotations

import contextlib
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

import seqtutor
from seqtutor.errors import UserError
from seqtutor.system import temporary
from seqtutor.system.input_files import most_unpacked, open_input

_MEND = "make room there, or choose another place"
MOST_EMPTY = 1 << 20  # rows of an array that has no columns: there may be any number of them in no space
MOST_BESIDE = 1 << 10  # bytes an array, that an archive may have beside what its arrays hold; numpy takes a quarter
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
    hidden = temporary.beside(path)
    with writing(path, mend):
        try:
            with open(hidden, mode, **how) as file:
                yield file
            os.replace(hidden, path)
        finally:
            temporary.remove(hidden)


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole, or leaves the old one. Raises UserError if it cannot be written."""
    with whole_file(path, encoding="utf-8") as file:
        file.write(text)


class Header(NamedTuple):
    """What an .npz says of an array of its own."""

    shape: tuple[int, ...]
    dtype: np.dtype


def read_arrays(path: Path, *names: str, packed: bool = True) -> dict[str, np.ndarray]:
    """Those of the named arrays of an .npz that it has, all of them where none is named. Nothing is unpickled.

    Args: packed: whether it may be packed; a checkpoint never is, so it takes no more memory than it has on the disk.
    Raises UserError if it is damaged or no .npz at all, or if its arrays are out of all proportion to the file.
    """
    try:
        with open_input(path) as file, np.load(file, allow_pickle=False) as archive:
            wanted = [name for name in archive.files if name in names or not names]
            _headers(archive.zip, wanted, _most(file, packed))
            arrays = {name: archive[name] for name in wanted}
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    return arrays


def array_headers(path: Path) -> dict[str, Header]:
    """What an .npz that is not packed says of each of its arrays, by name, none of which is read.

    Raises UserError as `read_arrays`, and for a file that holds much beside its arrays.
    """
    try:
        with open_input(path) as file, np.load(file, allow_pickle=False) as archive:
            found = _headers(archive.zip, archive.files, _most(file, packed=False))
            size = sum(math.prod(header.shape) * header.dtype.itemsize for header in found.values())
            if os.fstat(file.fileno()).st_size > size + MOST_BESIDE * (len(found) + 1):
                raise ValueError("it holds more than its arrays")
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    return found


def _unreadable(path: Path, error: BaseException) -> UserError:
    return UserError(f"cannot read '{path}' as an .npz file: {error}")


def _most(file: IO[bytes], packed: bool) -> int:
    """How many bytes the arrays of an archive may have."""
    most = most_unpacked(file)
    return most if packed else min(most, os.fstat(file.fileno()).st_size)


def _headers(archive: zipfile.ZipFile, names: Sequence[str], most: int) -> dict[str, Header]:
    """Of the named arrays. Raises ValueError unless they are as the archive says, of no more bytes than `most`."""
    members = {member.filename: member for member in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise ValueError("it has two arrays of one name")
    total, found = 0, dict[str, Header]()
    for name in names:
        member = members.get(f"{name}.npy") or members[name]
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            held = member.file_size - file.tell()
        size = math.prod(shape)
        if dtype.hasobject:
            raise ValueError("it has Python objects, which are never loaded")
        if size * dtype.itemsize != held:
            raise ValueError(f"array '{name}' of shape {list(shape)} does not have that size")
        if not size and max(shape) > MOST_EMPTY:
            raise ValueError(f"array '{name}' of shape {list(shape)} holds nothing")
        total += held
        found[name] = Header(shape, dtype)
    if total > most:
        raise ValueError(f"it unpacks to {total >> 20} MiB, out of all proportion; save it with np.savez, not packed")
    return found


def packaged(*parts: str) -> Path:
    """A file or folder that comes with seqtutor: beside the package in a clone, inside it after an install."""
    package = Path(seqtutor.__file__).parent
    inside = package.joinpath(*parts)
    return inside if inside.exists() else package.parent.joinpath(*parts)
