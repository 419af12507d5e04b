"""Tokens -> MusicXML 4.0, which every notation program opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.notation import Event, bars, signature, spell
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.scale import C_MAJOR, Scale

DIVISIONS = 4  # sixteenths of a quarter
BASS = 55  # a melody below this pitch, on average, is written in the bass clef
# The lengths, in sixteenths, that one note can have, the longest first: its type and dots.
_TYPES = {
    24: ("whole", 1), 16: ("whole", 0), 12: ("half", 1), 8: ("half", 0), 6: ("quarter", 1), 4: ("quarter", 0),
    3: ("eighth", 1), 2: ("eighth", 0), 1: ("16th", 0),
}  # fmt: skip
_DOCTYPE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN"
 "http://www.musicxml.org/dtds/partwise.dtd">
"""


def write_musicxml(
    tokens: np.ndarray, path: Path, meter: Meter = COMMON_TIME, scale: Scale = C_MAJOR, playing: Playing | None = None
) -> None:
    """Writes tokens [T] as a score of one part, named after the file. Tempo, program and velocity are said."""
    score = _score(tokens, path.stem, meter, scale, playing or Playing())
    ElementTree.indent(score)
    path.write_text(_DOCTYPE + ElementTree.tostring(score, "unicode") + "\n", encoding="utf-8")


def _score(tokens: np.ndarray, title: str, meter: Meter, scale: Scale, playing: Playing) -> Element:
    score = Element("score-partwise", version="4.0")
    _with(score, "work/work-title", title)
    part_list = SubElement(score, "part-list")
    entry = SubElement(part_list, "score-part", id="P1")
    _with(entry, "part-name", "melody")
    _with(SubElement(entry, "score-instrument", id="P1-I1"), "instrument-name", "melody")
    instrument = SubElement(entry, "midi-instrument", id="P1-I1")
    _with(instrument, "midi-channel", "1")
    _with(instrument, "midi-program", str(playing.program + 1))
    part = SubElement(score, "part", id="P1")
    started = False  # whether the next note continues a tied one
    for number, bar in enumerate(bars(tokens, meter), 1):
        measure = SubElement(part, "measure", number=str(number))
        if number == 1:
            _begin(measure, tokens, meter, scale, playing)
        for event in bar:
            started = _event(measure, event, started, scale)
    if len(part):
        _with(SubElement(part[-1], "barline", location="right"), "bar-style", "light-heavy")
    return score


def _begin(measure: Element, tokens: np.ndarray, meter: Meter, scale: Scale, playing: Playing) -> None:
    """Key, time, clef and tempo."""
    attributes = SubElement(measure, "attributes")
    _with(attributes, "divisions", str(DIVISIONS))
    key = SubElement(attributes, "key")
    _with(key, "fifths", str(signature(scale)))
    _with(key, "mode", scale.mode)
    time = SubElement(attributes, "time")
    _with(time, "beats", str(meter.numerator))
    _with(time, "beat-type", str(meter.denominator))
    pitches = [event.pitch for bar in bars(tokens, meter) for event in bar if event.pitch is not None]
    clef = SubElement(attributes, "clef")
    sign, line = ("F", "4") if pitches and np.mean(pitches) < BASS else ("G", "2")
    _with(clef, "sign", sign)
    _with(clef, "line", line)
    direction = SubElement(measure, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    _with(metronome, "beat-unit", "quarter")
    _with(metronome, "per-minute", f"{playing.tempo:g}")
    loud = 100 * playing.velocity / 90  # per cent of the usual velocity
    SubElement(direction, "sound", tempo=f"{playing.tempo:g}", dynamics=f"{loud:.2f}")


def _event(measure: Element, event: Event, started: bool, scale: Scale) -> bool:
    """Adds the notes or rests of an event, one for each part of its length; returns whether the last is tied on."""
    parts = list(_parts(event.length))
    for i, length in enumerate(parts):
        tied = event.pitch is not None and (event.tied or i + 1 < len(parts))
        note = SubElement(measure, "note")
        if event.pitch is None:
            SubElement(note, "rest")
        else:
            letter, alter, octave = spell(event.pitch, scale)
            pitch = SubElement(note, "pitch")
            _with(pitch, "step", letter)
            if alter:
                _with(pitch, "alter", str(alter))
            _with(pitch, "octave", str(octave))
        _with(note, "duration", str(length))
        ties = [kind for kind, there in (("stop", started), ("start", tied)) if there]
        for kind in ties:
            SubElement(note, "tie", type=kind)
        kind, dots = _TYPES[length]
        _with(note, "type", kind)
        for _ in range(dots):
            SubElement(note, "dot")
        if ties:
            notations = SubElement(note, "notations")
            for kind in ties:
                SubElement(notations, "tied", type=kind)
        started = tied
    return started


def _parts(length: int) -> Iterator[int]:
    """A length as the lengths of single notes."""
    while length:
        part = next(each for each in _TYPES if each <= length)
        yield part
        length -= part


def _with(parent: Element, path: str, text: str) -> None:
    """Adds an element with a text; of a path like a/b also the elements around it."""
    for tag in path.split("/"):
        parent = SubElement(parent, tag)
    parent.text = text
