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
from collections.abc import Iterable
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
    first, *others = part.voices
    dropped = part.dropped
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


class _Part:
    """The notes of a part.

    Attributes:
      voices: those with notes, by staff, the upper first, then in the order in which they appear, if only with a rest;
        times in sixteenths.
      end: where the last bar ends.
      sharps: of the first key signature, as it sounds.
      dropped: how many things of each kind the part leaves out.
    """

    def __init__(self, measures: Iterable[Element]):
        self._voices: dict[tuple[str, str], list[Note]] = {}  # by staff and name
        self.end, self.dropped = Fraction(0), Counter[str]()
        self.sharps: int | None = None
        self._divisions, self._shift = Fraction(1), 0
        self._at = self._onset = Fraction(0)
        self._tied: dict[tuple[str, str, int], int] = {}  # the place in its voice of a note that a tie goes on with
        for measure in measures:
            self._at = self.end
            for element in measure:
                self._read(element)
                self.end = max(self.end, self._at)
                if self.end > MAX_STEPS:
                    raise Unusable(f"longer than {MAX_STEPS} sixteenths")
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
