"""Signals that ask for the end: Ctrl-C (SIGINT), SIGTERM, and SIGHUP, which comes when the terminal is closed.

Between two steps of a training the loop finishes the step, writes a checkpoint, and only then stops. Anywhere else in a
command an exception is raised at once, so that all is cleared away. Both are a KeyboardInterrupt. Signals reach the
main thread alone. A SIGHUP that is ignored, as under nohup, stays so.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from seqtutor.system import second_signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_Handler = Callable[[int, FrameType | None], object]
_working: list[str] = []  # what is under way that may take any time: see `working`
_commands: list[str] = []  # not empty in a command, whose process may be ended; a notebook's may not


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP has asked for the end. `number` is the signal's."""

    def __init__(self, number: int, *said: str):
        super().__init__(*said)
        self.number = number


def number_of(error: KeyboardInterrupt) -> int:
    """The signal that was its cause."""
    return error.number if isinstance(error, Stopped) else signal.SIGINT


class Interrupt:
    """A context in which the first signal sets `number`; another of a kind that came before interrupts at once.

    A second SIGHUP does nothing: the kernel and the shell may both send one.

    Attributes:
      number: of the first signal; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._came: set[int] = set()
        self._handlers = contextlib.ExitStack()

    def __enter__(self) -> Interrupt:
        self._handlers.enter_context(_handled_by(self._ask, *SIGNALS))
        return self

    def __exit__(self, *exc: object) -> None:
        self._handlers.close()

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.number != 0

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_terminal()
        elif number in self._came:
            raise stop(number)
        _set_again(number)
        self._came.add(number)
        self.number = self.number or number
        _say_what_is_waited_for()


def stop(number: int, *said: str) -> KeyboardInterrupt:
    """The exception that a signal means."""
    return KeyboardInterrupt(*said) if number in (0, signal.SIGINT) else Stopped(number, *said)


@contextlib.contextmanager
def raised(came: list[int]) -> Iterator[None]:
    """Within it a signal is added to `came` and raised: SIGINT as KeyboardInterrupt, the others as `Stopped`.

    `came` is for an error that hides the exception: pydantic, as it builds a class, raises one of its own instead.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)  # see Interrupt
            _leave_terminal()
        raise stop(number)

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with _handled_by(handler, *(SIGNALS if usual else SIGNALS[1:])):
        _commands.append("")
        try:
            yield
        finally:
            _commands.pop()


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Within it a signal ends the process, for calls in which Python would not see it."""
    with _handled_by(signal.SIG_DFL, *SIGNALS):
        yield


def end_at_once() -> None:
    """As `ending_at_once`, for what is left of the process."""
    _set(signal.SIG_DFL, *SIGNALS)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """After it the handlers are those before, whatever a library has set."""
    with _handled_by(None, *SIGNALS):
        yield


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Says what is under way that may take any time, to whoever interrupts it.

    In a command a second Ctrl-C ends it even where it works in C, without a checkpoint then.
    """
    _working.append(what)
    ours = bool(_commands) and threading.current_thread() is threading.main_thread()
    if ours and callable(signal.getsignal(signal.SIGINT)):
        second_signal.ends(signal.SIGINT)
    try:
        yield
    finally:
        _working.pop()
        if ours:
            _set_again(signal.SIGINT)


@contextlib.contextmanager
def _handled_by(handler: _Handler | signal.Handlers | None, *numbers: int) -> Iterator[None]:
    before = _set(handler, *numbers)
    try:
        yield
    finally:
        for number, old in before.items():
            # None is a handler that Python has not set, and cannot set again.
            signal.signal(number, signal.SIG_DFL if old is None else old)


def _set(handler: _Handler | signal.Handlers | None, *numbers: int) -> dict[int, _Handler | int | None]:
    """Sets a handler, None for the one that is there; returns those before. Does nothing in another thread."""
    before: dict[int, _Handler | int | None] = {}
    for number in numbers if threading.current_thread() is threading.main_thread() else ():
        old = signal.getsignal(number)
        if number == signal.SIGHUP and old == signal.SIG_IGN:
            continue
        before[number] = old
        if handler is not None:
            before[number] = signal.signal(number, handler)
    return before


def _set_again(number: int) -> None:
    """The handler that is set, which `second_signal.ends` may have let be called only once."""
    handler = signal.getsignal(number)
    if handler is not None:
        signal.signal(number, handler)


def _leave_terminal() -> None:
    """What is written to a terminal that is gone would fail: it goes nowhere instead."""
    for file in (1, 2):
        try:
            termios.tcgetattr(file)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, file)
                os.close(nothing)


def _say_what_is_waited_for() -> None:
    """On standard error, at once: a buffered file may be in the middle of a write."""
    if _working or sys.stderr.isatty():
        what = f"{_working[-1]} to return" if _working else "the end of this step"
        with contextlib.suppress(OSError):
            os.write(2, f"\nwaiting for {what}, then for a checkpoint; Ctrl-C again ends it at once\n".encode())
