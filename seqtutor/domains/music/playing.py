"""How a melody is played: tempo, instrument, swing, loudness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from seqtutor.errors import UserError, shown, unknown_name

QUARTER = 4  # sixteenths
PROGRAMS = 128  # of General MIDI
LIMITS: dict[str, tuple[float, float, str]] = {
    "tempo": (10, 1000, "quarter notes a minute"),
    "swing": (50, 75, "per cent of a quarter that its first eighth lasts: 50 is straight, 66.7 a triplet"),
    "velocity": (1, 127, "as MIDI counts loudness"),
}


@dataclass(frozen=True)
class Playing:
    """Attributes:
    tempo: quarter notes a minute.
    program: of General MIDI, from 0.
    swing: per cent of a quarter that its first eighth lasts; 50 is straight.
    velocity: 1 to 127.
    """

    tempo: float = 80
    program: int = 0
    swing: float = 50
    velocity: int = 100

    @classmethod
    def of(cls, how: Mapping[str, Any]) -> Playing:
        """Args: how: values by name; a program is a name of General MIDI or a number from 0.

        Raises UserError for an unknown name, and for a value that cannot be played.
        """
        for name in how:
            if name not in (known := [field.name for field in fields(cls)]):
                raise unknown_name("way of playing", name, known)
        values = dict(how)
        for name, (least, most, unit) in LIMITS.items():
            value = values.get(name, least)
            whole = name == "velocity"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise UserError(f"{name} is {shown(value)}: give a number, {unit}")
            if not least <= value <= most:
                raise UserError(f"{name} is {value:g}: give {least:g} to {most:g}, {unit}")
        if "program" in values:
            values["program"] = program_of(values["program"])
        return cls(**values)

    @property
    def sixteenth(self) -> float:
        """Seconds of a sixteenth, on average."""
        return 60 / self.tempo / QUARTER

    def seconds(self, step: float) -> float:
        """When a step, in sixteenths from the beginning, is played."""
        return swung(step, self.swing) * self.sixteenth


def swung(step: float, swing: float) -> float:
    """Where a place, in sixteenths, is played: the middle of each quarter falls at `swing` per cent of it."""
    quarter, inside = divmod(step, QUARTER)
    return quarter * QUARTER + _bent(inside, QUARTER / 2, QUARTER * swing / 100)


def straight(step: float, swing: float) -> float:
    """The inverse of `swung`."""
    quarter, inside = divmod(step, QUARTER)
    return quarter * QUARTER + _bent(inside, QUARTER * swing / 100, QUARTER / 2)


def _bent(inside: float, middle: float, becomes: float) -> float:
    """A place in a quarter, where the place `middle` is moved to `becomes` and the rest in proportion."""
    if inside <= middle:
        return inside * becomes / middle
    return becomes + (inside - middle) * (QUARTER - becomes) / (QUARTER - middle)


def program_of(name: str | int) -> int:
    """The number, from 0, of a program of General MIDI. Raises UserError if there is none of that name or number."""
    text = str(name).strip().lower()
    if text.isdecimal() and len(text) <= 3 and int(text) < PROGRAMS:
        return int(text)
    if text not in _programs():
        raise unknown_name("instrument of General MIDI", str(name), _programs())
    return _programs()[text]


@cache
def _programs() -> dict[str, int]:
    import pretty_midi

    return {pretty_midi.program_to_instrument_name(number).lower(): number for number in range(PROGRAMS)}
