"""docs/rewards.md: its numbers and tables are those of the program. test_docs.py runs its commands."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seqtutor.cli.main import run
from seqtutor.domains.molecules.components import COMPONENTS
from seqtutor.domains.molecules.reward import REWARD_NAMES as MOLECULES
from seqtutor.domains.music.reward import REWARD_NAMES as MELODIES
from seqtutor.domains.reward_terms import TRANSFORMS, parse
from tests.support.places import ROOT
from tests.support.terms import terms

PAGE = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def rows(name):
    """The cells of the table whose head begins with a name."""
    table = PAGE.split(f"\n| {name} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_example_of_score(tmp_path, monkeypatch):
    """In a real shell the quotes do what the page says."""
    monkeypatch.chdir(tmp_path)
    (make,) = (line for line in COMMANDS if line.endswith("> known.smi"))
    subprocess.run(["bash", "-c", make], check=True)
    (score,) = (line for line in COMMANDS if line.startswith("seqtutor score known.smi"))
    assert run([*shlex.split(score)[1:], "--quiet"]) == 0
    table = pd.read_csv("known/scores.csv")
    wanted = pd.DataFrame(rows("name"), columns=["name", "qed", "similar(CC(=O)Oc1ccccc1C(=O)O)", "alerts", "total"])
    assert table.name.tolist() == wanted.name.tolist()
    for column in wanted.columns[1:]:
        np.testing.assert_allclose(table[column], wanted[column].astype(float), atol=6e-4, err_msg=column)


def test_the_example_of_keys_and_meters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (make,) = (line for line in COMMANDS if line.startswith("echo"))
    subprocess.run(["bash", "-c", make], check=True)
    wanted = rows("judged in")
    lines = [line for line in COMMANDS if line.startswith("seqtutor score waltz.txt")]
    assert [shlex.split(line)[-1] for line in lines] == [name.strip("`") for name, *_ in wanted]
    for line, (_, *values) in zip(lines, wanted, strict=True):
        assert run([*shlex.split(line)[1:], "--quiet"]) == 0
        scores = pd.read_csv(Path(shlex.split(line)[-1]) / "scores.csv")
        ours = scores.loc[0, ["key", "tonic", "motif", "intervals"]]
        np.testing.assert_allclose(ours.astype(float), list(map(float, values)), atol=1e-5, err_msg=line)


def test_the_tables_name_everything():
    first = [cells[0].replace("`", "") for cells in rows("component")]
    melodies = PAGE.split("## Melodies")[1].split("\n### ")[0]
    listed = re.findall(r"^\| `([\w()-]+)` \|", melodies, re.MULTILINE)
    assert sorted(first) == sorted(MOLECULES)
    assert sorted(listed) == sorted(MELODIES)
    assert [cells[0].split("/")[0] for cells in rows("written")] == [f"`@{name}" for name in TRANSFORMS]


def test_the_most_that_counts_is_that_of_the_table():
    most = {cells[0].strip("`"): cells[3] for cells in rows("component")}
    for name, component in COMPONENTS.items():
        if component.argument:
            continue
        assert most[name] == f"the value, up to {component.most:g}"


def test_the_yaml_and_what_else_is_quoted_can_be_read():
    tree = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    assert parse(tree["tune"]["reward"], MOLECULES) == terms({"smarts([#7]~[#6]~[#7])": 2, "qed@step/0.6": 1})
    assert parse("tpsa@step/20,tpsa@step/140:-1", MOLECULES) == terms({"tpsa@step/20": 1, "tpsa@step/140": -1})
    assert parse("qed:5,sa:2,logp:2,ring_penalty:1", MOLECULES) and "`qed:5,sa:2,logp:2,ring_penalty:1`" in PAGE


def test_the_transforms_of_reinvent_are_ours_with_the_numbers_of_the_page():
    """Their sigmoid is 1 / (1 + 10^(-10 k (x - middle) / (high - low))); 0.12788 is log10(19) / 10."""
    x, low, high, k = np.linspace(-5, 15, 41), 2.0, 8.0, 0.5
    half = 0.12788 * (high - low) / k
    assert "(low + high)/2 -+ 0.12788 (high - low) / k" in PAGE
    (ours,), (reverse,) = (parse(f"qed@sigmoid/{5 - sign * half}/{5 + sign * half}", MOLECULES) for sign in (1, -1))
    theirs = 1 / (1 + 10 ** (-10 * k * (x - 5) / (high - low)))
    np.testing.assert_allclose(ours.transform(x), theirs, atol=1e-5)
    np.testing.assert_allclose(reverse.transform(x), 1 - theirs, atol=1e-5)
    (double,) = parse("qed@double_sigmoid/2/8/1.5/0.5", MOLECULES)  # coef_div 100, coef_si 150, coef_se 50
    left, right = 1 / (1 + 10 ** (-1.5 * (x - low))), 1 - 1 / (1 + 10 ** (-0.5 * (x - high)))
    np.testing.assert_allclose(double.transform(x), np.where(x < 5, left, right), atol=1e-12)


@pytest.mark.parametrize("spec", ["logp@clip/-1/5:2,qed", "music-theory,leaps@step/5:-1.5", "mine.py:short"])
def test_no_quotes_are_needed_but_for_parentheses(spec, tmp_path):
    (tmp_path / "q").touch()
    said = subprocess.run(["bash", "-c", f"echo {spec}"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == spec and os.listdir(tmp_path) == ["q"]
