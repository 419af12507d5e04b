"""Whether a command ended as it should on an input that may be anything, and what makes many of them cheap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata

import pytest

NOTES = ("warning: ", "novelty is left out: ", "rejected ")  # lines on standard error that are no error


def is_told(code: int, said: str) -> bool:
    """Whether a command did its work, or ended with exit code 2 and one line on standard error."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(NOTES)]
    return not lines if code == 0 else code == 2 and len(lines) == 1 and lines[0].startswith("error: ")


@contextmanager
def cheap() -> Iterator[None]:
    """What every command would start or look up again is kept, and training data are prepared in this process."""
    from rdkit import rdBase

    from seqtutor.domains.molecules import Molecules, reading
    from seqtutor.domains.molecules.pool import Pool

    installed = lru_cache(metadata.entry_points)
    with pytest.MonkeyPatch.context() as patch, rdBase.BlockLogs(), Pool(1) as pool:
        patch.setattr(metadata, "entry_points", lambda *, group: installed(group=group))
        patch.setattr(
            reading,
            "_in_processes",
            lambda items, rules, workers: (reading.prepare_one(item, *rules) for item in items),
        )
        patch.setattr(Molecules, "_pool", property(lambda self: _Kept(pool)))
        yield


@contextmanager
def eagerly(on: bool = True) -> Iterator[None]:
    """TensorFlow runs operation by operation: to compile takes seconds, and pays only from some twenty calls on.

    For tests of what commands write and refuse; those of networks, training and whole processes compile.
    """
    import tensorflow as tf

    was = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(on)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(was)


class _Kept:
    """A pool that stays when it is closed."""

    def __init__(self, pool: object):
        self._pool = pool

    def __getattr__(self, name: str):
        return getattr(self._pool, name)

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing."""
