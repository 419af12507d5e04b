"""The one exception that means "the user can mend this": one line on standard error, exit code 2."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100


class UserError(Exception):
    """Wrong usage or input. The message says what is wrong, where, and how to mend it, in one line."""


class Diverged(UserError):
    """Tuning came to numbers that are not finite: these settings do not work, whatever else is in order."""


def shown(value: Any) -> str:
    """A value in an error: its repr, cut short; what a file holds may be of any size and depth."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no number of more than some thousand digits
        return f"too long a {type(value).__name__} to show"


def message_of(error: BaseException) -> str:
    """What an exception says, in one line; of a user's own, that may fail too."""
    try:
        return " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException as other:
        return f"its message cannot be had, which raises {type(other).__name__}"


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """An error for a name that is not among the known ones, with the nearest valid names."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known
    place = f" in {where}" if where else ""
    return UserError(f"unknown {kind} {_quoted(name)}{place}; did you mean {', '.join(near)}?")


def _quoted(name: str) -> str:
    """A name as it is; a long one cut in its middle."""
    return f"'{name if len(name) <= 200 else f'{name[:90]} ... {name[-90:]}'}'"
