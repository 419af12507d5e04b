"""A run knows where its data and its reward came from, and whether they are still what they were."""

import contextlib

import pytest
import yaml

from seqtutor.cli.main import run
from tests.support.commands import error_of

pytestmark = pytest.mark.usefixtures("eagerly")

SMALL = ["--set", "model.units=4", "--set", "pretrain.epochs=1", "--quiet"]
REWARD = "def f(tokens, texts):\n    return [float(len(text)) for text in texts]\n"


@pytest.fixture
def prior(words, tmp_path, monkeypatch):
    """A prior of a file that was given by a relative path; the tests go on in another folder, with a file so named."""
    for name, letters in (("here", ["abab\n", "bada\n"]), ("there", ["dddd\n", "cccc\n"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.txt").write_text("".join(letters) * 20)
    (tmp_path / "words.yaml").write_text("domain: {name: words}\ntune: {rounds: 2, batch: 4, minibatch: 4}\n")
    monkeypatch.chdir(tmp_path / "here")
    assert run(pretraining(tmp_path)) == 0
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "prior"


def pretraining(tmp_path):
    return ["pretrain", str(tmp_path / "words.yaml"), "--data", "words.txt", "--out", str(tmp_path / "prior"), *SMALL]


def about(path):
    return yaml.safe_load((path / "config.yaml").read_text())["run"]


def test_another_folder_with_a_file_of_that_name(prior, tmp_path, capsys, monkeypatch):
    assert about(prior)["data"]["path"] == str(tmp_path / "here" / "words.txt")
    assert "the data have changed since the training began" in error_of(capsys, *pretraining(tmp_path), "--resume")
    args = ["evaluate", str(prior), "--num", "20", "--out", str(tmp_path), "--quiet"]
    assert run(args) == 0  # novelty is against the run's own file
    assert capsys.readouterr().err == ""
    monkeypatch.chdir(tmp_path / "here")
    assert run([*pretraining(tmp_path), "--resume"]) == 0


def test_data_that_changed(prior, tmp_path, capsys):
    with (tmp_path / "here" / "words.txt").open("a") as file:
        file.write("abba\n")
    assert run(["evaluate", str(prior), "--num", "20", "--out", str(tmp_path)]) == 0
    said = f"words.txt has changed since {prior} was trained: novelty is against what it holds now"
    assert said in capsys.readouterr().err


def test_a_reward_file_that_changed(prior, tmp_path, capsys):
    path, out = tmp_path / "mine.py", tmp_path / "tuned"
    path.write_text(REWARD)
    tune = ["tune", str(tmp_path / "words.yaml"), "--prior", str(prior), "--reward", f"{path}:f", "--out", str(out)]
    assert run([*tune, "--quiet"]) == 0
    assert about(out)["data"] == about(prior)["data"]
    assert about(out)["reward"]["path"] == str(path)
    longer = [*tune, "--set", "tune.rounds=3", "--resume"]
    path.write_text(REWARD.replace("float", "-float"))
    assert "the reward file has changed since the training began" in error_of(capsys, *longer)
    path.write_text(REWARD)
    assert run([*longer, "--quiet"]) == 0


def test_a_sweep_whose_reward_file_changed(prior, tmp_path, capsys, monkeypatch):
    """It is refused before any point begins, here or on a cluster."""
    path, out = tmp_path / "mine.py", tmp_path / "sweep"
    path.write_text(REWARD)
    args = ["sweep", str(tmp_path / "words.yaml"), "--prior", str(prior), "--num", "4", "--out", str(out), "--quiet"]
    args += ["--reward", f"{path}:f", "--variants", "psi"]
    assert run(args) == 0
    path.write_text(REWARD.replace("float", "-float"))
    monkeypatch.setattr("seqtutor.sweeps.ray_engine.engine", lambda prior: contextlib.nullcontext(None))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    for engine in ("local", "ray"):
        line = error_of(capsys, *args, "--variants", "psi,g", "--resume", "--engine", engine)
        assert "the reward file has changed since the training began" in line
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_a_run_that_does_not_say_so_is_resumed(prior, tmp_path):
    """As version 0.1.0 wrote it."""
    out = tmp_path / "tuned"
    tune = ["tune", str(tmp_path / "words.yaml"), "--prior", str(prior), "--out", str(out), "--quiet"]
    assert run(tune) == 0
    for path in (prior, out):
        tree = yaml.safe_load((path / "config.yaml").read_text())
        tree["run"].get("data", {}).pop("path", None)
        if path == out:
            del tree["run"]["data"]
        (path / "config.yaml").write_text(yaml.safe_dump(tree))
    assert run([*tune, "--set", "tune.rounds=3", "--resume"]) == 0
