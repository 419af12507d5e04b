"""The commands as users type them: help, exit codes, one line of error."""

import os
import subprocess
import sys

import numpy as np
import pytest

from seqtutor.cli import main as cli
from seqtutor.cli.config import config
from seqtutor.cli.data import data
from seqtutor.cli.main import COMMANDS, run
from tests.support.commands import error_of, untrained

HEAVY = ("tensorflow", "keras", "rdkit", "pandas", "music21", "matplotlib", "pretty_midi", "jinja2")
CONFIG = "domain: {name: words}\nmodel: {units: 8}\n"


def shell(*args, **more):
    return subprocess.run(
        [sys.executable, "-m", "seqtutor", *args], capture_output=True, text=True, timeout=120, **more
    )


GROUPED = [f"{group.name} {name}" for group in (data, config) for name in group.commands]


@pytest.mark.parametrize("command", ["", *COMMANDS, *GROUPED])
def test_help_is_quick_and_ends_with_an_example(command):
    """Imports decide how long it takes, so those are looked at and not the clock alone."""
    code = (
        "import sys, time; start = time.process_time()\n"
        "from seqtutor.cli.main import run\n"
        f"code = run({[*command.split(), '--help']!r})\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), time.process_time() - start)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *text, last = done.stdout.splitlines()
    assert last.startswith("[] ")
    assert float(last.split()[-1]) < 0.5  # processor time: it does not depend on what else runs
    assert any(line.strip() in ("Example:", "Examples:") for line in text[-4:])
    assert text[-1].strip().startswith(f"seqtutor {command or 'pretrain'}")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["data", "list"], ["config", "copy"]])
def test_h_is_help(command, capsys):
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert run([*command, "-h"]) == 0
    assert capsys.readouterr().out == text and "-h, --help" in text


def test_the_list_of_commands_has_their_summaries(capsys):
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in text
        assert summary[:30] in text


def test_version_names_what_decides_the_numbers(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("seqtutor 0.1.0 (TensorFlow 2.")


def test_without_arguments_it_shows_the_help(capsys):
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["tuen"], "unknown command 'tuen'; did you mean tune, rate?"),
        (["data", "lst"], "unknown command 'lst'; did you mean list?"),
        (["sample", "runs/x", "--nmu", "3"], "--num"),
        (["sample", "runs/x"], "Missing option '--num'"),
        (["sample", "runs/x", "--num", "0"], "--num"),
        (["tune", "x.yaml", "--prior", "y", "--variant", "ps"], "unknown variant 'ps'; did you mean psi"),
        (["pretrain", "no-such.yaml"], "unknown config file 'no-such.yaml'"),
        (["score", "x.mid"], "--domain"),
        (["score", "x.mid", "--domain", "musik"], "unknown domain 'musik'; did you mean music?"),
        (["score", "x.mid", "--domain", "music", "--reward", "tonik"], "unknown reward 'tonik'; did you mean tonic"),
        (["score", "x.mid", "--domain", "music"], "x.mid"),
        (["sample", "runs/none", "--num", "3"], "runs/none is not a run folder"),
        (["evaluate", "runs/none"], "no run or file runs/none"),
    ],
)
def test_wrong_usage_is_one_line_with_the_mend(capsys, args, says):
    assert says in error_of(capsys, *args)


def test_a_traceback_only_with_v(capsys):
    assert run(["score", "x.mid", "--domain", "musik", "-v"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: unknown domain")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (RuntimeError("two\nlines"), 1, "error: RuntimeError: two lines; run again with -v for the traceback\n"),
        (EOFError("no data"), 1, "error: EOFError: no data; run again with -v for the traceback\n"),
        (BrokenPipeError("a worker"), 1, "error: BrokenPipeError: a worker; run again with -v for the traceback\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_codes_of_what_nobody_expects(monkeypatch, capsys, error, code, says):
    def fail(self, ctx):
        raise error

    monkeypatch.setattr(cli.Commands, "invoke", fail)
    assert run(["sample"]) == code
    assert capsys.readouterr().err == says


@pytest.mark.parametrize(("number", "code", "says"), [(2, 130, "interrupted\n"), (15, 143, "interrupted by SIGTERM\n")])
def test_an_interrupt_that_a_library_makes_another_error_of(monkeypatch, capsys, number, code, says):
    """As pydantic does while it builds a class."""

    def fail(self, ctx):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise RuntimeError("validator: KeyboardInterrupt") from None

    monkeypatch.setattr(cli.Commands, "invoke", fail)
    assert run(["sample"]) == code
    assert capsys.readouterr().err == says


def test_a_process_says_one_line_and_exits_with_2(tmp_path):
    """TensorFlow runs, and still there is nothing else on standard error."""
    np.savez(tmp_path / "x.npz", tokens=np.full((3, 8), 99))
    done = shell("score", "x.npz", "--domain", "music", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "x.npz" in done.stderr


def test_a_quiet_process_says_nothing_at_all(tmp_path):
    """Nor does what TensorFlow writes itself, past Python, reach standard error."""
    untrained(tmp_path / "prior", "music")
    np.savez(tmp_path / "x.npz", tokens=np.full((3, 8), 14))
    done = shell("score", "x.npz", "--model", "prior", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "scores.csv").exists()


@pytest.mark.skipif(os.name != "posix", reason="terminals")
@pytest.mark.parametrize(
    ("more", "head"), [({}, "\x1b[31merror:\x1b[0m "), ({"NO_COLOR": "1"}, "error: "), ({"NO_COLOR": ""}, "\x1b[31m")]
)
def test_colours_on_a_terminal_unless_they_are_not_wanted(monkeypatch, more, head):
    import pty

    monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, "-m", "seqtutor", "tuen"], stderr=theirs, env={**os.environ, **more})
    assert done.returncode == 2
    assert os.read(ours, 1000).decode().startswith(head)


def test_a_closed_pipe_is_quiet():
    done = subprocess.run(
        f"{sys.executable} -m seqtutor --help | true",
        shell=True,
        capture_output=True,
        text=True,
        executable="/bin/bash",
    )
    assert done.stderr == ""
