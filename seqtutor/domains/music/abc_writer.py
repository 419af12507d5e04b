"""Tokens -> ABC notation, as programs and people read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.notation import Event, Spelled, alterations, bars, spell, tonic_name
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.scale import C_MAJOR, Scale

VERSION = "%abc-2.1"  # without it some programs let no accidental hold to the bar line
END = "seqtutor-end"  # a directive: the sixteenths of the melody, with the rests after its last note
BARS_A_LINE = 4
_ACCIDENTALS = {1: "^", 0: "=", -1: "_"}


def write_abc(
    tokens: np.ndarray, path: Path, meter: Meter = COMMON_TIME, scale: Scale = C_MAJOR, playing: Playing | None = None
) -> None:
    """Writes tokens [T] as a tune in ABC, named after the file; its length T can be read back."""
    path.write_text(abc_text(tokens, path.stem, meter, scale, playing or Playing()), encoding="utf-8")


def abc_text(tokens: np.ndarray, title: str, meter: Meter, scale: Scale, playing: Playing) -> str:
    """The tune of tokens [T]: beams by beats, four bars a line. Tempo and program are said, swing and velocity not."""
    head = [
        VERSION, "X:1", f"T:{title}", f"%%{END} {len(tokens)}", f"%%MIDI program {playing.program}", f"M:{meter}",
        "L:1/16", f"Q:1/4={playing.tempo:g}", f"K:{tonic_name(scale)} {scale.mode}",
    ]  # fmt: skip
    written = [_bar(bar, meter, scale) for bar in bars(tokens, meter)]
    lines = [" | ".join(written[i : i + BARS_A_LINE]) + " |" for i in range(0, len(written), BARS_A_LINE)]
    return "\n".join([*head, *lines]).removesuffix("|") + "|]\n"


def _bar(bar: list[Event], meter: Meter, scale: Scale) -> str:
    """The notes of a bar; those of a beat stand together."""
    signed, now, parts = alterations(scale), 0, list[str]()
    by_letter, by_place = dict[str, int](), dict[tuple[str, int], int]()  # accidentals hold in all octaves, or in one
    for event in bar:
        if parts and now % meter.beat == 0:
            parts.append(" ")
        length = "" if event.length == 1 else str(event.length)
        if event.pitch is None:
            parts.append(f"z{length}")
        else:
            note = spell(event.pitch, scale)
            place, usual = (note.letter, note.octave), signed[note.letter]
            held = {by_letter.get(note.letter, usual), by_place.get(place, usual)}
            sign = "" if held == {note.alter} else _ACCIDENTALS[note.alter]
            if sign:
                by_letter[note.letter] = by_place[place] = note.alter
            parts.append(f"{sign}{_name(note)}{length}{'-' * event.tied}")
        now += event.length
    return "".join(parts)


def _name(note: Spelled) -> str:
    """The letter with its octave: C is middle C, c the one above, C, the one below."""
    if note.octave >= 5:
        return note.letter.lower() + "'" * (note.octave - 5)
    return note.letter + "," * (4 - note.octave)
