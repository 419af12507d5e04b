"""What a command says while it works: a progress line and warnings, both on standard error, neither with --quiet."""

from __future__ import annotations

import errno
import logging
import sys

from tqdm.auto import tqdm

from seqtutor.system.terminal import printable

LOG = logging.getLogger("seqtutor")  # warnings: what a user should know but need not mend


class Progress:
    """A bar with rate and time left, used as a context manager. One inside another vanishes when it is done."""

    def __init__(self, total: int | None, unit: str, quiet: bool = False, done: int = 0, what: str | None = None):
        """Args: total: of units, None if unknown; done: units that an earlier run has done; what: the unit's name."""
        self._bar = tqdm(
            total=total, initial=done, unit=f" {unit}", disable=quiet or not _watched(), dynamic_ncols=True,
            smoothing=0.05, file=sys.stderr, unit_scale=unit == "token", desc=what, leave=None,
        )  # fmt: skip

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.close()

    def advance(self, figures: dict[str, float] | None = None, by: int = 1) -> None:
        """Moves the bar and shows figures beside it."""
        if figures and not self._bar.disable:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()}, refresh=False)
        self._bar.update(by)

    def say(self, line: str) -> None:
        """Prints a line above the bar, on a terminal only."""
        if not self._bar.disable:
            show(line, error=True)


def show(line: str, error: bool = False) -> None:
    """Prints a line on standard output (or error) at once, above the bars of the terminal."""
    file = sys.stderr if error else sys.stdout
    try:
        tqdm.write(printable(line), file=file)
        file.flush()
    except OSError as failed:
        if not error or failed.errno != errno.EIO:  # the terminal was closed, which costs no run
            raise


def _watched() -> bool:
    """Whether someone sees a bar: on a terminal, or in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
