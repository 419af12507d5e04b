"""Tunes in ABC notation: lines of music -> the notes of a melody, by the ABC standard 2.1.

A tune is read once through. It leaves out repeats and the order of parts, grace notes, all but the highest note of a
chord, and all but the first voice that has notes; each is counted in the piece's `dropped`. A sign that is not
understood makes the tune Unusable: a wrong guess would be a wrong note.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from seqtutor.domains.music.abc_fields import (
    FREE,
    NO_KEY,
    default_unit,
    parse_key,
    parse_meter,
    parse_shift,
    parse_unit,
)
from seqtutor.domains.music.abc_file import Tune, parse_lines
from seqtutor.domains.music.abc_voice import Voice
from seqtutor.domains.music.abc_writer import END
from seqtutor.domains.music.melody import MAX_OFF_GRID, MAX_STEPS, Piece, Unusable, off_grid, single_line

MAX_VOICES = 1000  # of a tune: no score has half as many
_LENGTH = r"\d*/*\d*"
_ENDING = r"\[?\d+(?:[,.-]\d+)*"
_TOKEN = re.compile(
    rf"""(?P<note>(?:\^\^?|__?|=)?[A-Ga-g][,']*{_LENGTH})
    |(?P<space>[\s`$*;?@\#)\\]+|y{_LENGTH})
    |(?P<bar>(?:\[?\||:(?=[|:\]\["(A-Ga-g])|^\s*:)[|:\]]*(?:\s*{_ENDING})?|(?=\[){_ENDING}|^\s*{_ENDING}(?=\D))
    |(?P<rest>[zx]{_LENGTH})
    |(?P<bars>[ZX]\d*)
    |(?P<broken>>+|<+)
    |(?P<tie>-)
    |(?P<quote>"[^"]*")
    |(?P<tuplet>\(\d(?::\d?){{0,2}})
    |(?P<overlay>\(&|&\)|&+)
    |(?P<slur>\()
    |(?P<grace>\{{[^{{}}]*\}})
    |(?P<field>\[[A-Za-z]:[^\]\[]*\])
    |(?P<mark>![^!\s|]+!|\+(?=[^+\s|]{{0,40}}[^+\s|A-Ga-g,'0-9/^_=])[^+\s|]{{1,40}}\+|\+f{{1,4}}\+)
    |(?P<chord>(?:\[(?:"[^"]*"|![^!|\s]*!|[^\]\["|!])*\]|\+[\^_=A-Ga-g,'\d/]+\+){_LENGTH})
    |(?P<ending>\["[^"]*")
    |(?P<old>!)
    |(?P<letter>[.~]|[H-Wh-w](?=\S)|(?<!\S)[H-Wh-w](?!\S))
    """,
    re.VERBOSE,
)
_SILENT = {"space", "slur", "letter", "old", "quote", "ending"}  # they say nothing of pitch or time
_JUMPS = ("D.C.", "D.S.", "dacapo", "dalsegno")
_FIELDS = "ABCDEFGHIKLMNOPQRSTUVWXZmrsw+"  # that have a meaning in some version of the standard
_WRONG = {
    "[": "a chord without an end", '"': "a quotation without an end", "{": "grace notes without an end",
    "^": "an accidental without a note", "_": "an accidental without a note", "=": "an accidental without a note",
}  # fmt: skip


def parse_abc(text: str) -> Piece:
    """The melody of one tune in ABC, as `abc_file.split_abc` gives it. Raises Unusable."""
    reader = _Reader(parse_lines(text))
    voices = [voice for voice in reader.voices.values() if voice.notes]
    if not voices and reader.end is None:
        raise Unusable("no notes")
    if not voices:
        return Piece([], reader.end or 0, None, reader.dropped)
    first, *others = voices
    notes = first.melody()
    if off_grid(notes) > MAX_OFF_GRID:
        raise Unusable("rhythm off the sixteenth grid")
    dropped = first.dropped + reader.dropped
    dropped["notes of other voices"] += sum(voice.notes for voice in others)
    line = single_line(notes, dropped, "notes shorter than a sixteenth")
    return Piece(line, max(int(line[-1].end), reader.end or 0), first.sharps, dropped)


class _Reader:
    """Hands the tokens of a tune to its voices.

    Attributes:
      voices: by their names, in the order in which they are named first.
      dropped: how many things of each kind the tune as a whole leaves out.
      end: where the melody ends, in sixteenths, if `abc_writer` says so.
    """

    def __init__(self, tune: Tune):
        self.voices: dict[str, Voice] = {}
        self.dropped = Counter[str]()
        self._key, self._time, self._shift = NO_KEY, FREE, 0
        self._unit: Fraction | None = None
        self._hold = "pitch"
        self.end: int | None = None
        self._voice: Voice | None = None
        self._declared: dict[str, int | None] = {}  # the shift of each voice of the header, where it has its own
        for letter, text in [*tune.header, tune.body[0]]:
            self._header_field(letter, text)
        for name in self._declared:
            self._switch(name)
        self._voice = next(iter(self.voices.values()), None)
        for letter, text in tune.body[1:]:
            if letter:
                self._field(letter, text)
            else:
                self._line(text)

    def _header_field(self, letter: str, text: str) -> None:
        if letter == "V" and text.split():
            self._declared[text.split()[0]] = parse_shift(text)
        elif letter == "K":
            self._key, self._shift = parse_key(text, NO_KEY), parse_shift(text) or 0
        elif letter == "M":
            self._time = parse_meter(text)
        elif letter == "L":
            self._unit = parse_unit(text)
        elif letter == "P":
            self.dropped["orders of parts not played"] += len(text.strip()) > 1
        else:
            self._other_field(letter, text)

    def _field(self, letter: str, text: str) -> None:
        """A field in the music. It holds for the voice it is in."""
        if letter == "V":
            if text.split() and text.split()[0] != "*":
                self._switch(text.split()[0], parse_shift(text))
            return
        voice = self._voice or self._switch("1")
        if letter == "K":
            voice.key, shift = parse_key(text, voice.key), parse_shift(text)
            voice.shift = voice.shift if shift is None else shift
        elif letter == "M":
            voice.time = parse_meter(text)
        elif letter == "L":
            voice.unit = parse_unit(text)
        else:
            self._other_field(letter, text)

    def _other_field(self, letter: str, text: str) -> None:
        words = text.split()
        if letter == "I" and words[:1] == ["propagate-accidentals"] and words[1:] in (["not"], ["octave"], ["pitch"]):
            self._hold = words[1]
            for voice in self.voices.values():
                voice.accidentals_hold = self._hold
        if letter == "I" and words[:1] == [END] and len(words) == 2 and re.fullmatch(r"\d{1,6}", words[1]):
            self.end = min(int(words[1]), MAX_STEPS)
        self.dropped["macros not played"] += letter == "m"
        self.dropped["lines of no known field"] += letter not in _FIELDS

    def _switch(self, name: str, shift: int | None = None) -> Voice:
        """The voice of a name is now read; a new one begins as the header says."""
        if name not in self.voices:
            if len(self.voices) == MAX_VOICES:
                raise Unusable(f"more than {MAX_VOICES} voices")
            unit = default_unit(self._time) if self._unit is None else self._unit
            own = self._declared.get(name)
            self.voices[name] = Voice(self._key, self._time, unit, self._shift if own is None else own)
            self.voices[name].accidentals_hold = self._hold
        self._voice = self.voices[name]
        if shift is not None:
            self._voice.shift = shift
        return self._voice

    def _line(self, line: str) -> None:
        """A line of music."""
        at = 0
        while at < len(line):
            found = _TOKEN.match(line, at)
            if found is None:
                raise Unusable(f"broken ABC: {_WRONG.get(line[at], repr(line[at]))}")
            at, kind, text = found.end(), found.lastgroup, found[0]
            assert kind is not None  # every alternative of the pattern has a name
            if kind in _SILENT:
                continue
            if kind == "field":
                self._field(text[1], text[3:-1])
            elif kind == "mark":
                self.dropped["jumps not played"] += text[1:-1].startswith(_JUMPS)
            else:
                getattr(self._voice or self._switch("1"), kind)(text)
