"""Fixtures for the tests of the commands: variants of the toy domain, installed, and runs, untrained and trained."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from seqtutor.cli.main import log_to_terminal, run
from seqtutor.domains import GROUP
from seqtutor.domains.base import DataSet
from seqtutor.reading.records import Record, Rejected
from tests.support import outcome
from tests.support.commands import PRETRAIN, TUNE
from tests.support.places import ROOT
from tests.support.toy import Toy

# The same examples every time, and no time limit: the machine may be busy.
settings.register_profile("seqtutor", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seqtutor")

SYMBOLS = "abcd"  # of the runs made here; the domain knows an e as well


class Words(Toy):
    """The toy domain, which also reads tokens from .npz."""

    name = "words"

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        if path.suffix != ".npz":
            return super().read(path)
        with np.load(path, allow_pickle=False) as arrays:
            return iter([Record(f"{path.name}:{i}", self.decode(row)) for i, row in enumerate(arrays["tokens"])])

    def files(self, path: Path) -> list[Path]:
        return [path]


class Stems(Words):
    """Words that keep their primer."""

    name = "stems"
    keeps_primer = True


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_are_not_ignored() -> None:
    """As they are where the tests run under nohup or in the background; what they start would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _warnings_are_told() -> None:
    """Warnings go to standard error, as of commands; whatever --quiet of an earlier test has left."""
    log_to_terminal()
    logging.getLogger("seqtutor").setLevel(logging.NOTSET)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs both domains beside the built-in ones, as another package would."""
    installed = metadata.entry_points
    more = [metadata.EntryPoint(cls.name, f"{cls.__module__}:{cls.__name__}", GROUP) for cls in (Words, Stems)]
    monkeypatch.setattr(
        metadata, "entry_points", lambda *, group: [*installed(group=group), *(more if group == GROUP else [])]
    )


@pytest.fixture
def make_run(words: None, tmp_path: Path) -> Callable[..., Path]:
    """Makes an untrained run and returns its folder: a prior, or with a variant a policy of other random weights."""
    from seqtutor import config
    from seqtutor.domains import domain_class
    from seqtutor.policy.sequence_model import SequenceModel
    from seqtutor.runs import checkpoint
    from seqtutor.runs.run import checkpoint_meta
    from seqtutor.runs.run_folder import RunFolder

    def make(name: str = "prior", variant: str = "", domain: str = "words", data: str = "", **tune: object) -> Path:
        sections = {
            "domain": {"name": domain}, "model": {"units": 8}, "sample": {"batch": 16}, "data": {"name": data},
            "tune": {"variant": variant or "psi", **tune},
        }  # fmt: skip
        resolved = config.from_tree(sections, "test")
        of = domain_class(domain)().with_vocabulary(SYMBOLS)
        kind = "tuned" if variant else "prior"
        groups = {}
        for seed, group in enumerate(("prior", "online") if variant else ("prior",)):
            network = SequenceModel(resolved.model, of.vocabulary.size, seed)
            network.weights["logits/kernel"].assign(3.0 * network.weights["logits/kernel"])  # far from uniform
            groups[group] = network.get()
        run = RunFolder(tmp_path / "runs" / name)
        run.create(resolved, {"kind": kind}, resume=False, force=False)
        meta = {"kind": kind, **checkpoint_meta(resolved, of)}
        checkpoint.save(run.checkpoints, checkpoint.Checkpoint(7, meta, checkpoint.join(**groups)), best=True)
        return run.path

    return make


@pytest.fixture
def word_file(tmp_path: Path) -> Path:
    """Six words: the third is none, the last has a letter the runs do not know."""
    path = tmp_path / "words.txt"
    path.write_text("bad\ncab\n4\ndada\nabba\nbee\n")
    return path


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the domain offer one data set, `known`; it is at tmp_path/known.txt once it was fetched."""
    path, content = tmp_path / "known.txt", b"ab\nba\n"

    def fetch():
        path.write_bytes(content)
        return path

    sha256 = hashlib.sha256(content).hexdigest()
    item = DataSet("known", "two words", "free", 2, sha256, lambda: path if path.exists() else None, fetch)
    monkeypatch.setattr(Toy, "data_sets", classmethod(lambda cls: {"known": item}))
    return path


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[int, float, str]]]:
    """Runs a command in a process of its own: exit code, seconds, and what stood on standard error."""
    said = tmp_path_factory.mktemp("said") / "stderr"
    script = ROOT / "tests" / "support" / "killer.py"
    killer = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(args, seconds=None, **more):
        line = {"args": [str(arg) for arg in args], "seconds": seconds, "stderr": str(said), **more}
        killer.stdin.write(json.dumps(line) + "\n")
        killer.stdin.flush()
        return *json.loads(killer.stdout.readline()), said.read_text()

    yield order
    killer.communicate()  # closes the pipes too


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `runs` copies."""
    folder = tmp_path_factory.mktemp("trained")
    with outcome.eagerly(False):
        assert run([*PRETRAIN, "--out", str(folder / "prior")]) == 0
        assert run([*TUNE, "--prior", str(folder / "prior"), "--out", str(folder / "psi")]) == 0
    return folder


@pytest.fixture(scope="module")
def runs(_trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior, and a policy tuned from it without a fault."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(_trained, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def cheap() -> Iterator[None]:
    """See `outcome.cheap`."""
    with outcome.cheap():
        yield


@pytest.fixture(scope="module")
def eagerly() -> Iterator[None]:
    """See `outcome.eagerly`."""
    with outcome.eagerly():
        yield
