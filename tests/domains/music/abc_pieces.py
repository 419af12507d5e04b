"""Small tunes in ABC as their notes."""

from seqtutor.domains.music.abc_tunes import parse_abc
from seqtutor.domains.music.melody import Piece

HEAD = "X:1\nM:4/4\nL:1/16\nK:C\n"


def piece(body: str, head: str = HEAD) -> Piece:
    """The melody of a body under a header."""
    return parse_abc(f"{head}{body}\n")


def notes(body: str, head: str = HEAD) -> list[tuple[int, int, int]]:
    """(MIDI pitch, start, length) of each note, in sixteenths."""
    return [(note.pitch, int(note.start), int(note.end - note.start)) for note in piece(body, head).notes]


def pitches(body: str, head: str = HEAD) -> list[int]:
    """MIDI pitches."""
    return [note.pitch for note in piece(body, head).notes]


def dropped(body: str, head: str = HEAD) -> dict[str, int]:
    """What was left out."""
    return {cause: count for cause, count in piece(body, head).dropped.items() if count}
