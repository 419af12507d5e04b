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
from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.midi import write_midi
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.tokens import NOTE_OFF
from seqtutor.domains.rewards import Reward
from seqtutor.system.web_page import joined, json_data, web_page

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:0 auto;padding:1rem}
article{margin:1rem 0;padding:.8rem;border:1px solid #8886;border-radius:8px}
h1{font-size:1.5rem}h2{font-size:1rem;margin:0 0 .4rem}
svg{display:block;width:100%;height:auto;margin:.4rem 0}
button,label,a{font:inherit;margin-right:.8rem}
button{min-width:5rem}
progress{width:100%;height:.5rem}
summary{cursor:pointer;margin-top:.4rem}
table{border-collapse:collapse;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.1rem .8rem .1rem 0;font-weight:normal}
td:nth-child(2){white-space:nowrap;text-align:right}
.plus{fill:#2b8a3e}.minus{fill:#c92a2a}
@media(prefers-color-scheme:dark){.plus{fill:#69db7c}.minus{fill:#ff8787}}
.hidden{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
"""
# A tone is a triangle wave that fades. `playing` holds what sounds, so that another one, or Stop, ends it.
_SCRIPT = """
"use strict";
const melodies = JSON.parse(document.getElementById("melodies").textContent);
let context = null, playing = null;
function stop() {
  if (!playing) return;
  for (const tone of playing.tones) tone.stop();
  cancelAnimationFrame(playing.frame);
  playing.button.textContent = "Play";
  playing.button.setAttribute("aria-pressed", "false");
  playing.bar.value = 0;
  playing = null;
  say("");
}
function say(text) { document.querySelector("[role=status]").textContent = text; }
function play(button) {
  const again = playing && playing.button === button;
  stop();
  if (again) return;
  context = context || new AudioContext();
  context.resume();
  const article = button.closest("article"), bar = article.querySelector("progress");
  const {notes, seconds} = melodies[Number(article.dataset.number)], from = context.currentTime + 0.05;
  const tones = notes.map(([begin, end, pitch]) => {
    const tone = context.createOscillator(), loud = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * Math.pow(2, (pitch - 69) / 12);
    loud.gain.setValueAtTime(0, from + begin);
    loud.gain.linearRampToValueAtTime(0.3, from + begin + 0.01);
    loud.gain.setTargetAtTime(0.1, from + begin + 0.01, 0.3);
    loud.gain.setTargetAtTime(0, from + end - 0.02, 0.02);
    tone.connect(loud).connect(context.destination);
    tone.start(from + begin);
    tone.stop(from + end + 0.1);
    return tone;
  });
  playing = {button, bar, tones, frame: 0};
  button.textContent = "Stop";
  button.setAttribute("aria-pressed", "true");
  say("playing " + article.querySelector("h2").textContent);
  (function step() {
    bar.value = (context.currentTime - from) / seconds;
    if (context.currentTime - from > seconds) return stop();
    playing.frame = requestAnimationFrame(step);
  })();
}
for (const button of document.querySelectorAll("article button")) button.onclick = () => play(button);
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
    seconds = playing.seconds
    data = [
        {
            "notes": [[round(seconds(n.start), 4), round(seconds(n.end), 4), n.pitch] for n in to_notes(tokens)],
            "seconds": round(seconds(len(tokens)), 4),
            "earned": {name: share.tolist() for name, share in each.items()},
        }
        for tokens, each in zip(melodies, shares, strict=True)
    ]
    articles = joined(
        _article(i, name, tokens, each, meter, playing)
        for i, (name, tokens, each) in enumerate(zip(names, melodies, shares, strict=True))
    )
    main = _NOTE + _MAIN.format(articles=articles)
    return web_page(title, _STYLE, main, _SCRIPT, json_data("melodies", json.dumps(data)))


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
