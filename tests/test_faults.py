"""What the world does to a run: a full disk, a folder that may not be written, Ctrl-C, no memory, a reward that fails.

Each ends in one line on standard error, and what was finished before is whole and of use.
"""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqtutor import given
from seqtutor.cli.main import run
from seqtutor.domains.molecules import Molecules, properties
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.music.midi import write_midi
from tests.commands import error_of
from tests.test_resume import HERE, assert_same_run

pytestmark = pytest.mark.slow
CONFIG = str(HERE.parent / "configs" / "chain.yaml")
PRETRAIN = ["pretrain", CONFIG, "--quiet", "--set", "model.units=8", "--set", "pretrain.epochs=2",
            "--set", "pretrain.evaluate_every=10"]  # fmt: skip
TUNE = ["tune", CONFIG, "--quiet", "--set", "tune.rounds=30", "--set", "tune.batch=16", "--set", "tune.minibatch=16",
        "--set", "tune.evaluate_every=3", "--set", "tune.replay_ratio=1"]  # fmt: skip
HUNGRY = "[238U]"


def examine(smiles, measured=True, extra=()):
    """What molecule workers run here: RDKit, but in a process with little memory, of which one molecule wants all."""
    if smiles == HUNGRY:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, size + 2**26))
        properties.measure = lambda *_: bytearray(2**30)
    return properties.examine(smiles, measured, extra)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Runs a command in a process of its own: exit code, seconds, and what stood on standard error."""
    said = tmp_path_factory.mktemp("said") / "stderr"
    killer = subprocess.Popen(
        [sys.executable, str(HERE / "killer.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def order(args, seconds=None, **more):
        line = {"args": [str(arg) for arg in args], "seconds": seconds, "stderr": str(said), **more}
        killer.stdin.write(json.dumps(line) + "\n")
        killer.stdin.flush()
        return *json.loads(killer.stdout.readline()), said.read_text()

    yield order
    killer.stdin.close()
    killer.wait()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A prior, and a policy tuned from it without a fault."""
    folder = tmp_path_factory.mktemp("runs")
    assert run([*PRETRAIN, "--out", str(folder / "prior")]) == 0
    assert run([*TUNE, "--prior", str(folder / "prior"), "--out", str(folder / "psi")]) == 0
    return folder


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


# Ctrl-C


INTERRUPTED = r"interrupted(; --resume goes on from (step|round) \d+)?\n"


def interrupted(process, args, seconds):
    """Whether Ctrl-C ended a command, which then said so and nothing more; else it was done already."""
    code, _, said = process(args, seconds, signal=signal.SIGINT)
    assert code == 0 or (code == 130 and re.fullmatch(INTERRUPTED, said)), (code, said)
    return code == 130


@pytest.mark.parametrize("command", ["pretrain", "tune"])
def test_ctrl_c_in_training(process, runs, tmp_path, command):
    """At any moment: each time the run goes on from there, and in the end it is the unbroken one."""
    args = PRETRAIN if command == "pretrain" else [*TUNE, "--prior", runs / "prior"]
    rng, whole, out = random.Random(1), tmp_path / "whole", tmp_path / "out"
    code, seconds, _ = process([*args, "--out", whole])
    assert code == 0
    times = 0
    for _ in range(6):
        times += interrupted(process, [*args, "--out", out, "--resume"], rng.uniform(0.05, 0.8 * seconds))
        assert_no_leftovers(tmp_path)
    assert times
    assert process([*args, "--out", out, "--resume"])[::2] == (0, "")
    assert_same_run(whole, out)


@pytest.mark.parametrize("command", ["sample", "evaluate", "score"])
def test_ctrl_c_elsewhere(process, runs, tmp_path, command):
    """A file is whole or not there."""
    rng, out = random.Random(2), tmp_path / "out"
    (tmp_path / "words.txt").write_text("abcdab\nbadcab\n" * 20_000)
    args = {
        "sample": ["sample", runs / "prior", "--num", "40000"],
        "evaluate": ["evaluate", runs / "prior", runs / "psi", "--num", "20000"],
        "score": ["score", tmp_path / "words.txt", "--model", runs / "psi"],
    }[command] + ["--out", out, "--quiet"]
    code, seconds, _ = process(args)
    assert code == 0
    tables = {path.name: path.read_bytes() for path in out.glob("*")}
    times = 0
    for _ in range(4):
        subprocess.run(["rm", "-r", out], check=True)
        out.mkdir()
        times += interrupted(process, args, rng.uniform(0.05, 0.9 * seconds))
        assert_no_leftovers(out)
        assert all(path.read_bytes() == tables[path.name] for path in out.glob("*"))
    assert times


COMMAND = "from seqtutor.cli.main import main; print('begun', flush=True); main()"


def in_a_terminal(args, rng, most):
    """Runs a command in a process of its own, with Ctrl-C to it and its workers: exit code, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    )
    assert process.stdout.readline() == "begun\n"
    try:
        process.wait(rng.uniform(0.0, most))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


ENDS = [(130, "interrupted\n"), (0, ""), (-signal.SIGINT, "")]  # the last: all was done


@pytest.mark.parametrize("domain", ["music", "molecules"])
def test_ctrl_c_with_workers(tmp_path, monkeypatch, domain):
    """They get the signal as well, in whatever they are; and never say a word."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    rng, data = random.Random(4), tmp_path / "data"
    data.mkdir()
    for number in range(20):
        write_midi(np.arange(2, 34), data / f"{number}.mid")
    (data / "molecules.smi").write_text("".join(f"{'C' * n}O\n" for n in range(1, 90)))
    path = data if domain == "music" else data / "molecules.smi"
    args = ["data", "import", path, "--domain", domain, "--out", tmp_path / "out", "--quiet"]
    ends = [in_a_terminal(args, rng, 2.5) for _ in range(6)]
    assert all(end in ENDS for end in ends), ends
    assert ENDS[0] in ends
    assert in_a_terminal([*args, "--name", "mine"], random.Random(), 1e9)[0] == 0


def test_ctrl_c_from_the_first_moment_to_the_last(runs, tmp_path):
    """While TensorFlow is loaded, and while all is taken down again."""
    args = ["sample", runs / "prior", "--num", "3", "--out", tmp_path, "--quiet"]
    rng = random.Random(3)
    for _ in range(4):
        end = in_a_terminal(args, rng, 7.0)
        assert end in ENDS


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


def test_a_reward_that_raises_on_its_ten_thousandth_batch(tmp_path, monkeypatch, capsys):
    """In scoring: the table of an earlier call stays."""
    monkeypatch.setattr(given, "MOST_ROWS", 1)
    (tmp_path / "words.txt").write_text("abcdab\n" * 10_100)
    (tmp_path / "scores.csv").write_text("name\n")
    path = tmp_path / "mine.py"
    path.write_text(COUNTING.replace("[one(text) for text in texts]", "[one(texts[0])] * len(texts)"))
    args = ["score", str(tmp_path / "words.txt"), "--domain", "chain", "--reward", f"{path}:each", "--quiet"]
    line = error_of(capsys, *args, "--out", str(tmp_path))
    assert line == f"error: {path}, line 7: each raised ConnectionError: the service is gone\n"
    assert (tmp_path / "scores.csv").read_text() == "name\n"
