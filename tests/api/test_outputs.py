"""sweep, report, export and load_run from Python."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.api.test_training import error_of
from tests.support.python_api import TUNE, count_a
from tests.tuning.test_resume import assert_same_run, history

pytestmark = pytest.mark.usefixtures("eagerly")

FEW = {**TUNE, "tune.rounds": 2}


@pytest.fixture(scope="module")
def found(prior, tmp_path_factory):
    """A sweep over variants and a grid."""
    return st.sweep(
        prior, variants=["psi", "dap"], c=2.0, grid={"tune.learning_rate": [0.001, 0.01]}, num=16, reward=count_a,
        settings=FEW, out=tmp_path_factory.mktemp("swept") / "sweep", quiet=True,
    )  # fmt: skip


def test_a_sweep_has_a_run_for_each_point(found, prior):
    assert found.columns == ("variant", "c", "tune.learning_rate")
    table = found.to_pandas()
    assert table["variant"].tolist() == ["prior", "psi", "psi", "dap", "dap"]
    assert table["tune.learning_rate"].tolist()[1:] == ["0.001", "0.01", "0.001", "0.01"]
    assert set(table["status"]) == {"done"}
    written = pd.read_csv(found.folder / "summary.csv")
    assert list(table) == list(written)
    np.testing.assert_allclose(table["reward"], written["reward"], rtol=1e-8)
    point = st.load_run(found.folder / table["folder"][2])
    assert (point.config.tune.learning_rate, point.config.tune.reward) == (0.01, "python:count_a")
    assert history(point.path)["reward"][0] == history(found.folder / table["folder"][1])["reward"][0]


def test_a_point_of_a_sweep_is_the_run_of_tune(found, prior, tmp_path):
    alone = st.tune(
        prior, reward=count_a, c=2.0, settings={**FEW, "tune.learning_rate": 0.01, "evaluate.num": 16},
        out=tmp_path / "alone", quiet=True,
    )  # fmt: skip
    assert_same_run(found.folder / found.to_pandas()["folder"][2], alone.path)


@pytest.mark.slow
def test_the_command_and_the_function_sweep_the_same(prior, tmp_path):
    settings = [part for key, value in FEW.items() for part in ("--set", f"{key}={value}")]
    args = ["sweep", "chain", "--prior", str(prior.path), "--variants", "psi", "--c", "1", "--num", "8", "--quiet"]
    assert command([*args, *settings, "--out", str(tmp_path / "command")]) == 0
    made = st.sweep(prior, "chain", variants="psi", c=1, num=8, settings=FEW, out=tmp_path / "function", quiet=True)
    tables = [pd.read_csv(tmp_path / name / "summary.csv") for name in ("command", "function")]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in tables), check_exact=True)
    csv = "frontier.csv"
    assert (tmp_path / "command" / csv).read_bytes() == (tmp_path / "function" / csv).read_bytes()
    again = st.sweep(prior, "chain", variants="psi", c=[1, 2], num=8, settings=FEW, out=made.folder, resume=True)
    assert len(again.rows) == 3


def test_a_notebook_shows_the_frontier(found):
    page = found._repr_html_()
    assert 'src="data:image/png;base64,iVBOR' in page
    assert repr(found) == f"<Sweep {found.folder}: 4 points>"
    assert page.count("<tr>") == 6
    assert str(found).splitlines()[0].split() == [
        "variant", "c", "tune.learning_rate", "seeds", "reward", "kl_sequence", "objective",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"engine": "rey"}, "unknown engine 'rey'; did you mean ray"),
        ({"engine": "ray"}, "give the reward as file.py:function"),
        ({"seeds": 0}, "seeds is 0; give 1 or more"),
        ({"num": 1}, "evaluate.num is 1"),
        ({"variants": "phi"}, "unknown variant 'phi'"),
        ({"c": [1, 1]}, "two points of the sweep are psi-c1-seed0"),
        ({"grid": {"tune.c": [1, 2]}}, "the grid has tune.c; give it as c"),
        ({"grid": {"tune.batch": 3}}, "the grid has tune.batch = 3; give a list of values"),
        ({"grid": {"tune.batch": []}}, "the grid has tune.batch = []; give a list of values"),
        ({"grid": {"tune.bach": [1]}}, "unknown key 'tune.bach'"),
        ({"grid": {"data.name": ["x", "y"]}}, "domain, data and model are the prior's"),
    ],
)
def test_sweep_refuses(prior, tmp_path, how, says):
    assert says in error_of(st.sweep, prior, reward=count_a, out=tmp_path / "sweep", quiet=True, **how)
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_that_is_there(found, prior):
    assert "holds a sweep already" in error_of(st.sweep, prior, out=found.folder)
    assert "the prior's own folder" in error_of(st.sweep, prior, out=prior.path)


def test_report_of_runs_and_of_folders(prior, tuned, tmp_path):
    file = st.report([prior, tuned.path], num=16, reward=count_a, out=tmp_path / "page.html", quiet=True)
    assert file == tmp_path / "page.html"
    page = file.read_text()
    assert prior.name in page and tuned.name in page and "count_a" in page
    assert "count_a" in st.report(tuned, num=16, out=tmp_path, quiet=True).read_text()  # it knows its function
    assert (tmp_path / "report.html").exists()
    assert "give at least one run" in error_of(st.report, [])
    assert "num is 1" in error_of(st.report, prior, num=1)
    assert "is not a run folder" in error_of(st.report, [prior, tmp_path / "none"])


def test_the_command_and_the_function_report_the_same(prior, tmp_path):
    args = ["report", str(prior.path), "--num", "8", "--out", str(tmp_path / "command.html"), "--quiet"]
    assert command(args) == 0
    st.report(prior.path, num=8, out=tmp_path / "function.html", quiet=True)
    pages = [(tmp_path / f"{name}.html").read_text() for name in ("command", "function")]
    assert pages[0] == pages[1]


def test_export(tuned, tmp_path):
    assert st.export(tuned, tmp_path / "saved") == tmp_path / "saved"
    signatures = tf.saved_model.load(str(tmp_path / "saved")).signatures
    drawn = signatures["sample"](
        uniforms=tf.constant(np.full((2, 6), 0.5, np.float32)), primers=tf.zeros([2, 0], tf.int32),
        temperature=tf.constant(1.0),
    )  # fmt: skip
    assert drawn["tokens"].shape == (2, 6)
    assert "--force" in error_of(st.export, tuned.path, tmp_path / "saved")
    st.export(str(tuned.path), tmp_path / "saved", force=True)


def test_load_run(prior, tuned, tmp_path):
    for path in (tuned.path, str(tuned.path)):
        run = st.load_run(path)
        assert isinstance(run, st.Run)
        assert (run.step, run.tuned, run.config) == (tuned.step, True, tuned.config)
    assert "is not a run folder; did you mean" in error_of(st.load_run, prior.path.parent)


def test_a_notebook_shows_a_run(prior, tuned, make_run):
    page = tuned._repr_html_()
    assert f"{tuned.path}: chain tuned by psi with c = 1, round 6" in page
    assert f'>reward</th><td style="text-align:right">{tuned.history["reward"].iloc[-1]:.4g}</td>' in page
    assert "validation_loss" in prior._repr_html_()
    assert "words prior, step 7" in st.load_run(make_run())._repr_html_()  # it has no history
