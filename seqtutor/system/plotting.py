"""What every plot has in common: the colours of series, of text and of grid lines, and matplotlib's own settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5539", "#6c757d")
INK, LINE = "#22313f", "#ced4da"


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Within it matplotlib's settings are its defaults, whatever a `matplotlibrc` in the current folder says."""
    import matplotlib.style

    with matplotlib.style.context("default"):
        yield
