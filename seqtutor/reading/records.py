"""One sequence of a file, or the reason why it could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Record(NamedTuple):
    """One sequence read from a file. `name` says where it was: "tune.mid", "mols.smi:12".

    `dropped` counts by cause what the text leaves out of the original: (("grace notes", 3), ...).
    """

    name: str
    text: str
    dropped: tuple[tuple[str, int], ...] = ()


class Rejected(NamedTuple):
    """One sequence or file that could not be read, and why, in a few words."""

    name: str
    reason: str


DUPLICATE = "duplicate"  # the one reason for which a sequence is rejected although nothing is wrong with it


def restored(values: Sequence[Any]) -> Record | Rejected:
    """The record or rejection that JSON has made a list of."""
    if len(values) == len(Rejected._fields):
        return Rejected(*values)
    name, text, dropped = values
    return Record(name, text, tuple((cause, count) for cause, count in dropped))
