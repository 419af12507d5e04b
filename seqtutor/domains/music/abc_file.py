"""Files in ABC notation: bytes -> text -> the tunes in it, each as its header and its lines of music.

Everything here is about lines: encodings, remarks, text blocks, free text between tunes. `abc_tunes` reads the music.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from seqtutor.domains.music.melody import Unusable
from seqtutor.system.input_files import open_input

MAX_BYTES = 64 << 20  # of a file: the largest collections have half of it; about ten times as much memory is needed
MAX_TUNES = 500_000  # of a file: ten times the largest collection
MAX_CHARACTERS = 2_000_000  # of a tune: twenty for each of the sixteenths that a melody may have

_BOMS = [
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    (b"X\0:\0", "utf-16-le"), (b"\0X\0:", "utf-16-be"),
]  # fmt: skip
_LINE_END = re.compile(r"\r\n|\r|\n")  # no others: Unicode has line ends that occur in titles in cp1252
_NUMBER = re.compile(r"[ \t]*X:[ \t]*\d")
_BEGIN = re.compile(r"[ \t]*X:(?![|:])")
_FIELD = re.compile(r"[ \t]*([A-Za-z+]):(.*)")
_BAR_AFTER_NOTE = re.compile(r"[ \t]*[A-Ga-gxyzXZ]:[|:]")  # "c:|" is music, "C:Trad." a field
_DIRECTIVE = re.compile(r"^%%[ \t]*(?=[a-z])")
_BLOCK = re.compile(r"%%[ \t]*(begin|end)(\w+)")
_REMARK = re.compile(r'("[^"]*")|(\\%)|%.*')
_OTHER = re.compile(r'"[^"]*"|![^! ]*!|\[[A-Za-z]:[^\]\[]*\]')  # quotations, decorations and fields among notes
_MUSIC = re.compile(r"[A-Ga-gxyzZHLMOPSTuv0-9^_=,'/<>()\[\]{}|:~.&\s\\-]+")
_NOTE = re.compile(r"[A-Ga-gz]")
_NOTE_WITH_LENGTH = re.compile(r"[A-Ga-gz][,']*\d")
TEXT_FIELDS = "BCDFGHNORSTWZsw"  # may be continued in the next line
FILE_FIELDS = "LM"  # fields of the file's own header that decide time in every tune


class Tune(NamedTuple):
    """One tune. Fields are (letter, text) pairs; a line of music has the letter ""."""

    header: list[tuple[str, str]]  # from X: to the last field before K:
    body: list[tuple[str, str]]  # K: and everything after it


def split_abc(path: Path) -> list[tuple[int, str]]:
    """The tunes of an ABC file, each with the line it begins at (from 1).

    The text of a tune ends before the next one; it may hold free text after a blank line, which `parse_lines` leaves
    out. The file's own header (fields before the first blank line) goes before every tune. Raises Unusable; OSError.
    """
    with open_input(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Unusable(f"a file of more than {MAX_BYTES >> 20} MiB: split it")
    lines = _without_blocks(_LINE_END.split(_decode(data)))
    begins = list(_begins(lines))
    if len(begins) > MAX_TUNES:
        raise Unusable(f"more than {MAX_TUNES} tunes: split the file")
    common = _file_header(lines[: begins[0]]) if begins else []
    bounds = pairwise([*begins, len(lines)])
    return [(a + 1, "\n".join([lines[a], *common, *lines[a + 1 : b]])) for a, b in bounds]


def parse_lines(text: str) -> Tune:
    """The header and the body of one tune, as `split_abc` gives it, without remarks and text.

    Raises Unusable if it has no K:, or if music follows a blank line, which ends a tune.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"a tune of more than {MAX_CHARACTERS} characters")
    lines = [_DIRECTIVE.sub("I:", line) for line in text.split("\n")]  # they mean the same
    lines = [line for line in lines if not line.lstrip().startswith("%")]
    end = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    header: list[tuple[str, str]] = []
    body: list[tuple[str, str]] = []
    in_text = False
    for line in map(_without_remark, lines[:end]):
        field = None if body and _BAR_AFTER_NOTE.match(line) else _FIELD.fullmatch(line)
        if field:
            in_text = field[1] in TEXT_FIELDS
            value = field[2].rstrip().removesuffix("\\")
            (body if body or field[1] == "K" else header).append((field[1], value))
        elif body and not in_text:
            body.append(("", line))
        in_text = in_text and line.rstrip().endswith("\\")
    if any(_is_music(line) for line in lines[end:]):
        raise Unusable("music after a blank line, which ends a tune")
    if not body:
        raise Unusable("no notes" if all(map(_FIELD.fullmatch, lines[:end])) else "no key (K:), which ends the header")
    return Tune(header, body)


def _decode(data: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Latin-1, where every byte means something."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _without_blocks(lines: list[str]) -> list[str]:
    """The lines; those of a %%begintext ... %%endtext, or of another such block, become remarks."""
    marks = [(i, found[1], found[2]) for i, line in enumerate(lines) if (found := _BLOCK.match(line))]
    last_end = {name: i for i, kind, name in marks if kind == "end"}
    kept, inside = lines.copy(), None
    starts = {i: (kind, name) for i, kind, name in marks}
    for i in range(len(lines)) if marks else ():
        kind, name = starts.get(i, ("", ""))
        if inside is None and kind == "begin" and last_end.get(name, -1) > i:
            inside = name
        elif kind == "end" and name == inside:
            inside = None
        elif inside is not None:
            kept[i] = "%"
    return kept


def _begins(lines: list[str]) -> Iterator[int]:
    """Where tunes begin: at X:, which within a header needs a number, as an empty one there is a mistake."""
    in_header = False
    for i, line in enumerate(lines):
        if "X:" in line and (_NUMBER.match(line) or (not in_header and _BEGIN.match(line))):
            in_header = True
            yield i
        elif not line or line.isspace() or line.lstrip().startswith("K:"):
            in_header = False


def _file_header(lines: list[str]) -> list[str]:
    """The fields above the first tune that hold for every one: those of the lines before the first blank."""
    end = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    fields = map(_FIELD.fullmatch, lines[:end])
    return [field[0] for field in fields if field and field[1] in FILE_FIELDS]


def _without_remark(line: str) -> str:
    """The line up to a % that is neither escaped nor quoted."""
    return _REMARK.sub(lambda found: found[1] or "", line) if "%" in line else line


def _is_music(line: str) -> bool:
    """Whether a line of text is music: notes with bar lines or lengths, and signs of music; or the field of a voice."""
    if re.match(r"[ \t]*(?:V:|\[V:)", line):
        return True
    notes = _OTHER.sub(" ", line)
    sign = _NOTE if "|" in notes else _NOTE_WITH_LENGTH
    return sign.search(notes) is not None and _MUSIC.fullmatch(notes) is not None
