"""One voice of a tune in ABC: its tokens, in order, become events with exact lengths; the events become notes.

Section numbers are those of the ABC standard 2.1.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from seqtutor.domains.music.abc_fields import ALTERATIONS, Key, Time, length
from seqtutor.domains.music.melody import MAX_STEPS, Note, Unusable

MAX_EVENTS = MAX_STEPS  # notes and rests of a voice: as many as a melody has sixteenths
MAX_DENOMINATOR = 1_000_000  # of a time: no rhythm has a finer common grid, and exact sums of odd ones grow without end
NOTE = r"(\^\^?|__?|=)?([A-Ga-g])([,']*)(\d*)(/*)(\d*)"
_NOTE = re.compile(NOTE)
_IN_CHORD = re.compile(rf'(?P<note>{NOTE})(?P<tie>\s*-)?|"[^"]*"|![^!]*!|[zx]\d*/*\d*|[\s()`.~H-Wh-w]')
_LENGTH = re.compile(r"(\d*)(/*)(\d*)")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MIDDLE_C = 60
_TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # 4.13: so many notes in the time of; of others it depends on the meter


@dataclass(slots=True)
class Event:
    """A note, a chord (by its highest note) or a rest (pitch None); the length is in sixteenths."""

    length: Fraction
    pitch: int | None
    tied: bool = False  # to the next event


class _Written(NamedTuple):
    """A note as it is written."""

    accidental: str | None
    letter: str
    octave: int  # 0 for the octave above middle C
    factor: Fraction


class Voice:
    """Reads one voice. Its methods take the text of a token each; all raise Unusable where it makes no sense.

    Attributes:
      key, time, unit, shift: as the fields last said; `unit` in sixteenths, `shift` in semitones.
      accidentals_hold: 11.3, to the bar line in every octave ("pitch"), in their own ("octave"), or "not".
      notes: how many there are. `sharps`: of the key at the first of them, as it sounds.
      dropped: how many things of each kind were left out.
    """

    def __init__(self, key: Key, time: Time, unit: Fraction, shift: int):
        self.key, self.time, self.unit, self.shift = key, time, unit, shift
        self.accidentals_hold = "pitch"
        self.dropped = Counter[str]()
        self.notes, self.sharps = 0, key.sharps
        self._line: list[Event] = []
        self._events = self._line  # or, in an overlay, a list that is thrown away
        self._altered: dict[str, int] = {}  # in this bar
        self._last: dict[str, int] = {}  # letters with octaves of the last event, and their pitches
        self._tied: dict[str, int] = {}  # those of them that are tied to the next
        self._tuplet, self._in_tuplet = Fraction(1), 0
        self._broken = Fraction(1)
        self._overlay_of_bars = False

    def note(self, text: str) -> None:
        """A note with its accidental, octave and length."""
        written = _written(text)
        place = _place(written)
        pitch = self._pitch(written, place)
        self._add(written.factor * self.unit, pitch, {place: pitch})

    def chord(self, text: str) -> None:
        """Notes that sound together, "[CEG]2" or, of old, "+CEG+": the highest stays, as long as the first (4.17)."""
        inside, _, after = text[1:].rpartition("]" if text[0] == "[" else "+")
        at, found, factor = 0, dict[str, int](), None
        tied = dict[str, int]()
        while at < len(inside):
            part = _IN_CHORD.match(inside, at)
            if part is None:
                raise Unusable(f"broken ABC: {inside[at]!r} in a chord")
            at = part.end()
            if part["note"]:
                written = _written(part["note"])
                place = _place(written)
                found[place] = self._pitch(written, place)
                factor = factor or written.factor
                if part["tie"]:
                    tied[place] = found[place]
        if factor is None:
            raise Unusable("broken ABC: a chord without notes")
        highest = max(found.values())
        self._add(factor * _factor(after) * self.unit, highest, found)
        self._tied = tied
        self._events[-1].tied = highest in tied.values()
        self._count("lower notes of chords", len(found) - 1)

    def rest(self, text: str) -> None:
        """A rest, printed (z) or not (x)."""
        self._add(_factor(text[1:]) * self.unit, None, {})

    def bars(self, text: str) -> None:
        """A rest of whole bars, "Z4"."""
        if self.time.bar is None:
            raise Unusable("a rest of whole bars (Z) without a meter")
        self._add(_factor(text[1:]) * self.time.bar, None, {})

    def bar(self, text: str) -> None:
        """A bar line, or an ending."""
        self.dropped["repeats not played"] += ":|" in text or "::" in text
        self._altered.clear()
        if not self._overlay_of_bars:
            self._events = self._line

    def tie(self, text: str) -> None:
        """A tie from the last event to the next."""
        if self._events and self._events[-1].pitch is not None:
            self._events[-1].tied, self._tied = True, self._last

    def broken(self, text: str) -> None:
        """4.4: ">" lengthens the event before by half and halves the one after; "<" the reverse; ">>" by quarters."""
        if not self._events or len(text) > 4:
            raise Unusable(f"broken ABC: {text[:4]!r}")
        short = Fraction(1, 2 ** len(text))
        before, self._broken = (2 - short, short) if text[0] == ">" else (short, 2 - short)
        self._events[-1].length *= before

    def tuplet(self, text: str) -> None:
        """4.13: "(p:q:r", p notes in the time of q, for the next r."""
        p, q, r = (int(number or 0) for number in [*text[1:].split(":"), "", ""][:3])
        q = q or _TUPLETS.get(p) or (3 if self.time.compound else 2)
        if p < 2:
            raise Unusable(f"broken ABC: {text!r}")
        self._tuplet, self._in_tuplet = Fraction(q, p), r or p

    def grace(self, text: str) -> None:
        """4.20: grace notes take no time; their accidentals hold for the bar."""
        notes = list(map(_written, (found[0] for found in _NOTE.finditer(text))))
        for written in notes:
            self._pitch(written, _place(written))
        self._count("grace notes", len(notes))

    def overlay(self, text: str) -> None:
        """7.4: "&" to the bar line, or "(&" ... "&)", is another voice in the same bars; the first is read."""
        if text in ("(&", "&)"):
            self._overlay_of_bars, self._events = text == "(&", self._line
        else:
            self._events = []
        self._last, self._tied, self._in_tuplet = {}, {}, 0

    def melody(self) -> list[Note]:
        """The notes, tied ones joined, in sixteenths from the beginning, rests included."""
        notes, now, tied = list[Note](), Fraction(0), False
        for event in self._line:
            end = now + event.length
            if end.denominator > MAX_DENOMINATOR:
                raise Unusable("rhythm off the sixteenth grid")
            if event.pitch is not None:
                if tied and notes[-1].pitch == event.pitch:
                    notes[-1] = notes[-1]._replace(end=float(end))
                else:
                    notes.append(Note(float(now), float(end), event.pitch))
            now, tied = end, event.tied
        return notes

    def _add(self, duration: Fraction, pitch: int | None, places: dict[str, int]) -> None:
        if self._in_tuplet:
            duration, self._in_tuplet = duration * self._tuplet, self._in_tuplet - 1
        if self._broken != 1:
            duration, self._broken = duration * self._broken, Fraction(1)
        self._events.append(Event(duration, pitch))
        self._last, self._tied = places, {}
        if len(self._events) > MAX_EVENTS:
            raise Unusable(f"more than {MAX_EVENTS} notes")
        if self._events is not self._line:
            self.dropped["notes of overlaid voices"] += pitch is not None
        elif pitch is not None:
            if not self.notes and self.key.sharps is not None:
                self.sharps = self.key.sharps + 7 * self.shift  # seven sharps more are a semitone up
            self.notes += 1

    def _pitch(self, written: _Written, place: str) -> int:
        """The MIDI pitch: by its own accidental, the note it is tied from, the bar's accidental, or the key's."""
        held = written.letter if self.accidentals_hold == "pitch" else place
        alteration = self.key.altered.get(written.letter, 0)
        if written.accidental:
            alteration = ALTERATIONS[written.accidental]
            if self.accidentals_hold != "not":
                self._altered[held] = alteration
        elif place in self._tied:
            return self._tied[place]
        elif held in self._altered:
            alteration = self._altered[held]
        return _MIDDLE_C + _STEPS[written.letter] + 12 * written.octave + alteration + self.shift

    def _count(self, cause: str, number: int) -> None:
        if self._events is self._line:
            self.dropped[cause] += number


@lru_cache(4096)
def _written(text: str) -> _Written:
    match = _NOTE.fullmatch(text)
    assert match is not None  # the token was found by it
    accidental, letter, octave, *duration = match.groups()
    octaves = octave.count("'") - octave.count(",") + letter.islower()
    return _Written(accidental, letter.upper(), octaves, length(*duration))


def _place(written: _Written) -> str:
    """Where the note is on the staff."""
    return f"{written.letter}{written.octave}"


def _factor(text: str) -> Fraction:
    match = _LENGTH.fullmatch(text)
    assert match is not None  # so was this one
    return length(*match.groups())
