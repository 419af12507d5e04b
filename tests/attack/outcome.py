"""What an attack found: a case that was tried, and its fault if it has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.attack.forks import Ended
from tests.support.outcome import is_told

LOST, UNTOLD, HANG, MEMORY = "lost", "traceback", "hang", "memory"
FAULTS = (LOST, UNTOLD, HANG, MEMORY)


@dataclass(frozen=True)
class Outcome:
    """A case.

    Attributes:
      what: the case, so that it can be made again.
      fault: one of FAULTS; "" for none. LOST: work or files, or a process that lives on. UNTOLD: any end but by a line.
      said: what is known of the fault.
    """

    what: str
    fault: str = ""
    said: str = ""


Attack = Iterator[Outcome]


def of(what: str, ended: Ended, *, good: bool | None = None, lost: str = "") -> Outcome:
    """The outcome of a command: whether it broke a limit, left a process, ended as it should, and lost nothing.

    Args: good: whether it ended as it should; by default see `is_told`. lost: what is lost, "" for nothing.
    """
    if ended.broke:
        return Outcome(what, ended.broke, f"after {ended.seconds:.0f} s: {ended.said[-300:]}")
    if not (is_told(ended.code, ended.said) if good is None else good):
        return Outcome(what, UNTOLD, f"exit code {ended.code}: {ended.said[-600:]}")
    if ended.left:
        return Outcome(what, LOST, f"lives on: {'; '.join(ended.left)[:300]}")
    return Outcome(what, LOST, lost) if lost else Outcome(what)
