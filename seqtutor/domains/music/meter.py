"""Time signatures: how many sixteenths a bar and a beat have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seqtutor.errors import UserError

_COMPOUND = (6, 9, 12)  # numerators of meters whose beat is three notes, as in 6/8
_SIGNATURE = re.compile("([1-9]|1[0-6])/([248])")


@dataclass(frozen=True)
class Meter:
    """A time signature, `numerator` notes of the value 1/`denominator` a bar."""

    numerator: int
    denominator: int

    @classmethod
    def named(cls, signature: str) -> Meter:
        """The meter of a signature such as 3/4. Raises UserError for any other."""
        numbers = _SIGNATURE.fullmatch(signature)
        if numbers is None:
            raise UserError(f"domain.meter is {signature!r}: give 1 to 16 halves, quarters or eighths, as 3/4 or 6/8")
        return cls(int(numbers[1]), int(numbers[2]))

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def bar(self) -> int:
        """Sixteenths of a bar; an even number."""
        return self.numerator * 16 // self.denominator

    @property
    def beat(self) -> int:
        """Sixteenths of a beat: the denominator's note, or three of them where the numerator is 6, 9 or 12."""
        return 16 // self.denominator * (3 if self.numerator in _COMPOUND else 1)


COMMON_TIME = Meter(4, 4)
