"""scripts/attack: a fault is seen and counted, and a small attack finds none."""

import subprocess
import sys

import pytest

from tests.attack import outcome
from tests.attack.__main__ import table
from tests.attack.forks import Ended
from tests.attack.kills import differences
from tests.attack.outcome import HANG, LOST, MEMORY, UNTOLD, Outcome
from tests.support.places import ROOT

FORKS = """
import os, subprocess, sys, time
from pathlib import Path
from tests.attack import forks
forks.adopt()
forks.MEGABYTES, forks.LEAVE, said = 300, 0.2, Path(sys.argv[1])
def end(work, seconds=60): return forks.end(forks.Fork(work, said, seconds))[0]
def leave(): subprocess.Popen(["sleep", "100"]); return 3
well = end(lambda: os.write(2, b"a word") * 0 + 7)
print(well.code, well.said, well.broke, well.left)
print(end(lambda: time.sleep(100), 0.05).broke)
print(end(lambda: sum(iter(int, 1)), 0.1).broke)
print(end(lambda: bytearray(400 << 20) and time.sleep(100)).broke)
left = end(leave)
print(left.code, left.left)
killed = forks.Fork(lambda: time.sleep(100), said)
killed.sleep(0.1)
killed.send(9)
print(forks.end(killed)[0].code)
"""


def ended(code=0, said="", broke="", left=()):
    return Ended(code, 1.0, said, broke, left)


@pytest.mark.parametrize(
    ("end", "lost", "fault"),
    [
        (ended(), "", ""),
        (ended(2, "error: no such file\n"), "", ""),
        (ended(2, "error: a\nb\n"), "", UNTOLD),
        (ended(1, "error: KeyError: 1\n"), "", UNTOLD),
        (ended(0, "Traceback\n"), "", UNTOLD),
        (ended(-11), "", UNTOLD),
        (ended(-9, broke=HANG), "", HANG),
        (ended(-9, broke=MEMORY), "", MEMORY),
        (ended(0, left=("sleep 100",)), "", LOST),
        (ended(), "missing: a", LOST),
    ],
)
def test_faults(end, lost, fault):
    assert outcome.of("x", end, lost=lost).fault == fault


def test_the_table():
    found = {"kills": [Outcome("a"), Outcome("b", LOST), Outcome("c", HANG)], "bombs": []}
    assert [line.split() for line in table(found).splitlines()] == [
        ["attack", "tried", "lost", "traceback", "hang", "memory"],
        ["kills", "3", "1", "0", "1", "0"],
        ["bombs", "0", "0", "0", "0", "0"],
    ]


def test_differences():
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) == ""
    assert differences({"a": "1", "c": "2"}, {"a": "2", "b": "2"}) == "missing: b; left over: c; differs: a"
    assert differences({}, {"a": "1"}, some=True) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")
def test_forks(tmp_path):
    """How a process ends, what it says, and what it leaves; in a process without threads."""
    command = [sys.executable, "-c", FORKS, str(tmp_path / "said")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["7 a word  ()", "hang", "hang", "memory", "3 ('sleep 100 ',)", "-9"], (
        done.stderr
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")
def test_a_small_attack_finds_nothing():
    command = [sys.executable, "-m", "tests.attack", "--cases", "1", "--minutes", "10", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[1:] == [[name, "1", *"0000"] for name in ("bombs", "rewards", "inputs", "kills", "writers", "workers")]
    assert done.returncode == 0
