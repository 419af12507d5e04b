"""What could not be used of a data set, and why: millions of lines of it in little memory."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from seqtutor.reading.records import DUPLICATE, Rejected
from seqtutor.system.files import writing
from seqtutor.system.tables import csv_file

BLOCK = 4096  # items compressed together
KINDS = 1000  # different reasons that are counted one by one; some name what was wrong, and there is no end of these


class Packed:
    """A list of JSON values that only grows: a gzip file in memory, of lines that are lists of up to BLOCK of them."""

    def __init__(self, data: bytes = b""):
        """Args: data, of another one."""
        self._blocks, self._recent = [data], list[Any]()

    def append(self, item: Any) -> None:
        """Adds a value."""
        self._recent.append(item)
        if len(self._recent) == BLOCK:
            self._pack()

    def __iter__(self) -> Iterator[Any]:
        with gzip.open(io.BytesIO(self.data()), "rt", encoding="ascii") as lines:
            for line in lines:
                yield from json.loads(line)

    def data(self) -> bytes:
        """All of it, for a file. Further values may follow."""
        self._pack()
        self._blocks = [b"".join(self._blocks)]
        return self._blocks[0]

    def _pack(self) -> None:
        if self._recent:
            self._blocks.append(gzip.compress(f"{json.dumps(self._recent)}\n".encode("ascii"), 5, mtime=0))
            self._recent.clear()


class Rejections:
    """Every `Rejected`, in order.

    Attributes:
      first: the first that is no duplicate, None where there is none.
    """

    def __init__(self, items: Iterable[Rejected] = ()):
        self._items, self._counts, self._others = Packed(), Counter[str](), 0
        self.first: Rejected | None = None
        for item in items:
            self.append(item)

    def append(self, item: Rejected) -> None:
        """Adds one."""
        self._items.append(item)
        if item.reason in self._counts or len(self._counts) < KINDS or item.reason == DUPLICATE:
            self._counts[item.reason] += 1
        else:
            self._others += 1
        if self.first is None and item.reason != DUPLICATE:
            self.first = item

    def __len__(self) -> int:
        return self._counts.total() + self._others

    def __iter__(self) -> Iterator[Rejected]:
        return (Rejected(*item) for item in self._items)

    @property
    def faults(self) -> int:
        """How many are not duplicates."""
        return len(self) - self._counts[DUPLICATE]

    def reasons(self, most: int = 5, duplicates: bool = True) -> str:
        """The commonest reasons with their counts: "12 empty, 3 no notes"."""
        counts = [item for item in self._counts.most_common() if duplicates or item[0] != DUPLICATE]
        rest = self._others + sum(count for _, count in counts[most:])
        return ", ".join([f"{count} {reason}" for reason, count in counts[:most]] + [f"{rest} others"] * bool(rest))

    def state(self) -> tuple[list[Any], bytes]:
        """All of it, for a file: a JSON value, and bytes."""
        return [self._counts, self._others, self.first], self._items.data()

    @classmethod
    def restored(cls, words: list[Any], items: bytes) -> Rejections:
        """The inverse of `state`. Raises ValueError or TypeError for anything else."""
        found = cls()
        counts, found._others, first = words
        found._counts, found._items = Counter(counts), Packed(items)
        found.first = None if first is None else Rejected(*first)
        return found


def write_rejected(folder: Path, *lists: Rejections) -> None:
    """Writes rejected.csv into a folder; where nothing was rejected, removes that of an earlier call."""
    path = folder / "rejected.csv"
    if not any(map(len, lists)):
        with writing(path):
            path.unlink(missing_ok=True)
        return
    with csv_file(path, Rejected._fields) as table:
        for item in chain.from_iterable(lists):
            table.add(item._asdict())
