"""Where downloaded and parsed data is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The cache folder: the environment variable SEQTUTOR_CACHE, else ~/.cache/seqtutor. It may not exist yet."""
    named = os.environ.get("SEQTUTOR_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "seqtutor"
