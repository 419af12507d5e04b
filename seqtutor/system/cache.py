"""Where downloaded and parsed data is kept between runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from seqtutor.system.files import whole_file, writing


def cache_dir() -> Path:
    """The cache folder: the environment variable SEQTUTOR_CACHE, else ~/.cache/seqtutor. It may not exist yet."""
    named = os.environ.get("SEQTUTOR_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "seqtutor"


@contextlib.contextmanager
def cache_file(path: Path, mode: str = "w", **how: Any) -> Iterator[IO[Any]]:
    """As `files.whole_file`, for a file in the cache; makes its folder. Raises UserError if it cannot be written."""
    mend = "name another folder in SEQTUTOR_CACHE"
    with writing(cache_dir(), mend):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, mode, mend, **how) as file:
        yield file
