"""Signals between two steps."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from seqtutor.system.interrupt import Interrupt, number_of, raised, working


def test_the_first_signal_asks_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_each_kind_may_come_once_and_a_hangup_ever_so_often():
    with Interrupt() as interrupt:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert interrupt.number == signal.SIGHUP
        with pytest.raises(KeyboardInterrupt) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert number_of(caught.value) == signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_outside_a_training_a_signal_is_raised_at_once(number):
    before, came = signal.getsignal(number), []
    with raised(came):
        with pytest.raises(KeyboardInterrupt) as caught:
            os.kill(os.getpid(), number)
        assert number_of(caught.value) == number
        assert came == [number]
        if number == signal.SIGHUP:
            os.kill(os.getpid(), number)  # while all is cleared away
    assert signal.getsignal(number) is before


def test_a_hangup_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised([]), Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_waited_for_is_said_at_once(capfd):
    with Interrupt():
        os.kill(os.getpid(), signal.SIGTERM)
        assert capfd.readouterr().err == ""
        with working("the reward slow.py:f"):
            os.kill(os.getpid(), signal.SIGINT)
    said = "\nwaiting for the reward slow.py:f to return, then for a checkpoint; Ctrl-C again ends it at once\n"
    assert capfd.readouterr().err == said


def test_a_handler_that_python_did_not_set_gives_way_to_the_default(monkeypatch):
    real = signal.signal

    def set_by_others(number, handler):
        before = real(number, handler)
        return None if number == signal.SIGTERM else before  # as Python tells of handlers set in C

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "signal", set_by_others)
    try:
        with Interrupt():
            pass
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        real(signal.SIGTERM, before)


IN_C = """
import collections, contextlib, itertools, os, signal, sys
from seqtutor.system.interrupt import Interrupt, raised, working
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits "ignored"
begin, never = map(os.write, [1], [b"in\\n"]), itertools.repeat(0)
with raised([]), Interrupt() if "asked" in sys.argv else contextlib.nullcontext():
    with working("the reward"):
        pass
    with working("the reward"):
        if "c" in sys.argv:
            collections.deque(itertools.chain(begin, never), maxlen=0)
        list(begin)
        os.read(0, 1)
"""


@contextlib.contextmanager
def at_work(*how):
    """A process that is at work, as a command is."""
    command, pipe = [sys.executable, "-c", IN_C, *how], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout.readline() == b"in\n"
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can")
@pytest.mark.parametrize("how", ["asked", "not asked"])
def test_a_second_interrupt_ends_what_works_in_c(how):
    with at_work("c", how) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT


def test_a_second_interrupt_of_what_python_hears_is_an_exception():
    with at_work("asked") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == b"\n"
        assert process.stderr.readline().startswith(b"waiting for the reward to return")
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.stderr.read()
