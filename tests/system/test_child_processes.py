"""Code in the folder where a command is started never runs, and children end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqtutor.domains.music.midi import write_midi
from seqtutor.system import child_processes
from tests.support.places import ROOT

NAMES = (
    "json",
    "multiprocessing",
    "numpy",
    "pip",
    "pickle",
    "random",
    "rdkit",
    "runpy",
    "signal",
    "socket",
    "tempfile",
)
COMMAND = "import sys; sys.path.remove(''); from seqtutor.cli.main import main; main()"  # as the console script


@pytest.fixture
def trapped(tmp_path, monkeypatch):
    """A current folder full of files that leave a mark where they are imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'EXECUTED')!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    return folder


def command(*args, **environment):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *args], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_a_child_has_the_modules_of_its_parent_but_not_those_of_the_current_folder(trapped):
    code = "import json, random, numpy, seqtutor; print(seqtutor.__file__)"
    done = subprocess.run(child_processes.python(code), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(ROOT)
    assert not (trapped / "EXECUTED").exists()


@pytest.mark.parametrize("named", [False, True])
def test_only_a_folder_that_was_named_is_kept(monkeypatch, tmp_path, named):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/usr/lib"])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) if named else "")
    assert child_processes.safe_path() == (["", str(tmp_path), "/usr/lib"] if named else ["/usr/lib"])


def test_importing_molecules_runs_nothing_of_the_current_folder(trapped):
    (trapped / "m.smi").write_text("CCO\nCCN\nCCC\n")
    done = command("data", "import", "m.smi", "--domain", "molecules", "--name", "mine", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (trapped / "EXECUTED").exists()


@pytest.mark.slow
def test_importing_melodies_runs_nothing_of_the_current_folder(trapped):
    (trapped / "tunes").mkdir()
    for number in range(20):
        write_midi(np.arange(2, 34), trapped / "tunes" / f"{number}.mid")
    done = command("data", "import", "tunes", "--domain", "music", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (trapped / "EXECUTED").exists()


def test_fetching_runs_nothing_of_the_current_folder(trapped):
    done = command("data", "fetch", "moses", "--quiet", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(trapped))
    assert done.returncode == 2
    assert done.stderr.startswith("error: pip could not download molsets==0.3.1 (")  # the real pip
    assert not (trapped / "EXECUTED").exists()


SLEEPER = """
from seqtutor.system.child_processes import run_python
run_python("import sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(100)", {path!r})
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_child_ends_with_its_parent(tmp_path, number):
    path = tmp_path / "pid"
    parent = subprocess.Popen(
        child_processes.python(SLEEPER.format(path=str(path))),
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (path.exists() and path.read_text()):
        time.sleep(0.02)
    parent.send_signal(number)
    parent.wait(30)
    assert ends(int(path.read_text()))


def ends(pid, within=30.0):
    """Whether a process is gone, or only waits to be buried, within some seconds."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
