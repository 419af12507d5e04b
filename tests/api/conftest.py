"""Runs that the tests of the Python API share: a prior of the chain domain, and a policy tuned by a function."""

from pathlib import Path

import pytest

import seqtutor as st
from tests.support import outcome
from tests.support.python_api import SMALL, TUNE, count_a


@pytest.fixture(scope="session")
def prior(tmp_path_factory: pytest.TempPathFactory) -> st.Run:
    with outcome.eagerly(False):  # whichever module comes first
        return st.pretrain("chain", out=tmp_path_factory.mktemp("api") / "prior", settings=SMALL, quiet=True)


@pytest.fixture(scope="session")
def tuned(prior: st.Run) -> st.Run:
    with outcome.eagerly(False):
        return st.tune(prior, reward=count_a, settings=TUNE, quiet=True)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
