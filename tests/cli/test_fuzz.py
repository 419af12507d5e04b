"""Ten thousand mangled inputs: every command ends well, or with exit code 2 and one line, whatever it is given.

A failure names its case; `python -m tests.support.mutate KIND SEED FOLDER` makes that one again.
"""

import signal
import warnings
from pathlib import Path

import pytest

from seqtutor.cli.main import run
from tests.support import mutate, outcome

# Cases of each kind; in blocks, so that a failure ends no more than its block. Those of `resume` train.
CASES = {
    "midi": 1200, "melodies": 1600, "molecules": 1500, "config": 1800, "npz": 1600, "run": 670, "resume": 30,
    "abc": 300, "sdf": 300, "parquet": 200, "reinvent": 200, "magenta": 100, "reward": 200, "toml": 100,
    "musicxml": 200,
}  # fmt: skip
# Of these, without `slow`:
FIRST = {
    "midi": 30, "melodies": 60, "molecules": 40, "config": 80, "npz": 60, "abc": 40, "sdf": 40, "parquet": 20,
    "reinvent": 20, "reward": 40, "toml": 40, "musicxml": 40,
}  # fmt: skip
BLOCK = 500
pytestmark = pytest.mark.usefixtures("cheap", "eagerly")
SECONDS = 60  # a case may take, on a busy machine


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior and a policy tuned from it."""
    folder = tmp_path_factory.mktemp("runs")
    mutate.train(folder)
    return folder


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
        said = capfd.readouterr().err
        if heard or not outcome.is_told(code, said):
            said = " | ".join([*said.splitlines(), *(str(warning.message) for warning in heard)])
            found.append(f"{kind} {seed}: exit code {code}: {said[:500]}")
    return found


@pytest.mark.parametrize(("kind", "seeds"), blocks(FIRST))
def test_a_few_mangled_inputs(kind, seeds, tmp_path, monkeypatch, capfd):
    assert not faults_of(kind, seeds, tmp_path, tmp_path, monkeypatch, capfd)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seeds"), blocks(CASES, begin=lambda kind: FIRST.get(kind, 0)))
def test_many_mangled_inputs(kind, seeds, tmp_path, runs, monkeypatch, capfd):
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
