"""Melodies that continue a tune: its last bars are the primer."""

import numpy as np
import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.api.test_training import error_of

TUNE = "G4 hold A4 hold B4 hold C5 hold D5 hold hold hold hold hold hold hold"  # a bar in G


@pytest.fixture(scope="module")
def prior():
    return st.load_run("music")


@pytest.fixture
def tune(prior, tmp_path):
    """Three bars of a tune in G, after a bar of silence."""
    tokens = prior.domain.encode(" ".join(["hold"] * 16 + [TUNE.replace("C5", "F#4")] + [TUNE] * 2))
    (path,) = prior.domain.writers()["mid"](tokens[None], np.array([len(tokens)]), tmp_path, 0)
    return path


def test_the_last_two_bars_in_the_key_of_the_training_data(prior, tune, tmp_path):
    drawn = prior.sample(3, like=tune, bars=1, quiet=True).to_pandas()
    bar = "C5 hold D5 hold E5 hold F5 hold G5 hold hold hold hold hold hold hold"
    assert set(drawn["primer"]) == {f"{bar} {bar}"}
    same = prior.sample(3, primer=f"{bar} {bar}", bars=1, quiet=True).to_pandas()
    assert drawn["text"].tolist() == same["text"].tolist()
    args = ["sample", "music", "--num", "3", "--like", str(tune), "--bars", "1", "--out", str(tmp_path / "out")]
    assert command([*args, "--quiet"]) == 0
    assert list(st.Samples(prior.domain, None, tmp_path / "out")) == drawn["text"].tolist()


def test_what_cannot_be_continued(prior, tune, tmp_path):
    assert "give one of the two" in error_of(prior.sample, 1, like=tune, primer="C4")
    (tmp_path / "empty.abc").write_text("X:1\nK:C\nz4 |\n")
    assert "no notes; give a file that begins with a tune" in error_of(prior.sample, 1, like=tmp_path / "empty.abc")
    assert "no such file" in error_of(prior.sample, 1, like=tmp_path / "none.mid")
