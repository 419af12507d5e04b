"""What the arrays of a checkpoint may be: they are checked by their headers before any is read, and then by value."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from seqtutor.system.files import Header

NUMBERS = "biuf"  # numpy's kinds of dtype
FINITE = (-3.4e38, 3.4e38)  # float32
_KINDS = {"b": "bool", "i": "int", "u": "uint", "f": "float", "S": "bytes"}


class Form(NamedTuple):
    """What an array may be.

    Attributes:
      kinds: of its dtype, as numpy has them.
      shape: its shape; None for any, where only the file limits it.
      most: whether the sizes in `shape` are the largest, not the only ones.
      between: its least and largest value, NaN being none; None for any.
    """

    kinds: str
    shape: tuple[int, ...] | None
    most: bool = False
    between: tuple[float, float] | None = None

    def fits(self, header: Header) -> bool:
        """Whether an array with this header is one."""
        if header.dtype.kind not in self.kinds or (header.dtype.kind != "S" and header.dtype.itemsize > 8):
            return False
        if self.shape is None:
            return True
        pairs = list(zip(header.shape, self.shape, strict=False))
        same_rank = len(header.shape) == len(self.shape)
        return same_rank and all(has <= may if self.most else has == may for has, may in pairs)

    def __str__(self) -> str:
        names = " or ".join(_KINDS[kind] for kind in self.kinds)
        shape = "any shape" if self.shape is None else f"shape {list(self.shape)}"
        return f"{names} of {shape}{' at the most' if self.most else ''}"


Forms = Mapping[str, Form]  # by name, in which * stands for any characters


def wanted(headers: Mapping[str, Header], forms: Forms) -> dict[str, Form]:
    """The arrays to read, by name: all that have a form. Those of groups without any are not read.

    Raises ValueError for an array of another form, and for one without a form in a group that has some.
    """
    groups, found = {pattern.partition("/")[0] for pattern in forms}, dict[str, Form]()
    for name, header in headers.items():
        if name.partition("/")[0] not in groups:
            continue
        form = forms.get(name) or next((form for pattern, form in forms.items() if fnmatchcase(name, pattern)), None)
        if form is None:
            raise ValueError(f"array {name} is left over")
        if not form.fits(header):
            raise ValueError(f"array {name} is {header.dtype} of shape {list(header.shape)}, not {form}")
        found[name] = form
    return found


def check_values(arrays: Mapping[str, np.ndarray], forms: Forms) -> None:
    """Raises ValueError for an array with a value that its form does not have."""
    for name, form in forms.items():
        if form.between is not None and arrays[name].size:
            low, high = form.between
            if not (arrays[name].min() >= low and arrays[name].max() <= high):
                raise ValueError(f"array {name} has values that are not from {low:g} to {high:g}")


def at_most(kinds: str, *shape: int, between: tuple[float, float] | None = None) -> Form:
    """The form of an array of at most these sizes."""
    return Form(kinds, shape, True, between)


def weights(group: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Form]:
    """The forms of a network's weights, by their shapes. They are finite."""
    return {f"{group}/{name}": Form("f", tuple(shape), between=FINITE) for name, shape in shapes.items()}
