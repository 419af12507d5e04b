"""Pieces of HTML for notebooks: they take the colours of the page around them, and need nothing from a network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

_CARDS = "display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start"
_INSIDE = (  # of a domain's figures
    "<style>.seqtutor svg,.seqtutor audio{width:100%}.seqtutor code{overflow-wrap:anywhere}"
    ".seqtutor dl{display:grid;grid-template-columns:auto 1fr;gap:0 .8rem;margin:.3rem 0;font-size:.85em}"
    ".seqtutor dt,.seqtutor dd{margin:0;font-weight:normal}</style>"
)
_CARD = "margin:0;width:22rem;max-width:100%"


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Pictures side by side, each HTML already, with a line of text below."""
    each = "".join(
        f'<figure style="{_CARD}">{figure}<figcaption><small>{escape(line)}</small></figcaption></figure>'
        for figure, line in figures
    )
    return f'{_INSIDE}<div class="seqtutor" style="{_CARDS}">{each}</div>'


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first row and the first column being names; numbers flush right."""
    head, *body = rows
    lines = [f"<tr>{''.join(_cell('th', cell, i) for i, cell in enumerate(head))}</tr>"]
    for name, *cells in body:
        rest = "".join(_cell("td", cell, 1) for cell in cells)
        lines.append(f"<tr>{_cell('th', name, 0)}{rest}</tr>")
    return f"<table><thead>{lines[0]}</thead><tbody>{''.join(lines[1:])}</tbody></table>"


def picture(path: Path, says: str) -> str:
    """A PNG file, inside the page, with a text for those who do not see it; nothing if it is not there."""
    if not path.exists():
        return ""
    data = b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(says)}" style="max-width:100%;width:40rem" src="data:image/png;base64,{data}">'


def paragraph(*lines: str) -> str:
    """Lines of text."""
    return f"<p>{'<br>'.join(map(escape, lines))}</p>"


def _cell(tag: str, text: str, place: int) -> str:
    return f'<{tag} style="text-align:{"right" if place else "left"}">{escape(text)}</{tag}>'
