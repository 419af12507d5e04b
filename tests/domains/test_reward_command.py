"""Rewards from programs: real processes, that answer, die, hang, or say too much."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqtutor.api import inputs
from seqtutor.domains import make_domain
from seqtutor.domains.reward_command import AHEAD, CommandFunction
from seqtutor.domains.reward_spec import built_in, make_reward
from seqtutor.errors import UserError
from seqtutor.system.temporary import is_alive

LENGTHS = "import sys\nfor line in sys.stdin:\n    print(len(line.strip()), flush=True)\n"


@pytest.fixture
def program(tmp_path):
    """A function of a Python text and seconds; what it made is closed at the end."""
    made = []

    def make(text, seconds=60.0):
        (tmp_path / "score.py").write_text(text)
        made.append(CommandFunction(f"{sys.executable} '{tmp_path / 'score.py'}'", seconds))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(function, *texts):
    return function(np.zeros((len(texts), 1), np.int32), texts)


def test_one_process_answers_all(program, tmp_path):
    note = f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
    function = program(note + LENGTHS)
    assert ask(function, "C", "CCO") == [1, 3]
    assert ask(function, *["C" * 50] * 5000) == [50] * 5000  # more than a pipe holds
    assert (tmp_path / "starts").read_text() == "x"
    function.close()
    assert ask(function, "CC") == [2]  # started again
    assert (tmp_path / "starts").read_text() == "xx"


def test_a_process_that_ends_is_started_again_where_it_was(program, tmp_path):
    """This one leaves after two answers."""
    function = program("import sys\nfor _ in range(2):\n    print(len(sys.stdin.readline().strip()), flush=True)\n")
    assert ask(function, "C", "CC", "CCC", "CCCC", "CCCCC") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "seconds", "said"),
    [
        ("raise SystemExit('no licence')", 60, "it ended with exit code 1 (no licence), 3 times, for 'CCO'"),
        ("import time\ntime.sleep(60)", 0.2, "no answer within 0.2 s (does it flush its output?) with exit code -9"),
        ("print('high', flush=True)\ninput()\ninput()", 60, "answered 'high' to 'CCO'; a number is wanted"),
    ],
)
def test_what_is_wrong_is_one_line(program, text, seconds, said):
    with pytest.raises(UserError) as caught:
        ask(program(text, seconds), "CCO")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_too_many_answers_are_noticed(program):
    function = program("import sys\nfor line in sys.stdin:\n    print('1\\n2', flush=True)\n")
    ask(function, "C")
    with pytest.raises(UserError, match="more lines than it was asked"):
        while True:  # the second line may be under way still
            ask(function, "C")


def test_what_is_written_without_end_is_not_kept(program):
    """Lines, a line, and what goes to standard error: megabytes of each, of which little is held or said."""
    lines = "print('1\\n' * 10_000_000)"
    function = program(f"import sys\nsys.stdin.readline()\n{lines}\n")
    assert ask(function, "C") == [1]
    assert function._streams.answers.qsize() <= AHEAD
    function.close()
    for text, said in (
        ("print('x' * 30_000_000)\nsys.stdin.read()", "a number is wanted"),
        ("sys.stderr.write('x' * 30_000_000 + '\\nno licence')\nraise SystemExit(1)", "exit code 1 (no licence), 3"),
    ):
        with pytest.raises(UserError) as caught:
            ask(program(f"import sys\n{text}\n"), "C")
        assert said in str(caught.value) and len(str(caught.value)) < 500


def test_what_it_has_started_is_ended_with_it(program, tmp_path):
    """One that gives no answer is killed, and the process that it waits for."""
    child = (
        f"import os, time; print(os.getpid(), file=open({str(tmp_path / 'child')!r}, 'w'), flush=True); time.sleep(99)"
    )
    with pytest.raises(UserError, match="no answer within 1 s"):
        ask(program(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])", 1.0), "C")
    pid, until = int((tmp_path / "child").read_text()), time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(pid)


def test_as_a_reward(tmp_path):
    (tmp_path / "score.py").write_text(LENGTHS)
    domain = make_domain({"name": "chain"})
    spec = f"command/30:{sys.executable} {tmp_path / 'score.py'}"
    with make_reward(domain, spec) as reward:
        found = reward(np.zeros((2, 6), np.int32), np.array([6, 6]))
        assert reward.names == ("command",)
    assert found.total.tolist() == [[0, 0, 0, 0, 0, 6]] * 2
    assert not built_in(spec) and not built_in("command:./score")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("command:no-such-program -x", "reward 'command:no-such-program -x' cannot be started: "),
        ("command:'open", "No closing quotation"),
        ("command/0:./score", "the time for an answer is '0'"),
        ("command/soon:./score", "the time for an answer is 'soon'"),
    ],
)
def test_what_cannot_be_started(spec, said):
    with pytest.raises(UserError) as caught:
        make_reward(make_domain({"name": "chain"}), spec)
    assert said in str(caught.value)


def test_a_run_folder_starts_nothing(tmp_path):
    (tmp_path / "config.yaml").write_text("domain: {name: chain}\nrun: {kind: tuned}\n")
    with pytest.raises(UserError, match="name it yourself, with --reward"):
        inputs.refuse_reward_of_a_run("command:touch made", tmp_path / "config.yaml", {}, Path("prior"))
