"""The command `sweep` on the chain: real runs, interrupted and resumed, diverged, refused."""

import json
import math
import os
import shutil
import signal

import numpy as np
import pandas as pd
import pytest

from seqtutor.cli.main import run
from seqtutor.config import EvaluateConfig, TuneConfig
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.runs.run import load_run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.sweeps import sweep as sweeps
from seqtutor.sweeps.grid import Point
from seqtutor.tuning.tuner import Tuner
from tests.support import outcome
from tests.support.places import CONFIGS

pytestmark = pytest.mark.usefixtures("eagerly")

CONFIG = str(CONFIGS / "chain.yaml")
SMALL = [
    "--set", "tune.rounds=4", "--set", "tune.batch=8", "--set", "tune.minibatch=8", "--set", "tune.replay_ratio=1",
    "--set", "tune.evaluate_every=2",
]  # fmt: skip
GRID = ["--variants", "psi,tb", "--c", "0.5", "--seeds", "2", "--num", "50"]
NAMES = [f"{variant}-c0.5-seed{seed}" for seed in (0, 1) for variant in ("psi", "tb")]


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweeps") / "prior"
    args = ["pretrain", CONFIG, "--out", str(path), "--quiet", "--set", "pretrain.epochs=0.2", "--set", "model.units=8"]
    assert run(args) == 0
    return path


@pytest.fixture(scope="module")
def whole(prior):
    """A sweep that was never stopped."""
    path = prior.parent / "whole"
    assert sweep(prior, path, *GRID, "--quiet") == 0
    return path


def sweep(prior, out, *more):
    return run(["sweep", CONFIG, "--prior", str(prior), "--out", str(out), *SMALL, *more])


def error_of(capsys, *args):
    assert sweep(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


def files(path):
    """What a sweep wrote, but for seconds and times: the last checkpoint's arrays, histories, figures."""
    found = {}
    for name in NAMES:
        with np.load(path / name / "checkpoints" / "step-00000004" / "arrays.npz") as arrays:
            found |= {(name, key): value for key, value in arrays.items()}
        found[name, "history"] = pd.read_csv(path / name / "history.csv").drop(columns="seconds").to_numpy()
        found[name, "evaluation"] = pd.read_csv(path / name / "evaluation.csv").drop(columns="run").to_numpy(str)
    found["frontier"] = (path / "frontier.csv").read_text()
    found["summary"] = pd.read_csv(path / "summary.csv").drop(columns="seconds").to_numpy(str)
    return found


def assert_same(one, other):
    one, other = files(one), files(other)
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=str(key))


@pytest.mark.slow
def test_a_sweep_and_its_summary(whole, prior):
    table = pd.read_csv(whole / "summary.csv")
    assert table.folder.tolist() == [str(prior), *NAMES]
    assert set(table.status) == {"done"}
    assert table[["variant", "c", "seed"]].iloc[1:3].values.tolist() == [["psi", 0.5, 0], ["tb", 0.5, 0]]
    assert (table.variant[0], table.kl_sequence[0]) == ("prior", 0)
    assert (table.seconds[1:] > 0).all()
    for _, row in table[1:].iterrows():
        assert row.objective == pytest.approx(row.reward / row.c - row.kl_sequence, abs=1e-6)
        tree = json.loads((whole / row.folder / "evaluation.json").read_text())[f"whole/{row.folder}"]
        for name in ("reward", "kl_sequence", "objective", "log_z_bound"):
            assert row[name] == pytest.approx(tree[name]["value"])
            high = math.nan if tree[name]["high"] is None else tree[name]["high"]
            assert row[f"{name}_high"] == pytest.approx(high, nan_ok=True)
        assert tree["reward"]["n"] == 50
    means = pd.read_csv(whole / "frontier.csv")
    assert means[["variant", "seeds"]].values.tolist() == [["prior", 1], ["psi", 2], ["tb", 2]]
    assert means.reward[1] == pytest.approx(table.reward[table.folder.str.startswith("psi-c0.5")].mean())
    assert (whole / "frontier.png").stat().st_size > 10_000


@pytest.fixture
def compiled():
    """For thousands of sequences."""
    with outcome.eagerly(False):
        yield


@pytest.mark.slow
def test_particles_give_gaps_and_a_second_evaluation_once(prior, compiled, tmp_path, capsys):
    """A finished sweep is evaluated again, not tuned again; what is then finished is left as it is."""
    only = ("--variants", "psi", "--c", "2", "--quiet", "--num", "2000")
    assert sweep(prior, tmp_path, *only) == 0
    before = (tmp_path / "psi-c2-seed0" / "history.csv").read_bytes()
    assert sweep(prior, tmp_path, *only, "--particles", "4", "--resume") == 0
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table.variant.tolist() == ["prior", "prior", "psi"]
    assert (tmp_path / "psi-c2-seed0" / "history.csv").read_bytes() == before
    path = tmp_path / "psi-c2-seed0" / "particles-4" / "evaluation.json"
    (tree,) = json.loads(path.read_text()).values()
    assert table.picked_reward[2] == pytest.approx(tree["reward"]["value"]) and tree["reward"]["n"] == 500
    assert table.picked_gap[2] <= table.gap[2] + 0.2 and table.picked_gap.min() < 0.5
    assert table.objective[1] == pytest.approx(table.reward[0] / 2)
    stamp = path.stat().st_mtime_ns
    assert sweep(prior, tmp_path, *only, "--particles", "4", "--resume") == 0
    assert path.stat().st_mtime_ns == stamp
    means = pd.read_csv(tmp_path / "frontier.csv")
    assert means.variant.tolist() == ["prior", "prior", "psi", "optimum"]
    assert means.objective[3] == pytest.approx(table.picked_objective.max())


@pytest.mark.slow
def test_a_point_is_what_tune_and_evaluate_make(whole, prior, tmp_path):
    out, point = tmp_path / "whole" / "tb-c0.5-seed1", whole / "tb-c0.5-seed1"
    args = ["--variant", "tb", "--c", "0.5", "--seed", "1", "--set", "evaluate.num=50", "--quiet"]
    assert run(["tune", CONFIG, "--prior", str(prior), "--out", str(out), *SMALL, *args]) == 0
    assert run(["evaluate", str(out), "--quiet"]) == 0
    assert (out / "config.yaml").read_text() == (point / "config.yaml").read_text()
    one, other = (dict(np.load(path / "checkpoints" / "step-00000004" / "arrays.npz")) for path in (out, point))
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)
    alone, swept = (json.loads((path / "evaluation.json").read_text())["whole/tb-c0.5-seed1"] for path in (out, point))
    assert {name: value for name, value in alone.items() if name in swept} == swept


@pytest.mark.slow
def test_interrupted_in_training_and_in_evaluation_it_ends_in_the_same_bits(
    whole, prior, tmp_path, monkeypatch, capsys
):
    broken, rounds, play = tmp_path / "whole", [], Tuner.round

    def interrupt(self, number):
        rounds.append(number)
        if len(rounds) in (7, 12):  # in the third round of the second point, then in the last of the third point
            os.kill(os.getpid(), signal.SIGINT)
        return play(self, number)

    monkeypatch.setattr(Tuner, "round", interrupt)
    assert sweep(prior, broken, *GRID) == 130
    shown, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith("interrupted")
    assert [line.split()[0] for line in shown.splitlines()] == ["variant", "prior", "psi"]
    assert pd.read_csv(broken / "summary.csv").status.tolist() == ["done"] * 2 + ["unfinished"] * 3
    assert (broken / NAMES[1] / "checkpoints" / "step-00000003").is_dir()
    assert sorted(path.name for path in broken.iterdir() if path.is_dir()) == sorted(NAMES)

    assert sweep(prior, broken, *GRID, "--resume", "--quiet") == 130
    assert rounds == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]
    assert not (broken / NAMES[2] / "summary.json").exists()

    with monkeypatch.context() as patch:

        def stop(*args):
            raise KeyboardInterrupt

        patch.setattr("seqtutor.sweeps.sweep.write_results", stop)
        assert sweep(prior, broken, *GRID, "--resume", "--quiet") == 130

    assert sweep(prior, broken, *GRID, "--resume") == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[:6]] == ["variant", "prior", *(name.split("-")[0] for name in NAMES)]
    assert len(rounds) == 4 * 4
    assert_same(whole, broken)
    assert sweep(prior, broken, *GRID, "--resume", "--quiet") == 0
    assert len(rounds) == 4 * 4  # there was nothing left to do


@pytest.mark.slow
def test_a_sweep_that_is_there_is_kept_added_to_or_begun_anew(whole, prior, tmp_path, capsys):
    out = tmp_path / "s"
    shutil.copytree(whole, out)
    kept = (out / "summary.csv").read_text()
    one = ["--variants", "psi", "--c", "0.5", "--num", "50"]
    assert f"{out} holds a sweep already; use --resume, --force" in error_of(capsys, prior, out, *one)
    line = error_of(capsys, prior, out, *one, "--resume", "--set", "tune.batch=4")
    assert f"{out / NAMES[0]} was started with other settings" in line
    assert (out / "summary.csv").read_text() == kept
    before = {name: (out / name / "summary.json").stat().st_mtime_ns for name in NAMES}
    assert sweep(prior, out, "--variants", "psi,rl-only", "--c", "0.5", "--num", "50", "--resume", "--quiet") == 0
    assert pd.read_csv(out / "summary.csv").folder.tolist()[1:] == [NAMES[0], "rl-only-c0.5-seed0"]
    assert before == {name: (out / name / "summary.json").stat().st_mtime_ns for name in NAMES}
    assert sweep(prior, out, *one, "--set", "tune.batch=4", "--force", "--quiet") == 0
    assert (out / NAMES[0] / "summary.json").stat().st_mtime_ns > before[NAMES[0]]


@pytest.mark.slow
def test_a_point_that_diverges_does_not_end_the_sweep(prior, tmp_path, capsys):
    args = ["--variants", "psi", "--c", "1", "--set", "tune.value_scale=1e30,2.5", "--num", "50"]
    assert sweep(prior, tmp_path, *args) == 0
    out, err = capsys.readouterr()
    bad, good = "psi-c1-value_scale1e30-seed0", "psi-c1-value_scale2.5-seed0"
    assert err == f"warning: {bad} diverged; lower tune.learning_rate, or raise c\n"
    assert f"summary.csv, frontier.csv and frontier.png: in {tmp_path}" in out
    table = pd.read_csv(tmp_path / "summary.csv").set_index("folder")
    assert table.status[[bad, good]].tolist() == ["diverged", "done"]
    assert np.isnan(table.reward[bad]) and np.isfinite(table.reward[good])
    means = pd.read_csv(tmp_path / "frontier.csv")
    assert means[["tune.value_scale", "seeds", "diverged"]].values.tolist()[1:] == [[1e30, 0, 1], [2.5, 1, 0]]
    assert sweep(prior, tmp_path, *args, "--resume") == 0
    assert capsys.readouterr().err == err  # said again, but not tried again


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--variants", "psi,gg"], "unknown variant 'gg'; did you mean"),
        (["--c", "1,x"], "'x' is not a valid float"),
        (["--c", "1,-2"], "tune.c is -2.0"),
        (["--c", "1,1"], "two points of the sweep are psi-c1-seed0"),
        (["--seeds", "0"], "--seeds"),
        (["--num", "1"], "--num"),
        (["--set", "tune.rounds=5,0"], "tune.rounds is 0"),
        (["--set", "tune.roun=5,6"], "unknown key 'tune.roun'"),
        (["--set", "tune.rounds"], "write it as section.key=value"),
        (["--set", "tune.c=1,2"], "--set tune.c=1,2: give it with --c"),
        (["--set", "tune.reward=random,random"], "give it with --reward"),
        (["--set", "model.units=8,16"], "domain, data and model are the prior's"),
        (["--reward", "randon"], "unknown reward 'randon'"),
        (["--variants", "psi,dap", "--set", "tune.temperature=1,2"], "tune.variant dap learns from its own policy's"),
        (["--set", "tune.primer=start,zz"], "zz"),
    ],
)
def test_one_wrong_point_and_nothing_is_begun(prior, tmp_path, capsys, args, says):
    assert says in error_of(capsys, prior, tmp_path / "s", *args)
    assert not (tmp_path / "s").exists()


def test_the_prior_is_out_of_reach(prior, capsys):
    before = sorted(prior.rglob("*"))
    assert "the prior's own folder would be written to" in error_of(capsys, prior, prior, "--force")
    assert sorted(prior.rglob("*")) == before


class Remembers(Reward):
    """Pays less with every call: a reward with a state."""

    names = ("calls",)

    def __init__(self):
        self.calls = 0

    def __call__(self, tokens, lengths):
        self.calls += 1
        total = np.full(tokens.shape, 1.0 / self.calls, np.float32)
        return Rewards(total, {"calls": total})

    def state(self):
        return {"calls": np.array(self.calls)}

    def restore(self, state):
        self.calls = int(state["calls"])


def test_every_point_begins_with_a_reward_that_has_seen_nothing(make_run, tmp_path):
    """Points that differ by nothing but their folder end with the same rewards, one after the other."""
    prior = load_run(make_run())
    tune = TuneConfig(rounds=2, batch=4, minibatch=4)
    config = prior.config.model_copy(update={"tune": tune, "evaluate": EvaluateConfig(num=4)})
    jobs = [sweeps.Job(Point("psi", 1.0, 0, {}), config, RunFolder(tmp_path / name)) for name in ("one", "other")]
    sweeps.prepare(jobs, prior, Remembers(), {"kind": "tuned"}, resume=False, force=False)
    rows = sweeps.sweep(jobs, prior, Remembers(), tmp_path, lambda row: None, quiet=True)
    assert rows[1]["reward"] == rows[2]["reward"]
    histories = [pd.read_csv(job.run.history_file).drop(columns="seconds") for job in jobs]
    pd.testing.assert_frame_equal(*histories)
