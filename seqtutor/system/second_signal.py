"""Leaves the second of two signals to the kernel, which ends the process.

Python only notes a signal and runs its handler between two steps of its own. While code in C works and never returns,
there are none, and no Ctrl-C would be heard. Linux alone: elsewhere nothing is changed.
"""

from __future__ import annotations

import ctypes
import sys

_RESET = 0x80000000  # SA_RESETHAND: once the handler was called, the signal does again what it does by default
_SET_BYTES = 128  # of sigset_t, in glibc and musl


class _Action(ctypes.Structure):
    """struct sigaction of Linux."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * (_SET_BYTES // ctypes.sizeof(ctypes.c_ulong))),
        ("flags", ctypes.c_uint),
        ("restorer", ctypes.c_void_p),
    )


def ends(number: int) -> None:
    """The handler of a signal that is set now is called once; the next such signal ends the process.

    Setting a handler, the same one too, ends this.
    """
    if sys.platform != "linux":
        return
    sigaction, action = ctypes.CDLL(None).sigaction, _Action()
    if sigaction(number, None, ctypes.byref(action)) == 0:
        action.flags |= _RESET
        sigaction(number, ctypes.byref(action), None)
