"""Scores in MusicXML, plain or packed (.mxl), by parts or by measures: a file -> the notes of a melody.

A score is read once through, as it sounds: a transposing instrument's notes are moved. It leaves out repeats, grace and
cue notes, all but the highest note of a chord, and all but the first voice of the upper staff, of the first part that
has notes; each is counted in the piece's `dropped`.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from seqtutor.domains.music.melody import MAX_OFF_GRID, MAX_STEPS, Note, Piece, Unusable, off_grid, single_line
from seqtutor.system.input_files import open_input

MAX_BYTES = 32 << 20  # of a score, unpacked: a symphony has half of it; about ten times as much memory is needed
MAX_ELEMENTS = 2_000_000  # a score of MAX_BYTES has about as many; some hundred bytes of memory each
MAX_PARTS = 1000  # an orchestra has some thirty
MAX_DEPTH = 100  # of elements inside one another: MusicXML has about ten
ROOTS = ("score-partwise", "score-timewise")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_BEATS = re.compile(r"[0-9]{1,3}(\+[0-9]{1,3}){0,9}")
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")


def read_musicxml(path: Path) -> Piece:
    """The melody of a score, quantised to sixteenths; it ends with the last bar. Raises Unusable; OSError."""
    with open_input(path) as file:
        data = file.read(MAX_BYTES + 1)
    if data.startswith(b"PK"):
        data = _unpacked(data)
    if len(data) > MAX_BYTES:
        raise Unusable(f"a score of more than {MAX_BYTES >> 20} MiB")
    score = _tree(data, ROOTS)
    if len(found := _measures(score)) > MAX_PARTS:
        raise Unusable(f"more than {MAX_PARTS} parts")
    parts = [_Part(measures) for measures in found]
    number, part = next(((i, part) for i, part in enumerate(parts) if part.voices), (0, None))
    if part is None:
        raise Unusable("no notes")
    bars = _bars(part, parts)
    filled = sum(bar > own for bar, (own, _, _) in zip(bars, part.bars, strict=True))
    if filled:
        part = _Part(found[number], bars)
    first, *others = part.voices
    dropped = part.dropped
    dropped["short bars filled up as in other parts"] += filled
    dropped["notes of other voices"] += sum(map(len, others))
    dropped["notes of other parts"] += sum(
        len(voice) for i, other in enumerate(parts) if i != number for voice in other.voices
    )
    if off_grid(first) > MAX_OFF_GRID:
        raise Unusable("rhythm off the sixteenth grid")
    line = single_line(first, dropped, "lower notes of chords")
    return Piece(line, max(int(line[-1].end), round(part.end)), part.sharps, dropped)


def _measures(score: Element) -> list[list[Element]]:
    """The measures of each part. In a timewise score, where each measure holds parts, those are a part's measures."""
    if score.tag == ROOTS[0]:
        return [part.findall("measure") for part in score.findall("part")]
    measures = [measure.findall("part") for measure in score.findall("measure")]
    names = [[part.get("id") for part in parts] for parts in measures]
    if any(each != names[0] for each in names):  # a part without one of the measures would run ahead of the others
        raise Unusable("a timewise score whose measures have different parts")
    return [list(parts) for parts in zip(*measures, strict=True)]


def _bars(part: _Part, parts: Sequence[_Part]) -> list[Fraction]:
    """How long each bar of a part is: where a file lacks a rest or a dot, what follows would come too soon.

    A bar that is short is as long as in another part that has notes in it, but no longer than the meter says.
    """
    bars = [own for own, _, _ in part.bars]
    for other in parts:
        for i, ((own, meter, _), (there, _, sounds)) in enumerate(zip(part.bars, other.bars, strict=False)):
            if own < meter and sounds:  # a rest of a whole bar may be written for half a one
                bars[i] = max(bars[i], min(there, meter))
    return bars


class _Part:
    """The notes of a part.

    Attributes:
      voices: those with notes, by staff, the upper first, then in the order in which they appear, if only with a rest;
        times in sixteenths.
      bars: of each, how long it is, how long it would be by the meter, in sixteenths, and whether it has notes.
      end: where the last bar ends.
      sharps: of the first key signature, as it sounds.
      dropped: how many things of each kind the part leaves out.
    """

    def __init__(self, measures: Sequence[Element], bars: Sequence[Fraction] = ()):
        """Args: bars: how long each bar is at least."""
        self._voices: dict[tuple[str, str], list[Note]] = {}  # by staff and name
        self.end, self.dropped = Fraction(0), Counter[str]()
        self.sharps: int | None = None
        self._divisions, self._shift = Fraction(1), 0
        self._at = self._onset = Fraction(0)
        self._tied: dict[tuple[str, str, int], int] = {}  # the place in its voice of a note that a tie goes on with
        self.bars, self._meter, self._sounds = list[tuple[Fraction, Fraction, bool]](), Fraction(0), False
        for number, measure in enumerate(measures):
            self._at = begin = self.end
            self._sounds = False
            for element in measure:
                self._read(element)
                self.end = max(self.end, self._at)
                if self.end > MAX_STEPS:
                    raise Unusable(f"longer than {MAX_STEPS} sixteenths")
            self.end = max(self.end, begin + bars[number]) if bars else self.end
            self.bars.append((self.end - begin, self._meter, self._sounds))
        ordered = sorted(self._voices, key=lambda of: (len(of[0]), of[0]))  # staves are numbered from the top
        self.voices = [self._voices[of] for of in ordered if self._voices[of]]

    def _read(self, element: Element) -> None:
        if element.tag == "note":
            self._note(element)
        elif element.tag in ("backup", "forward"):
            length = self._length(element)
            self._at = max(Fraction(0), self._at + (length if element.tag == "forward" else -length))
        elif element.tag == "attributes":
            self._attributes(element)
        elif element.tag == "barline":
            repeat = element.find("repeat")
            self.dropped["repeats not played"] += repeat is not None and repeat.get("direction") == "backward"
        elif element.tag in ("direction", "sound"):
            sounds = [element] if element.tag == "sound" else element.findall("sound")
            self.dropped["jumps not played"] += sum(bool({"dacapo", "dalsegno"} & set(each.keys())) for each in sounds)

    def _attributes(self, element: Element) -> None:
        if element.find("divisions") is not None:
            self._divisions = _number(element, "divisions")
            if self._divisions <= 0:
                raise Unusable("broken MusicXML: divisions")
        if (time := element.find("time")) is not None:
            self._meter = _meter(time)
        if (transpose := element.find("transpose")) is not None:
            self._shift = int(_number(transpose, "chromatic", 0) + 12 * _number(transpose, "octave-change", 0))
        if self.sharps is None and element.find("key/fifths") is not None:
            self.sharps = (int(_number(element, "key/fifths")) + 7 * self._shift + 6) % 12 - 6

    def _note(self, note: Element) -> None:
        if note.find("grace") is not None:
            self.dropped["grace notes"] += 1
            return
        length = self._length(note)
        if note.find("chord") is None:
            self._onset, self._at = self._at, self._at + length
        of = note.findtext("staff", "1").strip(), note.findtext("voice", "1").strip()
        voice = self._voices.setdefault(of, [])
        if note.find("rest") is not None:
            return
        self._sounds = True
        if note.find("cue") is not None or note.find("pitch") is None:
            self.dropped["notes of drums" if note.find("cue") is None else "cue notes"] += 1
            return
        pitch = self._pitch(note)
        begun = self._tied.pop((*of, pitch), None)
        if begun is not None and voice[begun].end == float(self._onset):  # some programs leave out the tie's stop
            voice[begun] = voice[begun]._replace(end=float(self._onset + length))
        else:
            begun = len(voice)
            voice.append(Note(float(self._onset), float(self._onset + length), pitch))
        if any(tie.get("type") == "start" for tie in note.findall("tie")):
            self._tied[(*of, pitch)] = begun

    def _pitch(self, note: Element) -> int:
        step = note.findtext("pitch/step", "").strip()
        alter = _number(note, "pitch/alter", 0)
        if step not in _STEPS:
            raise Unusable("broken MusicXML: step")
        if alter.denominator != 1:
            raise Unusable("a pitch between two semitones")
        return int(12 * (_number(note, "pitch/octave") + 1) + _STEPS[step] + alter) + self._shift

    def _length(self, element: Element) -> Fraction:
        """The duration of an element in sixteenths."""
        length = 4 * _number(element, "duration") / self._divisions
        if not 0 <= length <= MAX_STEPS:
            raise Unusable("broken MusicXML: duration")
        return length


def _meter(time: Element) -> Fraction:
    """The sixteenths of a bar, by a time signature such as 4/4 or 3+2/8; 0 where there is none that can be read."""
    beats, unit = time.findtext("beats", "").strip(), time.findtext("beat-type", "").strip()
    if not _BEATS.fullmatch(beats) or not _BEATS.fullmatch(unit) or not unit.isdecimal() or int(unit) == 0:
        return Fraction(0)
    return Fraction(16 * sum(map(int, beats.split("+"))), int(unit))


def _number(element: Element, path: str, default: int | None = None) -> Fraction:
    text = element.findtext(path, "" if default is None else str(default)).strip()
    if not _NUMBER.fullmatch(text):
        raise Unusable(f"broken MusicXML: {path.rpartition('/')[2]}")
    return Fraction(text)


def _tree(data: bytes, roots: tuple[str, ...] = ()) -> Element:
    """The elements of a document, whose outermost one is of `roots` if there are any.

    One that defines entities, which may grow without end, is refused.
    """
    parser, builder, depth, count = expat.ParserCreate(), TreeBuilder(), 0, 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        if depth == 0 and roots and tag not in roots:
            raise Unusable("not a MusicXML score")
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH:
            raise Unusable("broken MusicXML: elements too deep")
        if count > MAX_ELEMENTS:
            raise Unusable(f"a score of more than {MAX_ELEMENTS} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(*_: object) -> None:
        raise Unusable("XML that defines entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = builder.data, entity
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two are of encodings
        raise Unusable("broken XML") from error
    return builder.close()


def _unpacked(data: bytes) -> bytes:
    """The score in an .mxl file, cut after MAX_BYTES + 1 bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            with archive.open("META-INF/container.xml") as file:
                root = _tree(file.read(MAX_BYTES)).find(".//rootfile")
            if root is None:
                raise Unusable("broken .mxl file")
            with archive.open(root.get("full-path", "")) as file:
                return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unusable("broken .mxl file") from error
