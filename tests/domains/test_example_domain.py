"""The example package of docs/domains.md, installed as a user would install it."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.support.places import ROOT
from tests.support.terms import terms

EXAMPLE = ROOT / "examples" / "towns"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of the example's folder, and an environment in which the package is installed."""
    folder = tmp_path_factory.mktemp("towns")
    copy, target = folder / "towns", folder / "installed"
    shutil.copytree(EXAMPLE, copy)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(copy)]
    subprocess.run(pip, check=True, timeout=300)
    return copy, {**os.environ, "PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}


@pytest.mark.slow
def test_the_commands_of_the_document_work(installed):
    folder, environment = installed
    text = (ROOT / "docs" / "domains.md").read_text(encoding="utf-8")
    commands = re.findall(r"^(seqtutor .*)$", text, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["pretrain", "tune", "sample", "evaluate"]
    small = {"pretrain": "--set pretrain.epochs=2", "tune": "--set tune.rounds=3", "evaluate": "--num 50"}
    for command in commands:
        words = command.split()
        words += ["--quiet", *small.get(words[1], "").split()]
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
    drawn = pd.read_csv(folder / "runs" / "towns" / "psi" / "samples" / "samples.csv", keep_default_na=False)
    assert len(drawn) == 20
    assert drawn["text"].str.fullmatch("[a-z]*").all()
    assert "vowels" in done.stdout


def test_its_reward_by_hand(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from seqtutor_towns import Towns

    domain = Towns().with_vocabulary("abs")  # . a b s
    tokens, lengths = np.array([[2, 1, 3, 3, 0, 0], [1, 2, 1, 2, 1, 2]]), np.array([5, 6])
    scored = domain.reward(terms({"alternating": 1.0, "letters": -0.5}))(tokens, lengths)
    assert scored.components["alternating"].tolist() == [[0, 1, 1, -1, 0, 0], [0, 1, 1, 1, 1, 1]]
    assert scored.total.tolist() == [[-0.5, 0.5, 0.5, -1.5, 0, 0], [-0.5, 0.5, 0.5, 0.5, 0.5, 0.5]]


def test_it_is_as_short_as_the_document_says():
    assert len((EXAMPLE / "seqtutor_towns.py").read_text(encoding="utf-8").splitlines()) < 100
