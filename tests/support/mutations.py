"""Bytes and arrays changed at random, by a generator of random numbers, as tests.support.mutate does with its cases."""

from __future__ import annotations

import random
import re

import numpy as np

SPECIAL = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\xa9", "\u2028".encode(), b"\xed\xa0\x80", b"\r", b"\n\n", b"\t", b'"',
    b"'", b",", b";", b"#", b"nan", b"-1", b"1e999", b"1e-320", b"9" * 25, b"9" * 5000, b"[" * 300, b"(" * 300, b"{}",
    b"%", b"\\", b"<end>", b"../../x", b"*", b"&a", b"!!", b": ", b"- ", b"null", b"true",
)  # fmt: skip
VALUES = (
    None, True, [], {}, [1, [2]], "", "x", "\0", "a\nb", "\u00e9", "nan", ".inf", -1, 0, 1, 2.5, 10**9, 10**18, 10**400,
    -(10**30), 1e-320, 1e308, float("nan"), float("inf"), "9" * 30, [10**9], {"a": {"b": None}}, "../..", "x" * 3000,
)  # fmt: skip


def mangled(data: bytes, rng: random.Random) -> bytes:
    """Bytes with one to four faults: flips, cuts, doublings, swaps, special bytes, other numbers."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_FAULTS)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), rng.choice((1, 1, 3, 20)))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at, size = _piece(data, rng)
    return data[:at] + data[at + size :]


def _double(data: bytes, rng: random.Random) -> bytes:
    at, size = _piece(data, rng)
    return data[:at] + data[at : at + size] * rng.choice((2, 2, 3, 9)) + data[at + size :]


def _move(data: bytes, rng: random.Random) -> bytes:
    (at, size), to = _piece(data, rng), rng.randint(0, len(data))
    return data[:to] + data[at : at + size] + data[to:]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(SPECIAL) + data[at:]


def _renumber(data: bytes, rng: random.Random) -> bytes:
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not numbers:
        return _insert(data, rng)
    found = rng.choice(numbers)
    return data[: found.start()] + str(rng.choice(VALUES)).encode("utf-8", "replace") + data[found.end() :]


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


_FAULTS = (_flip, _cut, _drop, _double, _move, _insert, _insert, _renumber, _lines)


def _piece(data: bytes, rng: random.Random) -> tuple[int, int]:
    at = rng.randint(0, len(data))
    return at, rng.choice((1, 2, 8, 60))


def chance(rng: random.Random, share: float) -> bool:
    """True in this share of the calls."""
    return rng.random() < share


def other_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """The array with another type, shape, order or value."""
    array = rng.choice((
        lambda: array.astype(rng.choice(("f4", "f8", "c16", "?", "O", "U4", "S3", "u1", "i1", "u8", "M8[s]"))),
        lambda: array.reshape(rng.choice(((-1,), (1, 1, -1), (array.size, 1)))),
        lambda: array[:0], lambda: array[:, :0], lambda: array[0, 0], lambda: np.array([{}, lambda: 0][:1], "O"),
        lambda: np.where(array == (array.flat[0] if array.size else 0), rng.choice((-1, 38, 2**62, -(2**63))), array),
        lambda: np.asfortranarray(array), lambda: array.astype([("a", "i4"), ("b", "f4")]), lambda: array[::-1].T,
    ))()  # fmt: skip
    return np.asarray(array)
