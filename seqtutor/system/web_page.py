"""A self-contained HTML page: its style and script are inside, and it may load nothing."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape


def web_page(title: str, style: str, main: str, script: str, data: str = "", media: bool = False) -> str:
    """The page's text. Its policy lets the one script run, and nothing else.

    Args:
      title: plain text, shown as the heading too.
      main: HTML below the heading.
      data: HTML after it, before the script that reads it.
      media: whether sound inside the page may be played.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    sound = "media-src data:; " if media else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {sound}script-src 'sha256-{digest}'"
    heading = escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{style}</style></head>\n<body><main><h1>{heading}</h1>"
        f"{main}</main>{data}<script>{script}</script></body></html>\n"
    )
