"""HTML from the templates of the package, each named by its place in it: "reports/report.html".

A template escapes every value that is not `Markup`, and fails on a name that has no value. Pages extend
system/page.html: what they need is inside them, their one script may run, and nothing may be loaded.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

import seqtutor
from seqtutor.system.files import write_text
from seqtutor.system.tables import make_folder

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(template: str, **values: Any) -> Markup:
    """The HTML of a template, which may itself be a value of another one."""
    return Markup(_environment().get_template(template).render(values))


def write_page(file: Path, page: str) -> Path:
    """Writes a page, and makes its folder. Returns the file. Raises UserError if either cannot be."""
    make_folder(file.parent)
    write_text(file, page)
    return file


@cache
def _environment() -> Environment:
    """Reads templates from the package alone, whatever folder the process runs in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(seqtutor.__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, auto_reload=False,
    )  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {}  # the order of our own
    environment.globals["own"] = _own
    environment.filters["sha256"] = _sha256
    return environment


def _own(*names: str) -> Markup:
    """Style sheets or scripts of the package, one after the other, as they are."""
    folder = Path(seqtutor.__file__).parent
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _sha256(script: str) -> str:
    """What names a script in a page's policy."""
    return b64encode(sha256(script.encode()).digest()).decode()
