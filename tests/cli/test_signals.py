"""SIGTERM and SIGHUP do what Ctrl-C does: a checkpoint, a line, exit code 143 or 129, no leftovers."""

import os
import pty
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.test_faults import assert_no_leftovers
from tests.support.commands import TUNE
from tests.tuning.test_resume import assert_same_run

pytestmark = pytest.mark.slow
CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def ended(process, args, seconds, number):
    """Whether a signal ended a command, which then said so; what it said. Else it was done already."""
    code, _, said = process(args, seconds, signal=number)
    name = signal.Signals(number).name
    assert code == 0 or (code == CODES[number] and said.startswith(f"interrupted by {name}")), (code, said)
    assert said.count("\n") <= 1
    return code != 0


def test_in_training(process, runs, tmp_path):
    """At any moment: each time the run goes on from there, and in the end it is the unbroken one."""
    args, rng, times = [*TUNE, "--prior", runs / "prior", "--out", tmp_path / "out", "--resume"], random.Random(1), 0
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        times += ended(process, args, rng.uniform(0.3, 2.0), number)
        assert_no_leftovers(tmp_path)
    assert times
    assert process(args)[::2] == (0, "")
    assert_same_run(runs / "psi", tmp_path / "out")


@pytest.mark.parametrize("number", CODES)
def test_elsewhere(process, runs, tmp_path, number):
    args = ["sample", runs / "prior", "--num", "1000000", "--out", tmp_path, "--quiet"]
    assert ended(process, args, 2.0, number)
    assert not list(tmp_path.iterdir())


SLOW = """import pathlib, time
def f(tokens, texts):
    if len(tokens) > 8:
        pathlib.Path(__file__).with_suffix(".called").touch()
        time.sleep(1000)
    return [0.0] * len(texts)
"""


def test_a_hanging_reward_is_named_and_a_second_one_ends_it(runs, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    args = [*TUNE, "--prior", runs / "prior", "--out", tmp_path / "out", "--reward", f"{tmp_path}/slow.py:f"]
    process = begun(args, stderr=subprocess.PIPE)
    wait_for(tmp_path / "slow.called")
    process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "\n"
    assert process.stderr.readline().startswith(f"waiting for the reward {tmp_path}/slow.py:f to return")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == "interrupted by SIGTERM\n"
    assert process.returncode == 143
    assert_no_leftovers(tmp_path)


def test_a_terminal_that_is_closed_costs_no_run(runs, tmp_path):
    """With its progress bar on a terminal that is gone, the command still ends after a checkpoint."""
    args = [arg for arg in TUNE if arg != "--quiet"] + ["--set", "tune.rounds=100000"]
    terminal, inside = pty.openpty()
    process = begun([*args, "--prior", runs / "prior", "--out", tmp_path / "out"], stdin=inside, stdout=inside,
                    stderr=inside, preexec_fn=own_terminal)  # fmt: skip
    os.close(inside)
    wait_for(tmp_path / "out" / "history.csv")
    os.close(terminal)
    assert process.wait(60) == 129
    assert list((tmp_path / "out" / "checkpoints").glob("step-*"))
    assert_no_leftovers(tmp_path)


def own_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # now closing it hangs up on this process


def begun(args, **how):
    """A command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "seqtutor", *map(str, args)], text=True, start_new_session=True, **how
    )


def wait_for(path):
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
