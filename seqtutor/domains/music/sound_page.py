"""What the pages with melodies in them share: their style, the script that makes sound, and the data it plays."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.playing import Playing

STYLE = """
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
SCRIPT = """
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
"""


def played(tokens: np.ndarray, playing: Playing) -> dict[str, Any]:
    """A melody, tokens [T], as the script plays it: begin and end of each note in seconds, its MIDI pitch."""
    seconds = playing.seconds
    return {
        "notes": [[round(seconds(n.start), 4), round(seconds(n.end), 4), n.pitch] for n in to_notes(tokens)],
        "seconds": round(seconds(len(tokens)), 4),
    }
