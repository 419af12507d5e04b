"""A page that plays melodies in the browser: one file, no network, sound made by WebAudio."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.domains.music.earned import Shares, amount, table
from seqtutor.domains.music.html import roll
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.midi import write_midi
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.sound_page import played
from seqtutor.domains.music.tokens import NOTE_OFF
from seqtutor.domains.rewards import Reward
from seqtutor.system.templates import rendered


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
    each = list(zip(names, melodies, shares, strict=True))
    shown = [_melody(i, *melody, meter, playing) for i, melody in enumerate(each, 1)]
    data = [
        {**played(tokens, playing), "earned": {name: share.tolist() for name, share in given.items()}}
        for _, tokens, given in each
    ]
    return rendered("domains/music/player.html", title=title, melodies=shown, data=data)


def _melody(
    number: int, name: str, tokens: np.ndarray, shares: Shares, meter: Meter, playing: Playing
) -> dict[str, Any]:  # fmt: skip
    """What the page shows of a melody."""
    file = f"melody-{number:05d}.mid"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        write_midi(tokens, path, meter, playing)
        midi = b64encode(path.read_bytes()).decode()
    return {
        "name": name, "roll": roll(list(tokens), meter, shares), "file": file, "midi": midi,
        "rules": table(shares, meter), "total": amount(sum(float(share.sum()) for share in shares.values())),
    }  # fmt: skip
