"""Files that are read: nothing that has no end is opened, and nothing is read or unpacked without a limit.

A device or a pipe may never end. A packed file of some megabytes may hold gigabytes of blanks. What people have is not
packed to a hundredth: SMILES, tables and arrays of tokens come to a fifth or a twentieth.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
from pathlib import Path
from typing import IO

from seqtutor.errors import UserError

PACKED_TO = 100  # how many times as large as the file what is unpacked from it may be
PACKED_FREELY = 64 << 20  # bytes that may come out of any file; they are read in a second
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def open_input(path: Path) -> io.BufferedReader:
    """A file to read bytes from. Raises UserError if it is a device or a pipe; OSError if it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its other end
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind in _KINDS:
            raise UserError(f"'{path}' is {_KINDS[kind]}, which may never end; copy what is in it into a file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_text(path: Path) -> io.TextIOWrapper:
    """A file to read text from, UTF-8, its line ends as they are; bytes that are none stand as U+FFFD.

    Raises as `open_input`.
    """
    return io.TextIOWrapper(open_input(path), encoding="utf-8", errors="replace", newline="")


def read_text(path: Path, most: int) -> str:
    """A file's text, UTF-8. Raises UserError as `open_input`, and for more than `most` bytes; OSError; ValueError."""
    with open_input(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UserError(f"'{path}' is larger than {most >> 20} MiB; is it the right file?")
    return data.decode("utf-8")


def check_packed(raw: io.BufferedReader, path: Path) -> None:
    """Raises UserError where a gzipped file holds out of all proportion to its size. Unpacking alone takes a moment."""
    most, came = most_unpacked(raw), 0
    with gzip.GzipFile(fileobj=raw) as data:
        while block := data.read(1 << 20):
            came += len(block)
            if came > most:
                raise UserError(
                    f"'{path}' unpacks to more than {PACKED_TO} times its size; if you trust it, unpack it with gunzip "
                    "and give that file"
                )
    raw.seek(0)


def most_unpacked(raw: IO[bytes]) -> int:
    """How many bytes may come out of a packed file, or of one with holes, which take no room on the disk."""
    about = os.fstat(raw.fileno())
    on_disk = 512 * about.st_blocks or about.st_size  # some file systems do not say
    return max(PACKED_FREELY, PACKED_TO * min(about.st_size, on_disk))
