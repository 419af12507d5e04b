"""What the world does to a run: a full disk, a folder that may not be written, no memory, a reward that fails.

Each ends in one line on standard error, and what was finished before is whole and of use.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqtutor.cli.main import run
from seqtutor.data import sequence_files
from seqtutor.domains.molecules import Molecules, properties
from seqtutor.domains.molecules.pool import Pool
from seqtutor.tuning import loop
from tests.support.commands import CONFIG, PRETRAIN, TUNE, error_of
from tests.tuning.test_resume import assert_same_run

pytestmark = pytest.mark.slow
HUNGRY = "[238U]"


def examine(smiles, measured=True, extra=()):
    """What molecule workers run here: RDKit, but in a process with little memory, of which one molecule wants all."""
    if smiles == HUNGRY:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, size + 2**26))
        properties.measure = lambda *_: bytearray(2**30)
    return properties.examine(smiles, measured, extra)


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, and a function that mounts it anew with other options; root's alone."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode

    if os.geteuid() != 0 or mount("size=1m") != 0:
        pytest.skip("may not mount a file system")
    yield folder, lambda options: mount(f"remount,{options}") == 0
    subprocess.run(["umount", "--lazy", folder], check=True)


def assert_no_leftovers(folder):
    assert not [path for path in folder.rglob(".*")]


# A full disk


@pytest.mark.parametrize("tail", [20_000, 200_000])
def test_a_full_disk_in_tuning(process, runs, disk, tail):
    """The disk has room for some rounds. Once there is more, the run goes on and ends as if nothing had been."""
    folder, remount = disk
    out = folder / "psi"
    args = [*TUNE, "--prior", runs / "prior", "--out", out]
    (folder / "ballast").write_bytes(bytes(2**20 - tail))
    code, _, said = process(args)
    assert code in (1, 2)
    assert said.count("\n") == 1
    assert str(out) in said
    assert "No space left on device" in said
    assert_no_leftovers(folder)
    assert remount("size=100m")
    code, _, said = process([*args, "--resume"])
    assert (code, said) == (0, "")
    assert_same_run(runs / "psi", out)


def test_a_file_that_may_not_grow(process, runs, tmp_path):
    """As with a quota: the replay makes each checkpoint larger, until one is too large; the one before it is kept."""
    out, sizes = tmp_path / "psi", [path.stat().st_size for path in sorted(runs.glob("psi/checkpoints/*/arrays.npz"))]
    args = [*TUNE, "--prior", runs / "prior", "--out", out]
    code, _, said = process(args, largest=sizes[0] - 1)
    assert code == 2
    assert said.count("\n") == 1
    assert f"cannot write {out}/" in said
    assert "File too large" in said
    assert_no_leftovers(tmp_path)
    assert sorted(out.glob("checkpoints/step-*"))
    assert process([*args, "--resume"])[0] == 0
    assert_same_run(runs / "psi", out)


@pytest.mark.parametrize(
    "args",
    [
        ["sample", "prior", "--num", "20000"],
        ["sample", "prior", "--num", "20000", "--format", "npz"],
        ["score", "samples.csv", "--model", "prior"],
        ["evaluate", "prior", "--num", "100"],
        ["report", "prior", "--num", "100"],
    ],
)
def test_a_full_disk_leaves_no_half_of_a_table(runs, disk, tmp_path, monkeypatch, capsys, args):
    folder, _ = disk
    monkeypatch.chdir(runs)
    if not Path("samples.csv").exists():
        assert run(["sample", "prior", "--num", "5000", "--out", ".", "--quiet"]) == 0
    (folder / "ballast").write_bytes(bytes(2**20))
    line = error_of(capsys, *args, "--out", str(folder), "--quiet")
    assert f"cannot write {folder}" in line
    assert "No space left on device" in line
    assert [path.name for path in folder.rglob("*")] == ["ballast"]


def test_standard_output_on_a_full_disk():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "seqtutor", "--version"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


# A folder that may not be written


@pytest.mark.parametrize(
    "args",
    [
        ["pretrain", CONFIG, "--out", "disk/new"],
        [*PRETRAIN, "--out", "disk/prior", "--resume"],
        [*TUNE, "--prior", "prior", "--out", "disk/new"],
        ["sample", "disk/prior", "--num", "2"],
        ["sample", "prior", "--num", "2", "--out", "disk"],
        ["score", "words.txt", "--domain", "chain", "--out", "disk"],
        ["evaluate", "disk/prior", "--num", "10"],
        ["report", "disk/prior", "--num", "10"],
        ["data", "import", "words.txt", "--domain", "chain", "--out", "disk/new"],
    ],
)
def test_a_read_only_folder(runs, disk, monkeypatch, capsys, args):
    folder, remount = disk
    subprocess.run(["cp", "-r", runs / "prior", folder / "prior"], check=True)
    assert remount("ro")
    monkeypatch.chdir(folder.parent)
    os.symlink(runs / "prior", "prior")
    Path("words.txt").write_text("abcdab\nbadcab\n")
    line = error_of(capsys, *args, "--quiet")
    assert "Read-only file system" in line
    assert "disk" in line


def test_a_cache_that_is_read_only(disk, monkeypatch, capsys, tmp_path):
    folder, remount = disk
    assert remount("ro")
    monkeypatch.setenv("SEQTUTOR_CACHE", str(folder))
    (tmp_path / "words.txt").write_text("abcdab\nbadcab\n")
    line = error_of(capsys, "data", "import", str(tmp_path / "words.txt"), "--domain", "chain")
    assert "Read-only file system" in line
    assert "SEQTUTOR_CACHE" in line


# No memory


def test_a_molecule_worker_out_of_memory(tmp_path, monkeypatch, capsys):
    """One molecule counts as invalid, which is said; the others are what they are."""
    path = tmp_path / "molecules.smi"
    others = ["CCO", "c1ccccc1", "CC(=O)O", "CCN"]
    path.write_text("\n".join([*others[:2], HUNGRY, *others[2:]]) + "\n")
    with Pool(1, module=__name__) as pool:
        monkeypatch.setattr(Molecules, "_pool", pool)
        assert run(["score", str(path), "--domain", "molecules", "--out", str(tmp_path / "s")]) == 0
    said = "warning: counted as invalid, since RDKit ended its worker process: [238U]\n"
    assert capsys.readouterr().err == said
    table = pd.read_csv(tmp_path / "s" / "scores.csv")
    assert table.valid.tolist() == [1, 1, 0, 1, 1]
    expected = [dict(zip(properties.PROPERTIES, properties.examine(text).values, strict=True)) for text in others]
    np.testing.assert_allclose(table.qed[table.valid == 1], [row["qed"] for row in expected], rtol=1e-6)


# A reward that raises

COUNTING = """calls = 0

def one(text):
    global calls
    calls += 1
    if calls == 10_000:
        raise ConnectionError("the service\\nis gone")
    return float(text.count("a"))

def each(tokens, texts):
    return [one(text) for text in texts]
"""


def test_a_reward_that_raises_on_the_ten_thousandth_call(process, runs, tmp_path):
    """In mid-tuning: the rounds up to the last checkpoint are kept, and once it works the run goes on from there."""
    path = tmp_path / "mine.py"
    path.write_text(COUNTING)
    args = [*TUNE, "--set", "tune.batch=512", "--prior", runs / "prior", "--reward", f"{path}:each", "--out"]
    code, _, said = process([*args, tmp_path / "broken"])
    assert (code, said) == (2, f"error: {path}, line 7: each raised ConnectionError: the service is gone\n")
    assert sorted((tmp_path / "broken" / "checkpoints").glob("step-*"))[-1].name == "step-00000018"
    assert process([*args, tmp_path / "broken", "--resume"])[::2] == (0, "")
    path.write_text(COUNTING.replace("10_000", "0"))
    assert process([*args, tmp_path / "whole"])[::2] == (0, "")
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


def test_a_reward_that_raises_between_two_checkpoints(runs, tmp_path, monkeypatch, capsys):
    """No round that was finished is lost, and what the run comes to in the end is the same to the bit."""
    monkeypatch.setattr(loop, "LOST", 0.0)
    path = tmp_path / "mine.py"
    path.write_text(COUNTING)
    settings = {"evaluate_every": 100, "priority": 0.5, "best_batch": 4, "best_updates": 1, "batch": 512}
    changes = [part for name, value in settings.items() for part in ("--set", f"tune.{name}={value}")]
    args = [*TUNE, *changes, "--prior", str(runs / "prior"), "--reward", f"{path}:each", "--out"]
    line = error_of(capsys, *args, str(tmp_path / "broken"))
    assert line == (
        f"error: {path}, line 7: each raised ConnectionError: the service is gone; --resume continues after round 19\n"
    )
    assert (tmp_path / "broken" / "best.csv").exists()
    assert run([*args, str(tmp_path / "broken"), "--resume"]) == 0
    path.write_text(COUNTING.replace("10_000", "0"))
    assert run([*args, str(tmp_path / "whole")]) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


def test_a_reward_that_raises_on_its_thousandth_batch(tmp_path, monkeypatch, capsys):
    """In scoring: the table of an earlier call stays."""
    monkeypatch.setattr(sequence_files, "MOST_ROWS", 1)
    (tmp_path / "words.txt").write_text("abcdab\n" * 1_100)
    (tmp_path / "scores.csv").write_text("name\n")
    path = tmp_path / "mine.py"
    batches = COUNTING.replace("[one(text) for text in texts]", "[one(texts[0])] * len(texts)")
    path.write_text(batches.replace("10_000", "1_000"))
    args = ["score", str(tmp_path / "words.txt"), "--domain", "chain", "--reward", f"{path}:each", "--quiet"]
    line = error_of(capsys, *args, "--out", str(tmp_path))
    assert line == f"error: {path}, line 7: each raised ConnectionError: the service is gone\n"
    assert (tmp_path / "scores.csv").read_text() == "name\n"
