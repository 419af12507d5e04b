"""One writer of a run at a time; the lock ends with its process."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from seqtutor.errors import UserError
from seqtutor.runs import checkpoint
from seqtutor.runs.run import load_run
from seqtutor.runs.writer import only_writer, writer_of
from seqtutor.system import temporary
from tests.support.commands import PRETRAIN, error_of, words_config

HOLDER = """
import sys
from pathlib import Path
from seqtutor.runs.writer import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
RIVAL = """
import os, sys
from pathlib import Path
from seqtutor.errors import UserError
from seqtutor.runs.writer import only_writer
folder, alone = Path(sys.argv[1]), Path(sys.argv[2])
wins = 0
while wins < 40:
    try:
        with only_writer(folder):
            os.close(os.open(alone, os.O_CREAT | os.O_EXCL))  # fails where another is here as well
            alone.unlink()
            wins += 1
    except UserError:
        pass
"""


@pytest.fixture
def holder(tmp_path):
    """A process that writes the run in tmp_path/run."""
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process, folder
        process.kill()


def test_a_second_writer_is_told_who_the_first_is(holder):
    process, folder = holder
    with pytest.raises(UserError) as caught, only_writer(folder):
        pass
    who = rf"process {process.pid} on {re.escape(temporary.host())} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(
        rf"{re.escape(str(folder))} is being written by {who}; wait for it, or end it", str(caught.value)
    )
    assert re.fullmatch(who, writer_of(folder))


def test_the_lock_of_a_dead_process_is_taken_over(holder):
    process, folder = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert writer_of(folder) is None
    with only_writer(folder):
        assert json.loads((folder / ".writer.json").read_text())["process"] == os.getpid()
    assert not list(folder.iterdir())


def test_a_folder_in_which_nothing_was_written_is_removed(tmp_path):
    with only_writer(tmp_path / "a" / "run"):
        assert (tmp_path / "a" / "run").exists()
    assert not (tmp_path / "a").exists()


def test_many_at_once_are_never_two(tmp_path):
    """The file of the lock is removed in the end, so this tries what happens to those who have it open already."""
    (tmp_path / "run").mkdir()
    command = [sys.executable, "-c", RIVAL, str(tmp_path / "run"), str(tmp_path / "alone")]
    rivals = [subprocess.Popen(command) for _ in range(3)]
    assert [rival.wait(60) for rival in rivals] == [0, 0, 0]
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("flags", [[], ["--resume"], ["--force"]])
def test_the_commands_refuse_a_run_that_is_being_written(make_run, capsys, flags):
    path = make_run("prior")
    before = sorted((file, file.stat().st_mtime_ns) for file in path.rglob("*"))
    with only_writer(path):
        assert "is being written by process" in error_of(capsys, *PRETRAIN, "--out", str(path), *flags)
    assert sorted((file, file.stat().st_mtime_ns) for file in path.rglob("*")) == before


def test_a_run_that_has_no_checkpoint_yet(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with only_writer(tmp_path / "run"), pytest.raises(UserError, match=f"yet: process {os.getpid()} on .* trains"):
        load_run(tmp_path / "run")
    with pytest.raises(UserError, match="no whole checkpoint"):
        load_run(tmp_path / "run")


def test_readers_see_a_whole_checkpoint_while_it_is_replaced(tmp_path, monkeypatch):
    """Each time one is about to be read, the writer has just written two newer ones and dropped it."""
    made = {step: checkpoint.Checkpoint(step, {}, {}) for step in range(1, 20)}
    for best in (False, True):
        checkpoint.save(tmp_path / f"{best}", made[1], best=best)
    read, steps = checkpoint._load, iter(range(2, 6))

    def late(path, warn, expected):
        for step in (next(steps, None), next(steps, None)):
            if step:
                checkpoint.save(path.parent, made[step], best=path.parent.name == "True")
        return read(path, warn, expected)

    monkeypatch.setattr(checkpoint, "_load", late)
    told = []
    assert checkpoint.load_newest(tmp_path / "False", told.append).step == 5
    steps = iter(range(2, 6))
    assert checkpoint.load_best(tmp_path / "True", told.append).step == 5
    assert told == []


def test_checkpoints_without_a_config_are_a_run(make_run, capsys):
    path = make_run("prior")
    (path / "config.yaml").unlink()
    for flags in ([], ["--resume"]):
        line = error_of(capsys, *PRETRAIN, "--out", str(path), *flags)
        assert "has checkpoints, but no config.yaml: which run is that? use --force or another --out" in line
    assert checkpoint.load_best(path / "checkpoints").step == 7


def test_force_clears_nothing_before_the_new_run_is_sure_to_start(make_run, capsys, tmp_path):
    path, prior = make_run("psi", variant="psi"), make_run("prior")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    tune = ["tune", words_config(tmp_path), "--prior", str(prior), "--out", str(path), "--force"]
    for wrong, said in (("tune.reward=c", "unknown"), ("tune.units=3", "units"), ("tune.primer=xyz", "xyz")):
        assert said in error_of(capsys, *tune, "--set", wrong)
        assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
