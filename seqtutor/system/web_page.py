"""A self-contained HTML page: its style and script are inside, and it may load nothing.

HTML is `Markup`: what a template `Markup("<b>{}</b>").format(text)` is given is escaped, unless it is Markup itself.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

from markupsafe import Markup

_PAGE = Markup(
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" content="{policy}">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>{title}</title><style>{style}</style></head>\n<body><main><h1>{title}</h1>"
    "{main}</main>{data}<script>{script}</script></body></html>\n"
)
_DATA = Markup('<script type="application/json" id="{}">{}</script>')


def web_page(title: str, style: str, main: Markup, script: str, data: Markup | None = None, media: bool = False) -> str:
    """The page's text. Its policy lets the one script run, and nothing else.

    Args:
      title: plain text, shown as the heading too.
      style, script: our own, which no template escapes.
      main: HTML below the heading.
      data: HTML after it, before the script that reads it; see `json_data`.
      media: whether sound inside the page may be played.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    sound = "media-src data:; " if media else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {sound}script-src 'sha256-{digest}'"
    return str(
        _PAGE.format(policy=Markup(policy), title=title, style=Markup(style), main=main, data=data or Markup(),
                     script=Markup(script))
    )  # fmt: skip


def json_data(name: str, text: str) -> Markup:
    """JSON that a script finds by its id; no text in it can end the element."""
    return _DATA.format(name, Markup(text.replace("<", "\\u003c")))


def joined(parts: Iterable[Markup]) -> Markup:
    """Pieces of HTML one after the other."""
    return Markup().join(parts)
