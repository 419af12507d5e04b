"""Run folders from strangers: nothing in them is executed, and they say what is wrong in one line."""

import shutil

import pytest
import yaml

from seqtutor.cli.main import run
from seqtutor.config import in_a_run
from tests.support.commands import error_of

EVIL = "open({mark!r}, 'a').close()\ndef f(tokens, texts): return [0.0] * len(texts)\n"


@pytest.fixture
def evil(make_run, tmp_path):
    """A run folder whose config names a file in it as the reward; the mark that the file leaves; and a prior."""
    mark = tmp_path / "EXECUTED"
    folder = make_run("evil", variant="psi", reward=f"{tmp_path}/runs/evil/evil.py:f", rounds=1, batch=4)
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    return folder, mark, make_run("prior")


@pytest.mark.parametrize("way", ["config.yaml", "copy.yaml", "deep/copy.yaml", "extended", "the prior's"])
def test_a_reward_file_that_only_a_run_folder_names_is_not_executed(evil, tmp_path, capsys, way):
    folder, mark, prior = evil
    path = folder / way
    if way == "extended":
        path = tmp_path / "mine.yaml"
        path.write_text(f"extends: {folder / 'config.yaml'}\n")
    elif way == "the prior's":  # a config that anyone may have written
        prior = folder
        path = folder / "config.yaml"
    elif way != "config.yaml":
        tree = yaml.safe_load((folder / "config.yaml").read_text())
        tree.pop("run")
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(tree))
    line = error_of(capsys, "tune", str(path), "--prior", str(prior), "--out", str(tmp_path / "out"), "--quiet")
    assert "evil.py:f" in line or "is a tuned run" in line
    assert not mark.exists()
    line = error_of(capsys, "sweep", str(path), "--prior", str(prior), "--out", str(tmp_path / "out"), "--quiet")
    assert "--reward" in line or "is a tuned run" in line
    assert not mark.exists() and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_reward_file_is_executed_where_it_is_named(evil, tmp_path):
    folder, mark, prior = evil
    for number, more in enumerate((["--reward", f"{folder}/evil.py:f"], ["--set", f"tune.reward={folder}/evil.py:f"])):
        args = ["tune", str(folder / "config.yaml"), "--prior", str(prior), "--out", str(tmp_path / f"{number}")]
        assert run([*args, "--quiet", *more]) == 0
        assert mark.exists()
        mark.unlink()
    shutil.copy(folder / "config.yaml", tmp_path / "mine.yaml")  # what lies elsewhere is the user's own
    assert (
        run(["tune", str(tmp_path / "mine.yaml"), "--prior", str(prior), "--out", str(tmp_path / "2"), "--quiet"]) == 0
    )
    assert mark.exists()


def test_what_counts_as_in_a_run(evil, tmp_path):
    folder, _, _ = evil
    assert in_a_run(folder / "config.yaml") == folder
    assert in_a_run({"extends": str(folder / "config.yaml")}) == folder
    (tmp_path / "mine.yaml").write_text("domain: {name: music}\n")
    assert in_a_run(tmp_path / "mine.yaml") is None
    assert in_a_run("music") is None
    (folder / "config.yaml").unlink()
    (folder / "other.yaml").write_text("{}")
    assert in_a_run(folder / "other.yaml") == folder  # it has checkpoints
