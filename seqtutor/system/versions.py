"""Versions of seqtutor, Python and the packages that decide the numbers."""

from __future__ import annotations

import platform
from importlib import metadata

import seqtutor

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pandas", "rdkit", "pretty_midi", "click")


def versions() -> dict[str, str]:
    """Versions of seqtutor, Python and the packages that decide the numbers."""
    found = {"seqtutor": seqtutor.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # e.g. tensorflow installed under another distribution name
            continue
    return found
