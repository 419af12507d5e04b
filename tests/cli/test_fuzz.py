"""Ten thousand mangled inputs: every command ends well, or with exit code 2 and one line, whatever it is given.

A failure names its case; `python -m tests.support.mutate KIND SEED FOLDER` makes that one again.
"""

import signal
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import pytest

from seqtutor.cli.main import run
from seqtutor.domains.molecules import Molecules, reading
from seqtutor.domains.molecules.pool import Pool
from tests.support import mutate

# Cases of each kind; in blocks, so that a failure ends no more than its block. Those of `resume` train.
CASES = {"midi": 1200, "melodies": 1900, "molecules": 1700, "config": 2400, "npz": 2000, "run": 770, "resume": 30}
FIRST = {"midi": 40, "melodies": 60, "molecules": 50, "config": 80, "npz": 60}  # of these, without `slow`
BLOCK = 500
SECONDS = 60  # a case may take, on a busy machine
NOTES = ("warning: ", "novelty is left out: ", "rejected ")  # lines on standard error that are no error


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior and a policy tuned from it."""
    folder = tmp_path_factory.mktemp("runs")
    mutate.train(folder)
    return folder


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What every command would start or look up anew is kept, and training data are prepared in this process."""
    from rdkit import rdBase

    installed = lru_cache(metadata.entry_points)
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: installed(group=group))
    monkeypatch.setattr(
        reading, "_in_processes", lambda items, rules, workers: (reading.prepare_one(item, *rules) for item in items)
    )
    with rdBase.BlockLogs(), Pool(1) as pool:
        monkeypatch.setattr(Molecules, "_pool", property(lambda self: _Kept(pool)))
        yield


class _Kept:
    """A pool that stays when it is closed."""

    def __init__(self, pool: Pool):
        self._pool = pool

    def __getattr__(self, name: str):
        return getattr(self._pool, name)

    def close(self) -> None:
        """Nothing."""


def blocks(counts, begin=lambda kind: 0):
    found = []
    for kind, count in counts.items():
        for first in range(begin(kind), count, BLOCK):
            seeds = range(first, min(first + BLOCK, count))
            found.append(pytest.param(kind, seeds, id=f"{kind}-{seeds.start}-{seeds.stop - 1}"))
    return found


def too_slow(number, frame):
    raise TimeoutError(f"a case took more than {SECONDS} s")


def faults_of(kind, seeds, tmp_path, runs, monkeypatch, capfd):
    """What went wrong, a line a case: another exit code than 0 or 2, other than one line, a warning of numpy's."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    signal.signal(signal.SIGALRM, too_slow)
    found = []
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        args = mutate.make(kind, seed, folder, runs)
        capfd.readouterr()
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)  # which no user sees
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            code = run(args)
            signal.setitimer(signal.ITIMER_REAL, 0)
        lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith(NOTES)]
        good = not lines if code == 0 else code == 2 and len(lines) == 1 and lines[0].startswith("error: ")
        if not good or heard:
            said = " | ".join([*lines, *(str(warning.message) for warning in heard)])
            found.append(f"{kind} {seed}: exit code {code}: {said[:500]}")
    return found


@pytest.mark.parametrize(("kind", "seeds"), blocks(FIRST))
def test_a_few_mangled_inputs(kind, seeds, tmp_path, cheap, monkeypatch, capfd):
    assert not faults_of(kind, seeds, tmp_path, tmp_path, monkeypatch, capfd)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seeds"), blocks(CASES, begin=lambda kind: FIRST.get(kind, 0)))
def test_many_mangled_inputs(kind, seeds, tmp_path, runs, cheap, monkeypatch, capfd):
    assert not faults_of(kind, seeds, tmp_path, runs, monkeypatch, capfd)


def test_there_are_ten_thousand():
    assert sum(CASES.values()) == 10_000


def test_a_case_is_made_again_by_its_seed(tmp_path):
    """To the byte; and another seed makes another."""
    made = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        folder = tmp_path / name
        folder.mkdir()
        mutate.make("midi", seed, folder, tmp_path)
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1] != made[2]
