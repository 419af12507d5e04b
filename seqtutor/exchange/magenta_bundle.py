"""Magenta's bundles, `.mag`: a protocol buffer that holds a checkpoint of TensorFlow's, of one file (V1).

message GeneratorBundle {
  GeneratorDetails generator_details = 1;  // not read
  repeated bytes checkpoint_file = 2;      // there is one
  bytes metagraph_file = 3;                // not read
  BundleDetails bundle_details = 4;        // not read
}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqtutor.errors import UserError
from seqtutor.system.input_files import open_input

KIND = ".mag"
MOST = 1 << 30  # bytes; those that Magenta has published have some ten megabytes
_CHECKPOINT = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # kinds of fields
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def checkpoint_of(path: Path) -> bytes:
    """The checkpoint in a bundle. Raises UserError for a file that is none, or that has several."""
    try:
        with open_input(path) as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            raise UserError(f"'{path}' is larger than {MOST >> 20} MiB; is it a bundle of Magenta's?")
        checkpoints = [value for number, value in _fields(data) if number == _CHECKPOINT]
        if len(checkpoints) != 1:
            raise ValueError(f"it has {len(checkpoints)} checkpoints, not one")
        return checkpoints[0]
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"'{path}' is not a readable bundle of Magenta's: {error}") from None


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of every field of a message; those of numbers are left out. Raises ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in _SIZES:
            at += _SIZES[kind]
        elif kind == _BYTES:
            size, at = _varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            raise ValueError(f"a field of kind {kind}")
    if at > len(data):
        raise ValueError("it is cut short")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where it ends. Raises ValueError."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("it is cut short")
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise ValueError("a number of more than 64 bits")
