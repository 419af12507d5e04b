"""A page that plays melodies in pairs, asks which is better, and saves the answers as a CSV. It needs no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqtutor.domains.music.html import roll
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.sound_page import played
from seqtutor.domains.music.tokens import SYMBOLS
from seqtutor.system.templates import rendered


def page(title: str, pairs: Sequence[tuple[str, str]], meter: Meter, playing: Playing) -> str:
    """The page of pairs of texts. Its file has the columns left, right and better; see `domains.choices`."""
    tokens = [np.array([SYMBOLS.index(symbol) for symbol in text.split()]) for pair in pairs for text in pair]
    melodies = [
        {"number": number, "name": "AB"[number % 2], "roll": roll(list(each), meter)}
        for number, each in enumerate(tokens)
    ]
    shown = [
        {"left": left, "right": right, "melodies": melodies[2 * i : 2 * i + 2]} for i, (left, right) in enumerate(pairs)
    ]
    data = [played(each, playing) for each in tokens]
    return rendered("domains/music/rating.html", title=title, pairs=shown, data=data)
