"""A page that plays melodies in the browser: one file, no network, sound made by WebAudio."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from seqtutor.domains.music.html import roll
from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.midi import write_midi
from seqtutor.domains.music.playing import Playing
from seqtutor.system.web_page import web_page

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:0 auto;padding:1rem}
article{margin:1rem 0;padding:.8rem;border:1px solid #8886;border-radius:8px}
h1{font-size:1.5rem}h2{font-size:1rem;margin:0 0 .4rem}
svg{display:block;width:100%;height:auto;margin:.4rem 0}
button,label,a{font:inherit;margin-right:.8rem}
button{min-width:5rem}
progress{width:100%;height:.5rem}
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
}
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


def page(title: str, names: Sequence[str], melodies: Sequence[np.ndarray], meter: Meter, playing: Playing) -> str:
    """The page of melodies, tokens [T] each, with their names: a roll, a Play button, MIDI, a box to keep it."""
    seconds = playing.seconds
    data = [
        {
            "notes": [[round(seconds(n.start), 4), round(seconds(n.end), 4), n.pitch] for n in to_notes(tokens)],
            "seconds": round(seconds(len(tokens)), 4),
        }
        for tokens in melodies
    ]
    articles = "".join(
        _article(i, name, tokens, meter, playing) for i, (name, tokens) in enumerate(zip(names, melodies, strict=True))
    )
    main = f'{articles}<button id="kept" disabled>Download what is kept</button>'
    data_there = f'<script type="application/json" id="melodies">{json.dumps(data)}</script>'
    return web_page(title, _STYLE, main, _SCRIPT, data_there)


def _article(number: int, name: str, tokens: np.ndarray, meter: Meter, playing: Playing) -> str:
    label, file = escape(name), f"melody-{number + 1:05d}.mid"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        write_midi(tokens, path, meter, playing)
        midi = b64encode(path.read_bytes()).decode()
    return (
        f'<article data-number="{number}"><h2>{label}</h2>{roll(list(tokens), meter)}'
        f'<progress max="1" value="0" aria-label="how far {label} is played"></progress>'
        f'<button aria-pressed="false" aria-label="play or stop {label}">Play</button>'
        f'<label><input type="checkbox"> keep</label>'
        f'<a download="{file}" href="data:audio/midi;base64,{midi}" aria-label="MIDI of {label}">MIDI</a></article>\n'
    )
