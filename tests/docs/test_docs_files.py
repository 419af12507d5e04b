"""docs/files.md: every column of every table that a command writes is explained there, and no other."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from seqtutor.cli.main import run
from seqtutor.domains.molecules.reward import SCORES
from seqtutor.domains.music.rules import RULES
from seqtutor.runs.run_folder import CONTENTS
from tests.support.commands import untrained
from tests.support.places import ROOT

pytestmark = pytest.mark.usefixtures("cheap", "eagerly")

PAGE = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
SMALL = ["--set", "tune.rounds=2", "--set", "tune.batch=8", "--set", "tune.minibatch=8", "--quiet"]
COMPONENTS = {"chain": {"random"}, "molecules": {*SCORES, "rings"}, "music": {*RULES}}


def explained(title, head="column"):
    """The names in the tables of that head, of the section that begins with a title."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ")[0]
    names = [
        name
        for table in section.split("\n\n")
        if table.strip().startswith(f"| {head} |")
        for line in table.strip().splitlines()[2:]
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    assert names and len(names) == len(set(names))
    return set(names)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def with_placeholder(names, components, prefix="", placeholder="COMPONENT"):
    """The names, of which those of the components have become one."""
    mine = {f"{prefix}{name}" for name in components}
    assert mine <= set(names)
    return set(names) - mine | {f"{prefix}{placeholder}"}


POINT = "chain/sweep/psi-c1-learning_rate0.01-seed0"
COMMANDS = [
    ["pretrain", "chain", "--out", "chain/prior", "--set", "pretrain.epochs=0.2", "--set", "model.units=8"],
    ["sweep", "chain", "--prior", "chain/prior", "--out", "chain/sweep", "--variants", "psi", "--c", "1", "--seeds",
     "1", "--num", "20", "--particles", "2", "--set", "tune.learning_rate=0.01,0.02", *SMALL],
    ["sample", POINT, "--num", "4", "--format", "npz"],
    ["score", "words.txt", "--model", "chain/prior", "--per-step", "--out", "chain"],
    ["tune", "molecules", "--prior", "molecules/prior", "--out", "molecules/psi", "--reward", "rings,qed", *SMALL],
    ["evaluate", "molecules/prior", "--num", "20", "--reference", "mols.smi", "--reward", "rings,qed"],
    ["evaluate", "music/prior", "--num", "20", "--reference", "tunes.txt"],
]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder in which every command that writes a table has run, at the smallest size."""
    path = tmp_path_factory.mktemp("files")
    untrained(path / "music/prior", "music")
    untrained(path / "molecules/prior", "molecules", length=10)
    (path / "words.txt").write_text("abcdab\naabbcc\nddccba\nabc\n")
    (path / "mols.smi").write_text("CCO\nc1ccccc1\nCCOc1ccccc1\n")
    (path / "tunes.txt").write_text("C4 hold E4 hold\nC4 D4 off off\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        for command, what, *args in COMMANDS:
            config = ROOT / f"configs/{what}.yaml"
            assert run([command, str(config) if config.exists() else what, *args, "--quiet"]) == 0
    return path


@pytest.mark.parametrize(("path", "of"), [(POINT, "chain"), ("molecules/psi", "molecules")])
def test_history_of_a_tuned_run(written, path, of):
    names = with_placeholder(rows_of(written / path / "history.csv")[0], COMPONENTS[of], "reward_")
    assert names | {"valid", "offspring"} == explained("history.csv of a tuned run")
    assert ("valid" in names) == (of == "molecules")


def test_history_of_a_prior(written):
    assert set(rows_of(written / "chain/prior/history.csv")[0]) == explained("history.csv of a prior")


@pytest.mark.parametrize(
    ("file", "of"),
    [
        (f"{POINT}/best.csv", "chain"), ("molecules/psi/best.csv", "molecules"),
        (f"{POINT}/samples/samples.csv", "chain"), ("chain/scores.csv", "chain"),
    ],
)  # fmt: skip
def test_tables_of_sequences(written, file, of):
    assert with_placeholder(rows_of(written / file)[0], COMPONENTS[of]) == explained(Path(file).name)


def test_rejected(written):
    head, *rows = rows_of(written / "chain/rejected.csv")
    assert set(head) == explained("rejected.csv")
    assert rows == [["words.txt:4", "3 letters instead of 6"]]


def test_evaluation_and_its_metrics(written):
    metrics = {}
    for name, path in {"chain": POINT, "molecules": "molecules/prior", "music": "music/prior"}.items():
        head, *rows = rows_of(written / path / "evaluation.csv")
        assert set(head) == explained("evaluation.csv")
        metrics[name] = with_placeholder([row[1] for row in rows], COMPONENTS[name], "reward_")
    common = explained("evaluation.csv", "metric")
    assert metrics["molecules"] - common == explained("evaluation.csv", "metric of molecules")
    assert metrics["music"] - common == explained("evaluation.csv", "metric of melodies")
    assert metrics["chain"] <= common <= set.union(*metrics.values())


@pytest.mark.parametrize("file", ["summary.csv", "frontier.csv"])
def test_tables_of_a_sweep(written, file):
    names = with_placeholder(rows_of(written / "chain/sweep" / file)[0], {"tune.learning_rate"}, "", "SETTING")
    assert names == explained(file)


def test_arrays(written):
    with np.load(written / f"{POINT}/samples/samples.npz") as arrays:
        listed = PAGE.split("`samples.npz`")[1].split("\n")[0]
        assert set(re.findall(r"`(\w+)`", listed)) == set(arrays)
    with np.load(written / "chain/scores.npz") as arrays:
        assert set(arrays) == {"random", "total", "log_prob", "lengths"}


def test_every_file_of_a_run_is_listed():
    listed = re.findall(r"`([\w./]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.split("\n## ")[0], re.MULTILINE)))
    assert {name.rstrip("/") for name in listed} == set(CONTENTS)
