"""A page that plays melodies in the browser: one file, no network, sound made by WebAudio."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from seqtutor.domains.music.earned import Shares, table
from seqtutor.domains.music.html import roll
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.midi import write_midi
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.sound_page import SCRIPT, STYLE, played
from seqtutor.domains.music.tokens import NOTE_OFF
from seqtutor.domains.rewards import Reward
from seqtutor.system.web_page import joined, json_data, web_page

_SCRIPT = """
const kept = () => [...document.querySelectorAll("article")].filter(each => each.querySelector("input").checked);
const all = document.getElementById("kept");
document.addEventListener("change", () => { all.disabled = kept().length === 0; });
all.onclick = () => kept().forEach(each => each.querySelector("a").click());
"""


_MAIN = Markup('{articles}<button id="kept" disabled>Download what is kept</button><p role="status"></p>')
_ARTICLE = Markup(
    '<article data-number="{number}"><h2>{name}</h2>{roll}'
    '<progress max="1" value="0" aria-label="how far {name} is played"></progress>'
    '<button aria-pressed="false" aria-label="play or stop {name}">Play</button>'
    '<label><input type="checkbox"> keep<span class="hidden"> {name}</span></label>'
    '<a download="{file}" href="data:audio/midi;base64,{midi}" aria-label="MIDI of {name}">MIDI</a>{table}</article>\n'
)
_NOTE = Markup(
    "<p>Below each melody are the rules of the reward: a bar up is what a token earned, a bar down what it lost.</p>"
)


def earned(melodies: Sequence[np.ndarray], reward: Reward) -> list[dict[str, np.ndarray]]:
    """What the tokens [T] of each melody earned, float [T] by rule; without the rules that gave them nothing."""
    lengths = np.array([len(tokens) for tokens in melodies], np.int32)
    tokens = np.full((len(melodies), lengths.max(initial=0)), NOTE_OFF, np.int32)
    for row, melody in zip(tokens, melodies, strict=True):
        row[: len(melody)] = melody
    found = reward.shares(tokens, lengths)
    each = [{name: share[i, :length] for name, share in found.items()} for i, length in enumerate(lengths)]
    return [{name: share for name, share in shares.items() if share.any()} for shares in each]


def page(
    title: str, names: Sequence[str], melodies: Sequence[np.ndarray], shares: Sequence[Shares], meter: Meter,
    playing: Playing,
) -> str:  # fmt: skip
    """The page of melodies, tokens [T] each, with their names: a roll, a Play button, MIDI, a box to keep it.

    Args: shares: of each melody what its tokens earned, see `earned`.
    """
    data = [
        {**played(tokens, playing), "earned": {name: share.tolist() for name, share in each.items()}}
        for tokens, each in zip(melodies, shares, strict=True)
    ]
    articles = joined(
        _article(i, name, tokens, each, meter, playing)
        for i, (name, tokens, each) in enumerate(zip(names, melodies, shares, strict=True))
    )
    main = _NOTE + _MAIN.format(articles=articles)
    return web_page(title, STYLE, main, SCRIPT + _SCRIPT, json_data("melodies", json.dumps(data)))


def _article(number: int, name: str, tokens: np.ndarray, shares: Shares, meter: Meter, playing: Playing) -> Markup:
    file = f"melody-{number + 1:05d}.mid"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        write_midi(tokens, path, meter, playing)
        midi = b64encode(path.read_bytes()).decode()
    return _ARTICLE.format(
        number=number, name=name, roll=roll(list(tokens), meter, shares), file=file, midi=midi,
        table=table(shares, meter),
    )  # fmt: skip
