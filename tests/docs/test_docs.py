"""The README and docs/: every command runs, every link leads somewhere.

A real bash runs the blocks, so quotes, braces and loops mean what they mean to a reader; there `seqtutor` is a script
that notes its arguments. These then run in this process at the smallest sizes, without what a page puts into the
environment: test_replicas.py joins workers by TF_CONFIG, test_ray.py nodes of Ray.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqtutor.cli.main import COMMANDS, commands, run
from seqtutor.domains import domain_class
from seqtutor.domains.base import Domain
from tests.exchange.test_magenta import write as write_magenta
from tests.support.commands import untrained
from tests.support.places import DATA, ROOT

DOCS = [page for page in sorted((ROOT / "docs").glob("*.md")) if not page.match("*.template.md")]
PAGES = [ROOT / "README.md", *DOCS]
NOT_RUN = {
    "source .venv/bin/activate": "the tests run in an environment already",
    "pip install": "the tests are installed already",
    "./scripts/": "they install, and run for minutes or hours",
    'eval "$(_SEQTUTOR_COMPLETE': "test_complete.py runs it",
    "ray ": "it starts nodes on other machines",
}
ELSEWHERE = {
    "domains.md": "test_example_domain.py installs the example package and runs its commands",
    "results.md": "test_reproduce.py runs the script that writes it",
    "results-0.1.0.md": "as above, in that version",
}
HERE = {"moses": "sample-molecules"}  # a data set of this repository for one to fetch
PRETRAIN = [
    f"--set={item}" for item in ("model.units=4", "model.lookahead=false", "pretrain.epochs=1", "pretrain.samples=1")
]
FEW = {"music": "--set=data.name=few.txt", "molecules": "--set=data.name=few.smi", "chain": "--set=data.name=chain"}
TUNE = [f"--set=tune.{key}" for key in ("rounds=1", "batch=4", "minibatch=4", "replay_ratio=1")]
DRAW = ["--set=sample.batch=4"]
BAR = ["--set=domain.length=16"]  # of music: half of what the configs have, for a token takes the longest
SMALL = {
    "pretrain": [*PRETRAIN, "--force"],
    "tune": [*TUNE, "--force"],
    "sweep": [
        *TUNE, *DRAW, "--variants", "psi", "--c", "1", "--seeds", "1", "--num", "4", "--engine", "local", "--force",
    ],
    "sample": [*DRAW, "--num", "2"],
    "evaluate": [*DRAW, "--num", "4"],
    "report": ["--num", "4"],
    "play": ["--num", "2"],
    "rate": ["--num", "2"],
    "export": ["--force"],
    "import-magenta": ["--force"],
    "benchmark": [*TUNE, "--force", "--calls", "4", "--seeds", "1"],
    "import-reinvent": ["--force"],
    "convert-reinvent": ["--force"],
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:tensorflow")  # of the cells of Magenta's checkpoints
COMMAND = re.compile(rf"^[ \t]*(?:\w+=\S* )*seqtutor (?:{'|'.join(COMMANDS)})\b.*", re.MULTILINE)  # a line to be typed


def blocks(page, *languages):
    """The fenced blocks of a page in one of the languages."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for _, language, text in found if language in languages]


YOURS = {"mine.py", "random.py"}  # files that a page speaks of as the reader's


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_modules_and_tests_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    files = [path.as_posix() for room in ("seqtutor", "scripts", "tests") for path in (ROOT / room).rglob("*.py")]
    named = set(re.findall(r"`([\w/]+\.py)`", text)) - YOURS
    assert not [name for name in named if not any(file.endswith(f"/{name}") for file in files)]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]


def script(page):
    """The page's shell blocks one behind the other, without what NOT_RUN names."""
    lines = "".join(blocks(page, "bash", "sh")).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith(tuple(NOT_RUN)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader stands who has got as far as tuned runs: the configs, files of their own, and small runs."""
    path = tmp_path_factory.mktemp("reader")
    (path / "configs").symlink_to(ROOT / "configs")
    for name, options in (("music", {"length": 16}), ("molecules", {"length": 10}), ("chain", {})):
        for variant in ("", "psi", "rl-only", "g"):
            untrained(path / "runs" / name / (variant or "prior"), name, variant, **options)
    for block in (block for page in PAGES for block in blocks(page, "python")):
        if named := re.match(r"# (\w+\.py)\b", block):
            (path / named[1]).write_text(block)
    midi, tunes = path / "path/to/midi/folder", np.random.default_rng(0).integers(2, 38, (4, 32))
    midi.mkdir(parents=True)
    domain_class("music")().writers()["mid"](tunes, np.full(4, 32), midi, 0)
    few = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCOC", "CCCl", "OCCO", "CC#N"]
    (path / "few.smi").write_text("".join(f"{molecule}\n" for molecule in few))
    rows = (f"{molecule},{molecule}\n" for molecule in few)
    (path / "hits.csv").write_text("".join(["Ligand SMILES,inhibitor\n", *rows]))
    (path / "few.txt").write_text("C4 hold E4 hold G4 hold E4 hold\nG4 off E4 off C4 hold hold hold\n" * 2)
    for place in ("path/to/molecules.smi", "mine.smi", "generated.smi"):
        shutil.copy(path / "few.smi", path / place)
    shutil.copytree(midi, path / "tunes")
    pair = "C4 hold E4 hold,G4 hold A4 hold"
    (path / "ratings.csv").write_text("left,right,better\n" + f"{pair},left\n{pair},right\n" * 6)
    shutil.copy(next(midi.iterdir()), path / "waltz.mid")
    (path / "note_rnn.ckpt").mkdir()  # an example names the checkpoint's prefix; the folder it lies in will do as well
    write_magenta(path / "note_rnn.ckpt")
    shutil.copy(DATA / "reinvent" / "small.prior", path / "reinvent.prior")
    shutil.copy(DATA / "reinvent" / "staged_learning.toml", path)
    return path


def melodies_of_a_length(args):
    """Whether a command has a config for melodies, and does not say itself how long they are."""
    return "music" in Path(args[1]).stem and not any(arg == "--bars" or "domain.length" in arg for arg in args)


def typed(page, folder):
    """The arguments of every `seqtutor` of the page, in the order in which bash comes to them."""
    log, bin = folder / "typed.jsonl", folder / "bin"
    bin.mkdir(exist_ok=True)
    log.write_text("")
    note = f"#!{sys.executable} -I\nimport json, sys\nprint(json.dumps(sys.argv[1:]), file=open({str(log)!r}, 'a'))\n"
    (bin / "seqtutor").write_text(note)
    (bin / "seqtutor").chmod(0o755)
    places = {**os.environ, "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script(page)], cwd=folder, env=places, check=True)
    return [json.loads(line) for line in log.read_text().splitlines()]


def parse(args):
    """click's reading of a command line: raises for an unknown command, option, variant, or kind of value."""
    context, command = commands.make_context("seqtutor", list(args)), commands
    while hasattr(command, "resolve_command"):
        name, command, args = command.resolve_command(context, args)
        context = command.make_context(name, list(args), parent=context)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ELSEWHERE], ids=lambda page: page.name)
@pytest.mark.usefixtures("cheap", "eagerly")
def test_every_command_runs(page, folder, monkeypatch, capsys):
    lines = typed(page, folder)
    assert len(lines) >= script(page).count("seqtutor ")
    monkeypatch.chdir(folder)
    for args in lines:
        parse(args)  # as it stands, for what is said below in SMALL replaces it
        small = [HERE.get(arg, arg) for arg in args]
        if not "".join(args[1:2]).endswith("/config.yaml"):  # a run's own, which is small
            small += [FEW[Path(args[1]).stem.partition("-")[0]]] if args[0] == "pretrain" else []
            small += SMALL.get(args[0], []) if args[:2] != ["rate", "ratings.csv"] else []  # which draws nothing
            small += ["--particles", "2"] if "--particles" in args else []
            small += ["--bars", "1"] if "--bars" in args else []
            small += BAR if args[0] in ("pretrain", "tune", "sweep") and melodies_of_a_length(args) else []
        assert run([*small, "--quiet"]) == 0, (args, capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_stands_in_a_block_of_shell(page):
    """Else the test above would not see it."""
    lines = COMMAND.findall(page.read_text(encoding="utf-8"))
    assert lines == COMMAND.findall("\n".join(blocks(page, "bash", "sh")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_a_sentence_have_the_options_they_are_given(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in re.findall(r"`seqtutor ([a-z][^`]*)`", text):
        name, *rest = line.split()
        assert name in COMMANDS, line
        command = commands.get_command(None, name)
        if rest and hasattr(command, "commands"):
            command = command.commands[rest[0]]
        known = {option for param in command.params for option in param.opts}
        assert {word.strip("[]") for word in rest if word.strip("[]").startswith("-")} <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_member_of_a_domain_is_listed():
    rows = re.findall(r"^ *\| (`.*?) \|", (ROOT / "docs" / "domains.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)", row)]
    members = {name for name in {*vars(Domain), *Domain.__annotations__} if not name.startswith("_")}
    assert sorted(listed) == sorted(members - {"vocabulary"})  # which no domain replaces


def test_what_is_not_run_is_there():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for start in NOT_RUN:
        assert f"\n{start}" in text
    assert set(ELSEWHERE) <= {page.name for page in PAGES}
