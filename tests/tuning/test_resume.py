"""Real processes killed at random moments and resumed end in the same bits as ones never stopped."""

import random
import shutil
import signal

import numpy as np
import pandas as pd
import pytest

from tests.support.places import CONFIGS

CONFIG = str(CONFIGS / "music-quick.yaml")
PRETRAIN = [
    "pretrain", CONFIG, "--quiet", "--set", "model.units=16", "--set", "pretrain.epochs=4", "--set",
    "pretrain.evaluate_every=20", "--set", "pretrain.samples=1",
]  # fmt: skip
TUNE = [
    "tune", CONFIG, "--quiet", "--set", "tune.rounds=40", "--set", "tune.batch=16", "--set", "tune.minibatch=16",
    "--set", "tune.buffer=64", "--set", "tune.evaluate_every=7", "--set", "tune.priority=0.5",
    "--set", "tune.lookahead=false",
]  # fmt: skip


def last_arrays(run):
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    with np.load(newest / "arrays.npz", allow_pickle=False) as arrays:
        return newest.name, dict(arrays)


def history(run):
    return pd.read_csv(run / "history.csv").drop(columns="seconds")


def kill_four_times(process, args, whole, seconds, out, rng):
    """SIGKILLs at moments of a run that takes `seconds`, each resumed; a run that ends first is begun anew."""
    for _ in range(4):  # scripts/attack has hundreds
        while (status := resumed(process, args, out, rng.uniform(0.0, 0.6 * seconds))[0]) == 0:
            assert_same_run(whole, out)
            shutil.rmtree(out)
        assert status == -signal.SIGKILL
    assert resumed(process, args, out)[0] == 0
    assert_same_run(whole, out)


def resumed(process, args, out, seconds=None):
    return process([*args, "--out", out, *(["--resume"] if out.exists() else [])], seconds)


def assert_same_run(whole, broken):
    name, arrays = last_arrays(whole)
    other_name, others = last_arrays(broken)
    assert name == other_name
    assert arrays.keys() == others.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(value, others[key], err_msg=key)
    pd.testing.assert_frame_equal(history(whole), history(broken), check_exact=True)


@pytest.mark.slow
def test_eight_kills_change_nothing(process, tmp_path):
    rng = random.Random(0)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    status, seconds, _ = process([*PRETRAIN, "--out", whole / "prior"])
    assert status == 0
    kill_four_times(process, PRETRAIN, whole / "prior", seconds, broken / "prior", rng)
    for out in (whole, broken):
        assert {path.name: path.read_bytes() for path in (out / "prior" / "samples").iterdir()} == {
            path.name: path.read_bytes() for path in (whole / "prior" / "samples").iterdir()
        }
    tune = [*TUNE, "--prior", whole / "prior"]
    status, seconds, _ = process([*tune, "--out", whole / "psi"])
    assert status == 0
    kill_four_times(process, tune, whole / "psi", seconds, broken / "psi", rng)
    for out in (whole, broken):
        assert process(["sample", out / "psi", "--num", "20", "--format", "csv", "--quiet"])[0] == 0
    for name in ("samples/samples.csv", "best.csv"):
        assert (whole / "psi" / name).read_bytes() == (broken / "psi" / name).read_bytes()


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over_and_the_run_ends_the_same(process, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert process([*PRETRAIN, "--out", whole])[0] == 0
    shutil.copytree(whole, broken)
    newest = sorted((broken / "checkpoints").glob("step-*"))[-1] / "arrays.npz"
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 255
    newest.write_bytes(data)
    assert process([*PRETRAIN, "--out", broken, "--resume"])[0] == 0
    assert_same_run(whole, broken)
