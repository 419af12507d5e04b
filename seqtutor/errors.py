"""The one exception that means "the user can mend this": one line on standard error, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Wrong usage or input. The message says what is wrong, where, and how to mend it, in one line."""


class Diverged(UserError):
    """Tuning came to numbers that are not finite: these settings do not work, whatever else is in order."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """An error for a name that is not among the known ones, with the nearest valid names."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known
    place = f" in {where}" if where else ""
    return UserError(f"unknown {kind} '{name}'{place}; did you mean {', '.join(near)}?")
