"""Run folders of version 0.1.0 load, evaluate to the numbers that it found, and resume to the arrays that it reached.

The numbers are equal to the bit on the kind of processor and with the TensorFlow that made them: `made_on.json` has the
digest of the processor's flags. Elsewhere other instructions round otherwise, and 1e-6 is asked for.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.support.places import CONFIGS, DATA
from tests.tuning.test_resume import last_arrays

OLD = DATA / "runs-0.1.0"
RESUMMED = ("log_z_bound", "effective")
LONGER = {
    "tune.rounds": 18, "tune.batch": 16, "tune.minibatch": 16, "tune.evaluate_every": 6, "tune.replay_ratio": 1,
    "tune.buffer": 64, "tune.best": 10,
}  # fmt: skip


def processor():
    """A digest of what the processor can do; "" where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest()


def same_kind():
    """Whether this machine rounds as the one that made the numbers."""
    import tensorflow as tf

    made_on = json.loads((OLD / "made_on.json").read_text())
    return made_on == {"processor": processor(), "tensorflow": tf.__version__}


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The folders where they were when the numbers were found: at runs/old below the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("prior", "psi"):
        shutil.copytree(OLD / name, tmp_path / "runs/old" / name)
    (tmp_path / "configs").symlink_to(CONFIGS)


def test_they_load(old):
    prior, tuned = (st.load_run(f"runs/old/{name}") for name in ("prior", "psi"))
    assert (prior.step, prior.tuned, tuned.step, tuned.tuned) == (56, False, 12, True)
    assert tuned.config.tune.rounds == 12
    assert len(tuned.sample(3, quiet=True)) == 3


def test_they_evaluate_to_the_same_numbers(old):
    """Later versions find more figures. Of the bound on log Z they give no interval, and sum its weights otherwise."""
    assert command(["evaluate", "runs/old/prior", "runs/old/psi", "--num", "500", "--out", "new", "--quiet"]) == 0
    was, now = (json.loads((folder / "evaluation.json").read_text()) for folder in (OLD / "psi", Path("new")))
    assert list(was) == list(now) == ["old/prior", "old/psi"]
    for label, metrics in was.items():
        assert [name for name in now[label] if name in metrics] == list(metrics)
        for name, figure in metrics.items():
            for part, number in figure.items():
                if name in RESUMMED and part != "value":
                    continue
                exact = number is None or (same_kind() and name not in RESUMMED)
                expected = number if exact else pytest.approx(number, rel=1e-6, abs=1e-6)
                assert now[label][name][part] == expected, (name, part)


def test_they_resume_to_the_same_arrays(old):
    shutil.copytree("runs/old/psi", "runs/resumed")
    settings = [part for key, value in LONGER.items() for part in ("--set", f"{key}={value}")]
    args = ["tune", "configs/chain.yaml", "--prior", "runs/old/prior", "--out", "runs/resumed", "--variant", "psi"]
    assert command([*args, *settings, "--resume", "--quiet"]) == 0
    name, arrays = last_arrays(Path("runs/resumed"))
    assert name == "step-00000018"
    with np.load(OLD / "resumed-18.npz") as expected:
        assert set(expected.files) == {key for key in arrays if not key.startswith("calls/")}  # they came later
        for key in expected.files:
            if same_kind():
                np.testing.assert_array_equal(arrays[key], expected[key], err_msg=key)
            else:
                np.testing.assert_allclose(arrays[key], expected[key], rtol=1e-6, atol=1e-6, err_msg=key)
