"""A benchmark: a row for each task and seed, which goes on where it stopped and is refused where it makes no sense."""

import json
import shutil

import pandas as pd
import pytest

import seqtutor
from seqtutor.api.benchmarking import COLUMNS
from seqtutor.cli.main import run as command
from seqtutor.errors import UserError
from tests.support.commands import error_of, untrained

pytestmark = pytest.mark.usefixtures("cheap", "eagerly")

SETTINGS = {"tune.batch": 128, "tune.rounds": 3, "tune.embedding": 16, "tune.offspring": 0}


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "prior"
    untrained(path, "molecules", length=8)
    return path


def test_a_row_for_each_run_and_it_goes_on(prior, tmp_path, capsys):
    out, told = tmp_path / "pmo", []
    how = {"calls": 5, "out": out, "settings": SETTINGS, "quiet": True, "tell": told.append}
    first = seqtutor.benchmark("pmo", prior, tasks="qed", seeds=1, **how)
    assert told == first.rows and [(row["task"], row["seed"]) for row in first.rows] == [("qed", 0)]
    table = pd.read_csv(out / "results.csv")
    history = pd.read_csv(out / "qed-seed0" / "history.csv")
    assert tuple(table.columns) == COLUMNS == tuple(first.to_pandas().columns)
    for name in ("calls", "auc_top10", "top1", "top10", "top100"):
        assert table[name][0] == pytest.approx(history[name].iloc[-1]) == first.rows[0][name]
    cut = history.drawn.iloc[-1] - 128 * (len(history) - 1)  # the last round, which had a call too many
    assert 0 < cut < 128
    valid = 128 * history.valid.iloc[:-1].sum() + cut * history.valid.iloc[-1]
    assert table.distinct[0] == pytest.approx(table.calls[0] / valid)
    assert json.loads((out / "results.json").read_text()) == first.rows
    with pytest.raises(UserError, match="holds a benchmark already; use --resume, --force"):
        seqtutor.benchmark("pmo", prior, tasks="qed", seeds=1, **how)

    shutil.rmtree(out / "qed-seed0" / "checkpoints")  # so a run that has ended is not begun again
    told.clear()
    second = seqtutor.benchmark("pmo", prior, tasks=("qed", "median1"), seeds=1, resume=True, **how)
    assert [row["task"] for row in second.rows] == ["qed", "median1"] and second.rows[0] == first.rows[0]
    text = str(second).splitlines()
    assert text[0].split() == [
        "task",
        "seeds",
        "calls",
        "auc_top10",
        "top1",
        "top10",
        "top100",
        "REINVENT*",
        "Graph",
        "GA*",
    ]
    assert text[1].split()[0] == "qed" and text[1].split()[-2:] == ["0.941", "0.940"]
    assert text[3].split()[0] == "sum" and text[3].split()[-2:] == ["1.297", "1.234"]
    assert "not run again" in text[4] and "drd2, gsk3b, jnk3" in text[5]


def test_force_replaces_each_run_when_the_new_one_is_sure_to_start(prior, tmp_path, monkeypatch):
    how = {"tasks": ("qed", "median1"), "seeds": 1, "calls": 5, "out": tmp_path, "settings": SETTINGS, "quiet": True}
    first = seqtutor.benchmark("pmo", prior, **how)
    with pytest.raises(UserError, match=r"tune\.units"):
        seqtutor.benchmark("pmo", prior, **{**how, "settings": {**SETTINGS, "tune.units": 1}}, force=True)
    assert seqtutor.benchmark("pmo", prior, **how, resume=True).rows == first.rows  # nothing is lost, none begun again

    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seqtutor.benchmark("pmo", prior, **how, force=True, tell=stop)
    again = seqtutor.benchmark("pmo", prior, **how, resume=True).rows
    assert again[0]["seconds"] != first.rows[0]["seconds"] and again[1] == first.rows[1]
    assert all(a[name] == b[name] for a, b in zip(again, first.rows, strict=True) for name in COLUMNS[:-1])


def test_the_command(prior, tmp_path, capsys):
    args = [
        "benchmark",
        "guacamol",
        "--prior",
        str(prior),
        "--out",
        str(tmp_path / "out"),
        "--calls",
        "5",
        "--seeds",
        "1",
    ]
    sets = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    assert command([*args, *sets, "--tasks", "isomers_c11h24"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("task") and "isomers_c11h24" in said and "published" not in said
    assert "did you mean osimertinib_mpo" in error_of(capsys, *args, "--force", "--tasks", "osimertinib")
    assert "did you mean guacamol" in error_of(capsys, "benchmark", "guacamole", *args[2:])
    line = error_of(capsys, *args, "--set", "tune.calls=3")
    assert "tune.calls is not a setting of a benchmark" in line


def test_a_domain_without_benchmarks(tmp_path):
    untrained(tmp_path / "prior", "chain")
    with pytest.raises(UserError, match="there is no benchmark for the domain 'chain'"):
        seqtutor.benchmark("pmo", tmp_path / "prior")


def test_a_prior_that_was_trained_anew_is_not_continued(tmp_path):
    path, how = tmp_path / "prior", {"tasks": "qed", "seeds": 1, "calls": 5, "settings": SETTINGS, "quiet": True}
    untrained(path, "molecules", length=8)
    seqtutor.benchmark("pmo", path, out=tmp_path / "pmo", **how)
    shutil.rmtree(path)
    untrained(path, "molecules", length=8, seed=1)
    with pytest.raises(UserError, match="the prior has been trained anew since the training began"):
        seqtutor.benchmark("pmo", path, out=tmp_path / "pmo", resume=True, **how)
