"""A page that plays melodies in pairs, asks which is better, and saves the answers as a CSV. It needs no network."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from seqtutor.domains.music.html import roll
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.sound_page import SCRIPT, STYLE, played
from seqtutor.domains.music.tokens import SYMBOLS
from seqtutor.system.web_page import joined, json_data, web_page

_STYLE = """
.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr))}
fieldset{border:0;padding:0;margin:.5rem 0}legend{padding:0}
h2:focus{outline:none}
"""
_SCRIPT = """
const pairs = [...document.querySelectorAll("section")], save = document.getElementById("save");
let at = 0, unsaved = false;
const chosen = pair => pair.querySelector("input:checked");
function show(number) {
  stop();
  at = Math.max(0, Math.min(number, pairs.length - 1));
  pairs.forEach((pair, i) => { pair.hidden = i !== at; });
  pairs[at].querySelector("h2").focus();
}
function count() {
  const done = pairs.filter(chosen).length;
  document.getElementById("count").textContent = done + " of " + pairs.length + " answered";
  save.disabled = done === 0;
}
document.addEventListener("change", () => { unsaved = true; count(); });
document.getElementById("back").onclick = () => show(at - 1);
document.getElementById("next").onclick = () => show(at + 1);
save.onclick = () => {
  const rows = pairs.filter(chosen).map(pair => [pair.dataset.left, pair.dataset.right, chosen(pair).value].join());
  const link = document.createElement("a");
  link.download = "ratings.csv";
  link.href = "data:text/csv;charset=utf-8," + encodeURIComponent(["left,right,better", ...rows, ""].join("\\n"));
  link.click();
  unsaved = false;
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const [left, right] = pairs[at].querySelectorAll("article button"), answers = pairs[at].querySelectorAll("input");
  const does = {
    a: () => play(left), b: () => play(right), n: () => show(at + 1), p: () => show(at - 1),
    1: () => answers[0].click(), 2: () => answers[1].click(), 0: () => answers[2].click(),
  }[event.key];
  if (does) { event.preventDefault(); does(); }
});
window.addEventListener("beforeunload", event => { if (unsaved) event.preventDefault(); });
count();
show(0);
"""
_MAIN = Markup(
    "<p>Play both melodies of a pair, and say which you like better. Keys: a and b play, 1 and 2 choose, 0 is for "
    "neither, n and p are the next and the previous pair. Save the file when you stop; nothing leaves the page by "
    'itself.</p>{pairs}<p><button id="back">Previous</button><button id="next">Next</button><span id="count"></span>'
    '</p><p><button id="save" disabled>Save ratings.csv</button></p><p role="status"></p>'
)
_PAIR = Markup(
    '<section data-left="{left}" data-right="{right}"><h2 tabindex="-1">Pair {number} of {all}</h2><div class="pair">'
    "{melodies}</div><fieldset><legend>Which is better?</legend>{answers}</fieldset></section>\n"
)
_MELODY = Markup(
    '<article data-number="{number}"><h2>{name}</h2>{roll}'
    '<progress max="1" value="0" aria-label="how far melody {name} is played"></progress>'
    '<button aria-pressed="false" aria-label="play or stop melody {name}">Play</button></article>'
)
_ANSWER = Markup('<label><input type="radio" name="pair{}" value="{}"> {}</label>')


def page(title: str, pairs: Sequence[tuple[str, str]], meter: Meter, playing: Playing) -> str:
    """The page of pairs of texts. Its file has the columns left, right and better; see `domains.choices`."""
    tokens = [np.array([SYMBOLS.index(symbol) for symbol in text.split()]) for pair in pairs for text in pair]
    sections = []
    for i, (left, right) in enumerate(pairs):
        melodies = joined(
            _MELODY.format(number=2 * i + side, name=name, roll=roll(list(tokens[2 * i + side]), meter))
            for side, name in enumerate("AB")
        )
        answers = joined(
            _ANSWER.format(i, value, word) for value, word in (("left", "A"), ("right", "B"), ("", "neither"))
        )
        sections.append(
            _PAIR.format(left=left, right=right, number=i + 1, all=len(pairs), melodies=melodies, answers=answers)
        )
    data = json_data("melodies", json.dumps([played(each, playing) for each in tokens]))
    return web_page(title, STYLE + _STYLE, _MAIN.format(pairs=joined(sections)), SCRIPT + _SCRIPT, data)
