"""What is being written has a name that says whose it is."""

import os
import subprocess
import sys

import pytest

from seqtutor.errors import UserError
from seqtutor.system import temporary
from seqtutor.system.files import write_text


def dead():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "samples.csv"
    mine = temporary.beside(path).name.removesuffix(str(os.getpid()))
    kept = [f"{mine}{os.getppid()}", f".samples.csv.elsewhere-{dead()}", ".samples.csv.1", f"{mine}x", "samples.csv"]
    for name in (*kept, f"{mine}{dead()}"):
        (tmp_path / name).write_text("half")
    half = tmp_path / f"{mine}{dead()}"
    half.mkdir()
    (half / "inside").write_text("half")
    write_text(path, "whole")
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(kept)
    assert path.read_text() == "whole"


def test_a_link_is_removed_but_not_what_it_leads_to(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    name = temporary.beside(tmp_path / "checkpoint").name.replace(str(os.getpid()), str(dead()))
    (tmp_path / name).symlink_to(tmp_path / "precious")
    temporary.beside(tmp_path / "checkpoint")
    assert not os.path.lexists(tmp_path / name)
    assert (tmp_path / "precious" / "file").read_text() == "x"


def test_a_folder_that_was_not_renamed_is_removed(tmp_path):
    with pytest.raises(RuntimeError), temporary.folder_beside(tmp_path / "made") as folder:
        (folder / "file").write_text("x")
        raise RuntimeError
    with temporary.folder_beside(tmp_path / "made") as folder:
        os.replace(folder, tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*No such file"):
        write_text(tmp_path / "nowhere" / "file", "x")
