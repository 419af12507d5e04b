"""The fields of ABC notation that decide pitch and time: key, meter, unit note length, and how a voice sounds.

The source is the ABC standard 2.1 (abcnotation.com/wiki/abc:standard:v2.1), sections 3.1 and 4.6.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from seqtutor.domains.music.melody import Unusable

LONGEST_LENGTH = 10_000  # numerators and denominators of lengths: no note of a score comes near
WHOLE = 16  # sixteenths of a whole note
FIFTHS = "FCGDAEB"  # sharps come in this order, flats in the reverse
_MODES = {
    "maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5,
}  # fmt: skip  # sharps more than the major key of the same tonic
_FREE = ("none", "free", "frei")  # the last in the Essen collection, with a meter for the bars that have one
_COMPOUND = (6, 9, 12)  # numerators of meters in which a duplet or a quadruplet fills three notes
_TONIC = re.compile(r"([A-G])([#b♯♭]?)(?![#b♯♭])")
_MODE = re.compile(r"[ \t]*(maj|min|ion|aeo|mix|dor|phr|lyd|loc|m(?![a-z=]))[a-z]*", re.I)
_ALTERED = re.compile(r"[ \t]*(\^\^|\^|__|_|=)([A-Ga-g])")
_SETTING = re.compile(r'(?:^|(?<=\s))([A-Za-z_-]+)=("[^"]*"|\S*)')
_CLEF = re.compile(r"(?:treble|alto|tenor|bass|soprano|mezzosoprano|baritone|perc|none|[GCFP])\d?([+-](?:8|15))?")
_CLEF_SHIFTS = {"+8": 12, "-8": -12, "+15": 24, "-15": -24}
_METER = re.compile(r"\(?(\d{1,4}(?:\+\d{1,4})*)\)?[ \t]*/[ \t]*(\d{1,4})(?!\d)")
_LENGTH = re.compile(r"(\d{1,4})(?:[ \t]*/[ \t]*(\d{1,4}))?(?!\d)")
ALTERATIONS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}


class Key(NamedTuple):
    """A key signature. `sharps` of the major or minor key (negative for flats), None where no key is declared."""

    sharps: int | None
    altered: dict[str, int]  # semitones of each letter A to G that the signature moves


class Time(NamedTuple):
    """A meter. `bar` in sixteenths, None where the meter is free."""

    bar: Fraction | None
    compound: bool


NO_KEY = Key(None, {})
FREE = Time(None, False)


def parse_key(text: str, current: Key) -> Key:
    """The key of a field K: "G", "A Dorian", "D Phr ^f", "HP", "none"; `current` if it names a clef alone.

    Raises Unusable if it is none of these.
    """
    text = text.strip()
    if text[:2] in ("HP", "Hp"):  # the highland bagpipe: F and C sharp, whether they are printed or not
        return _signature(2)
    if not text or text.split()[0].lower() == "none":
        return NO_KEY
    tonic = _TONIC.match(text)
    if tonic is None or (_CLEF.fullmatch(text.split()[0]) and tonic[0] != text.split()[0]):
        return _with_altered(text, 0, current)
    at, sharps = tonic.end(), FIFTHS.index(tonic[1]) - 1 + {"": 0, "#": 7, "♯": 7, "b": -7, "♭": -7}[tonic[2]]
    explicit = re.match(r"[ \t]*exp", text[at:], re.I)
    mode = _MODE.match(text, at)
    if explicit:
        return _with_altered(text, at + explicit.end(), NO_KEY)
    if mode:
        at, sharps = mode.end(), sharps + _MODES[mode[1].lower()]
    return _with_altered(text, at, _signature(sharps))


def parse_meter(text: str) -> Time:
    """The meter of a field M: "6/8", "C", "C|", "(2+3)/8", "none". Raises Unusable for any other."""
    text = text.strip()
    if text in ("C", "C|"):
        return Time(Fraction(WHOLE), False)
    if not text or text.lower().startswith(_FREE):
        return FREE
    found = _METER.match(text)
    beats, unit = (sum(map(int, found[1].split("+"))), int(found[2])) if found else (0, 0)
    if not beats or not unit:
        raise Unusable("meter (M:) not understood")
    return Time(Fraction(WHOLE * beats, unit), beats in _COMPOUND)


def parse_unit(text: str) -> Fraction:
    """The unit note length of a field L, in sixteenths: 2 of "1/8". Raises Unusable for any other text."""
    found = _LENGTH.match(text.strip())
    if not found or not int(found[1]) or (found[2] and not int(found[2])):
        raise Unusable("unit note length (L:) not understood")
    return Fraction(WHOLE * int(found[1]), int(found[2] or 1))


def default_unit(time: Time) -> Fraction:
    """The unit note length where no L: says it: a sixteenth in meters shorter than 3/4, else an eighth."""
    return Fraction(1) if time.bar is not None and time.bar < Fraction(3 * WHOLE, 4) else Fraction(2)


def parse_shift(text: str) -> int | None:
    """Semitones by which a field K or V moves the written notes: octave=, transpose=, a clef such as treble-8.

    None if it says nothing of that kind.
    """
    settings = {name.lower(): value for name, value in _SETTING.findall(text)}
    words = [settings.get("clef", ""), *_SETTING.sub(" ", text).split()]
    clefs = [_CLEF_SHIFTS[clef[1]] for clef in map(_CLEF.fullmatch, words) if clef and clef[1]]
    octave, semitones = (_small(settings.get(name, "")) for name in ("octave", "transpose"))
    if not clefs and octave is None and semitones is None:
        return None
    return 12 * (octave or 0) + (semitones or 0) + sum(clefs)


@lru_cache(4096)
def length(numerator: str, slashes: str, denominator: str) -> Fraction:
    """The factor that the length after a note means: 3/2 of ("3", "/", "2"), 1/4 of ("", "//", "").

    Raises Unusable if it is zero, or beyond `LONGEST_LENGTH`.
    """
    if max(len(numerator), len(slashes), len(denominator)) > 5 or (len(slashes) > 1 and denominator):
        raise Unusable("broken ABC: a note's length")
    over, under = int(numerator or 1), int(denominator) if denominator else 2 ** len(slashes)
    if not (0 < over <= LONGEST_LENGTH and 0 < under <= LONGEST_LENGTH):
        raise Unusable("broken ABC: a note's length")
    return Fraction(over, under)


def _signature(sharps: int) -> Key:
    """The key signature of so many sharps (flats if negative); beyond seven they double."""
    sign, order = (1, FIFTHS) if sharps >= 0 else (-1, FIFTHS[::-1])
    altered = {letter: sign * max(0, -((place - abs(sharps)) // 7)) for place, letter in enumerate(order)}
    return Key(sharps, {letter: alteration for letter, alteration in altered.items() if alteration})


def _with_altered(text: str, at: int, key: Key) -> Key:
    """The key with the accidentals that follow in the field, which must say nothing else but clef and settings."""
    altered = dict(key.altered)
    while found := _ALTERED.match(text, at):
        altered[found[2].upper()] = ALTERATIONS[found[1]]
        at = found.end()
    rest = _SETTING.sub(" ", text[at:] if at else f" {text}").split()
    if any(_CLEF.fullmatch(word) is None for word in rest):
        raise Unusable("key (K:) not understood")
    return key._replace(altered=altered)


def _small(number: str) -> int | None:
    """A whole number of at most two digits; None for anything else."""
    return int(number) if re.fullmatch(r"[+-]?\d{1,2}", number) else None
