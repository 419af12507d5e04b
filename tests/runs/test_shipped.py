"""The priors that come with seqtutor: whole, small, found by name, and never written beside."""

import hashlib
import json

import numpy as np
import pytest

import seqtutor as st
from seqtutor.api import inputs
from seqtutor.cli.main import run
from seqtutor.runs.shipped import folder_of, shipped
from seqtutor.system.files import packaged
from tests.api.test_training import error_of
from tests.support.commands import untrained

NAMES = ("molecules", "music")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot():
    return {file: file.stat().st_mtime_ns for file in packaged("priors").rglob("*")}


def test_each_is_whole_small_and_says_how_it_was_made():
    assert tuple(shipped()) == NAMES
    for name, each in shipped().items():
        weights = (each.folder / "arrays.npz").read_bytes()
        assert hashlib.sha256(weights).hexdigest() == each.about["sha256"]
        assert len(weights) == each.size < 2_000_000
        assert 0 <= abs(each.about["test_loss"] - each.about["test_loss_float32"]) < 0.001
        assert each.about["command"] == f"python scripts/make_priors.py {name}"
        assert (each.folder / "LICENSE").is_file()
    assert json.loads((packaged("priors") / "music" / "checkpoint.json").read_text())["config"]["data"]["name"] == ""


def test_the_list(capsys):
    assert run(["prior", "list"]) == 0
    out = capsys.readouterr().out
    for name, each in shipped().items():
        assert f"{name}: {each.about['description']}\n" in out and each.about["sha256"] in out


def test_music_at_once(elsewhere, capsys):
    """Drawing, tuning and judging in an empty folder; nothing is written where the priors are."""
    before = snapshot()
    assert run(["sample", "music", "--num", "8", "--format", "mid", "--quiet"]) == 0
    assert len(list((elsewhere / "music-samples").glob("*.mid"))) == 8
    few = [f"--set=tune.{each}" for each in ("rounds=1", "batch=4", "minibatch=4")]
    assert run(["tune", "music-quick", "--prior", "music", "--quiet", *few]) == 0
    tuned = st.load_run("runs/music-quick/g")
    assert "prior: music\n" in (tuned.path / "config.yaml").read_text()
    assert run(["evaluate", "music", str(tuned.path), "--num", "4", "--quiet"]) == 0
    assert capsys.readouterr().out.split("\n")[0].split() == ["priors/music", "music-quick/g"]
    assert run(["report", "music", "--num", "4", "--quiet"]) == 0
    assert "<pre>python scripts/make_priors.py music</pre>" in (elsewhere / "report.html").read_text()
    assert {path.name for path in elsewhere.iterdir()} == {"music-samples", "runs", "report.html"}
    assert snapshot() == before


def test_weights_are_of_half_precision_and_used_as_float32():
    loaded = st.load_run("music")
    assert loaded.path == packaged("priors") / "music" and loaded.shipped
    with np.load(loaded.path / "arrays.npz") as arrays:
        stored = {name: arrays[name] for name in arrays.files}
    for name, array in loaded.policy.prior.get().items():
        assert stored[f"prior/{name}"].dtype == np.float16 and array.dtype == np.float32
        np.testing.assert_array_equal(array, stored[f"prior/{name}"].astype(np.float32))
    assert np.mean([text.count("hold") for text in loaded.sample(50, quiet=True)]) > 5


def test_molecules_at_once():
    drawn = st.load_run("molecules").sample(100, quiet=True, reward="valid")
    assert drawn.to_pandas()["valid"].mean() > 0.8


def test_a_name_that_is_a_folder_too_is_refused(elsewhere):
    untrained(elsewhere / "music", "music")
    said = error_of(st.load_run, "music")
    assert (
        f"'music' is a prior that comes with seqtutor, and there is a 'music' here; for that write {elsewhere}" in said
    )
    assert st.load_run(elsewhere / "music").step == 1
    assert st.load_run(said.rpartition(", for the prior ")[2]).shipped
    assert folder_of("chess") is None and folder_of("runs/music") is None
    assert "is not a run folder" in error_of(st.load_run, "chess")


def test_an_unknown_name_is_told_the_nearest(elsewhere):
    assert "musik is not a run folder" in (said := error_of(st.load_run, "musik")) and "did you mean music?" in said
    assert "no run or file musik; did you mean music?" in error_of(st.play, "musik")
    assert "no run or file molecule; did you mean molecules?" in error_of(st.evaluate, "molecule")
    assert "the priors molecules and music come with seqtutor" in error_of(st.load_run, "chess")


def test_without_a_config_runs_go_to_runs(elsewhere):
    few = {"tune.rounds": 1, "tune.batch": 4, "tune.minibatch": 4, "tune.variant": "g"}
    assert str(st.tune("music", settings=few, quiet=True).path) == "runs/music/g"


def test_what_it_was_not_trained_on_is_said(caplog):
    st.load_run("music").sample(1, length=130, quiet=True)
    assert any("trained on pieces of at most 128 tokens" in said for said in caplog.messages)
    assert inputs.several(["music", "x.csv"]) == [packaged("priors") / "music", "x.csv"]


def test_a_damaged_one_is_told(tmp_path, monkeypatch):
    (tmp_path / "music").mkdir()
    source = packaged("priors") / "music"
    (tmp_path / "music" / "checkpoint.json").write_bytes((source / "checkpoint.json").read_bytes())
    (tmp_path / "music" / "arrays.npz").write_bytes((source / "arrays.npz").read_bytes()[:-1])
    monkeypatch.setattr("seqtutor.runs.shipped.packaged", lambda name: tmp_path)
    said = error_of(st.load_run, tmp_path / "music")
    assert "arrays.npz does not match its sha256" in said and "install seqtutor again" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tempo", "100", "--swing", "60"], "csv do not say tempo and swing; those of format mid or wav do"),
        (["--format", "abc", "--swing", "60"], "abc do not say swing; those of format mid or wav do"),
        (
            ["--format", "musicxml", "--velocity", "90", "--swing", "60"],
            "musicxml do not say swing; those of format mid do",
        ),
        (
            ["--format", "wav", "--program", "flute"],
            "wav do not say program; those of format mid or abc or musicxml do",
        ),
    ],
)
def test_what_files_do_not_say_of_playing_is_refused(elsewhere, capsys, options, said):
    assert run(["sample", "music", "--num", "1", *options]) == 2
    assert f"files of format {said}" in capsys.readouterr().err
    assert not (elsewhere / "music-samples").exists()


def test_python_refuses_it_too_and_tables_of_samples_are_saved(elsewhere):
    how = {"swing": 60, "velocity": 90}
    said = error_of(st.sample, "music", 1, out="x", format="musicxml", playing=how, quiet=True)
    assert said == "files of format musicxml do not say swing; those of format mid do"
    assert "unknown format 'midd'" in error_of(st.sample, "music", 1, out="x", format="midd", playing=how, quiet=True)
    assert not (elsewhere / "x").exists()
    drawn = st.sample("music", 1, playing=how, quiet=True)
    assert "abc do not say swing and velocity" in error_of(drawn.save, "a.abc")
    assert not (elsewhere / "a.abc").exists()
    assert [len(drawn.save(f"a.{kind}")) for kind in ("mid", "csv", "npz")] == [1, 1, 1]
    assert len(st.sample("music", 1, quiet=True).save("a.abc")) == 1
