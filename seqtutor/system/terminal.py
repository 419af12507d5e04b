"""Text for the terminal: what a file or a name holds must not steer it."""

from __future__ import annotations

import unicodedata

_STEERING = ("Cc", "Cf", "Zl", "Zp", "Cs")  # Unicode's controls, formats (that turn the direction), lines, surrogates


def printable(text: str) -> str:
    """The text with every character that steers a terminal, but for ends of lines, as its escape: `\\x1b`."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or unicodedata.category(c) not in _STEERING else _escaped(c) for c in text)


def in_a_line(text: str) -> str:
    """As `printable`, with the ends of lines too."""
    return printable(text).replace("\n", "\\n")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
