"""Fresh Python processes that never import from the current folder, and that end with their parent.

Whoever can put a file into the folder where a command is started could else have it imported in place of a module. The
flag -P and PYTHONSAFEPATH say so to Python 3.11 and later; here it holds in every version.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import seqtutor

# A thread waits for the end of standard input, which comes with the end of the parent, however that ends.
_WITH_PARENT = (
    "import os, threading; threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True).start(); "
)


def python(code: str, *arguments: str) -> list[str]:
    """The command line of a fresh Python that runs `code`, with this process's path of modules (see `safe_path`)."""
    start = f"import sys; sys.path[:] = {safe_path()!r}; "  # sys is built in: no file can take its place
    return [os.path.abspath(sys.executable), "-c", start + code, *arguments]


def safe_path() -> list[str]:
    """sys.path without the current folder, unless PYTHONPATH names that or seqtutor itself is in it."""
    asked = (entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry)
    allowed = {os.path.realpath(entry) for entry in asked} | {str(Path(seqtutor.__file__).resolve().parents[1])}
    here = os.path.realpath(os.curdir)
    return [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != here or here in allowed]


def run_python(code: str, *arguments: str) -> tuple[int, str]:
    """Runs `python(code, *arguments)` to its end, or to the end of this process: its exit code and standard error."""
    with subprocess.Popen(
        python(_WITH_PARENT + code, *arguments),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    ) as child:  # fmt: skip
        assert child.stderr is not None  # it is a pipe
        said = child.stderr.read()
        return child.wait(), said
