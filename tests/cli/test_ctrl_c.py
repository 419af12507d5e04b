"""Ctrl-C at any moment of a command: it says so in one line, and what was finished before is whole and of use."""

import os
import random
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from seqtutor.domains.music.midi import write_midi
from tests.cli.test_faults import assert_no_leftovers
from tests.support.commands import PRETRAIN, TUNE
from tests.tuning.test_resume import assert_same_run

pytestmark = pytest.mark.slow
INTERRUPTED = r"interrupted(; --resume continues after (step|round) \d+)?\n"


def interrupted(process, args, seconds):
    """Whether Ctrl-C ended a command, which then said so and nothing more; else it was done already."""
    code, _, said = process(args, seconds, signal=signal.SIGINT)
    assert code == 0 or (code == 130 and re.fullmatch(INTERRUPTED, said)), (code, said)
    return code == 130


@pytest.mark.parametrize("command", ["pretrain", "tune"])
def test_ctrl_c_in_training(process, runs, tmp_path, command):
    """At any moment: each time the run goes on from there, and in the end it is the unbroken one."""
    args = PRETRAIN if command == "pretrain" else [*TUNE, "--prior", runs / "prior"]
    rng, whole, out = random.Random(1), runs / ("prior" if command == "pretrain" else "psi"), tmp_path / "out"
    times = 0
    for _ in range(3):
        times += interrupted(process, [*args, "--out", out, "--resume"], rng.uniform(0.05, 2.0))
        assert_no_leftovers(tmp_path)
    assert times
    assert process([*args, "--out", out, "--resume"])[::2] == (0, "")
    assert_same_run(whole, out)


@pytest.mark.parametrize("command", ["sample", "evaluate", "score"])
def test_ctrl_c_elsewhere(process, runs, tmp_path, command):
    """A file is whole or not there."""
    rng, out = random.Random(2), tmp_path / "out"
    (tmp_path / "words.txt").write_text("abcdab\nbadcab\n" * 20_000)
    args = {
        "sample": ["sample", runs / "prior", "--num", "40000"],
        "evaluate": ["evaluate", runs / "prior", runs / "psi", "--num", "20000"],
        "score": ["score", tmp_path / "words.txt", "--model", runs / "psi"],
    }[command] + ["--out", out, "--quiet"]
    code, seconds, _ = process(args)
    assert code == 0
    tables = {path.name: path.read_bytes() for path in out.glob("*")}
    times = 0
    for _ in range(3):
        subprocess.run(["rm", "-r", out], check=True)
        out.mkdir()
        times += interrupted(process, args, rng.uniform(0.05, 0.9 * seconds))
        assert_no_leftovers(out)
        assert all(path.read_bytes() == tables[path.name] for path in out.glob("*"))
    assert times


COMMAND = "from seqtutor.cli.main import main; print('begun', flush=True); main()"


def in_a_terminal(args, rng, most):
    """Runs a command in a process of its own, with Ctrl-C to it and its workers: exit code, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    )
    assert process.stdout.readline() == "begun\n"
    try:
        process.wait(rng.uniform(0.0, most))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


ENDS = [(130, "interrupted\n"), (0, ""), (-signal.SIGINT, "")]  # the last: all was done


@pytest.mark.parametrize("domain", ["music", "molecules"])
def test_ctrl_c_with_workers(tmp_path, monkeypatch, domain):
    """They get the signal as well, in whatever they are; and never say a word."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    rng, data = random.Random(4), tmp_path / "data"
    data.mkdir()
    for number in range(20):
        write_midi(np.arange(2, 34), data / f"{number}.mid")
    (data / "molecules.smi").write_text("".join(f"{'C' * n}O\n" for n in range(1, 90)))
    path = data if domain == "music" else data / "molecules.smi"
    args = ["data", "import", path, "--domain", domain, "--out", tmp_path / "out", "--quiet"]
    ends, most = [], 2.5
    while len(ends) < 6 or (ENDS[0] not in ends and len(ends) < 20):
        ends.append(in_a_terminal(args, rng, most))
        most *= 0.8 if ends[-1][0] == 0 else 1.0  # it was done by then: the machine is faster
    assert all(end in ENDS for end in ends), ends
    assert ENDS[0] in ends
    assert in_a_terminal([*args, "--name", "mine"], random.Random(), 1e9)[0] == 0


def test_ctrl_c_from_the_first_moment_to_the_last(runs, tmp_path):
    """While TensorFlow is loaded, and while all is taken down again."""
    args = ["sample", runs / "prior", "--num", "3", "--out", tmp_path, "--quiet"]
    rng = random.Random(3)
    for _ in range(2):
        end = in_a_terminal(args, rng, 7.0)
        assert end in ENDS
