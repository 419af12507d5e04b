"""Signals between two steps."""

import os
import signal

import pytest

from seqtutor.system.interrupt import Interrupt


def test_the_first_signal_asks_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


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
