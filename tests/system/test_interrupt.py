"""Signals between two steps."""

import os
import signal

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
