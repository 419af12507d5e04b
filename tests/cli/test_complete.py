"""What the shell offers on Tab, and that it is asked through the installed command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from seqtutor.cli.main import COMMANDS, COMPLETE, commands
from seqtutor.config import VARIANT_NAMES
from tests.cli.test_cli import HEAVY
from tests.support.places import ROOT


def offered(*args):
    """The values for the last of the arguments; "file" where the shell is to offer files."""
    *before, incomplete = args
    items = BashComplete(commands, {}, "seqtutor", COMPLETE).get_completions(before, incomplete)
    return [item.value if item.type == "plain" else item.type for item in items]


def test_commands_and_options():
    assert offered("") == list(COMMANDS)
    assert offered("s") == ["sweep", "sample", "score"]
    assert offered("data", "f") == ["fetch"]
    assert offered("config", "c") == ["copy"]
    assert offered("tune", "c.yaml", "--pr") == ["--prior"]
    assert {"--num", "--format", "--seed", "--out", "--quiet"} <= set(offered("sample", "--"))


@pytest.mark.parametrize(
    "args", [("tune", ""), ("tune", "c.yaml", "--prior", "ru"), ("sample", "runs/"), ("export", "x", "--out", "")]
)
def test_files(args):
    assert offered(*args) == ["file"]


def test_names_and_lists_of_them():
    assert offered("tune", "c.yaml", "--variant", "") == list(VARIANT_NAMES)
    assert offered("sweep", "c.yaml", "--variants", "q,p") == ["q,psi", "q,pcl", "q,pg"]
    assert offered("tune", "c.yaml", "--reward", "qed:2,ring_") == ["qed:2,ring_penalty"]
    assert offered("score", "--domain", "mo") == ["molecules"]
    presets = ["molecules", "molecules-few-calls", "molecules-published", "molecules-quick"]
    assert offered("config", "copy", "mol") == presets
    for args in (("data", "info"), ("data", "fetch"), ("pretrain", "--data"), ("evaluate", "--reference")):
        assert offered(*args, "sample") == ["sample-melodies", "sample-molecules"]


def test_a_path_where_a_name_could_stand():
    assert offered("pretrain", "c.yaml", "--data", "./tun") == ["file"]
    assert offered("tune", "c.yaml", "--reward", "mine.py") == ["file"]


def test_an_imported_name(tmp_path, monkeypatch):
    from seqtutor.data import sources
    from seqtutor.domains import domain_class

    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path))
    sources.remember(domain_class("music"), "hymns", tmp_path)
    assert offered("pretrain", "--data", "hy") == ["hymns"]


def test_a_line_with_a_mistake_offers_nothing():
    assert offered("tuen", "c.yaml", "--va") == []
    assert offered("tune", "c.yaml", "--variant", "wrong", "--pri") == ["--prior"]


@pytest.mark.parametrize("words", ["seqtutor ", "seqtutor tune x --reward q", "seqtutor data info m"])
def test_nothing_heavy_is_loaded(words):
    code = (
        "import sys, time; start = time.process_time()\n"
        "from seqtutor.cli.main import main\n"
        "try:\n    main()\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)), time.process_time() - start, file=sys.stderr)\n"
    )
    count = str(len(words.split(" ")) - 1)
    asked = {**os.environ, COMPLETE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=asked, check=True)
    assert done.stdout.startswith("plain,")
    assert done.stderr.startswith("[] ")
    assert float(done.stderr.split()[-1]) < 1.0  # processor time


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_in_a_real_bash():
    """The line of the README, and then Tab."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith(f'eval "$({COMPLETE}=bash_source'))
    script = f"{line}\nCOMP_WORDS=(seqtutor tune x --variant r); COMP_CWORD=4\n_seqtutor_completion seqtutor"
    places = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f'{script}\necho "${{COMPREPLY[@]}}"'], capture_output=True, text=True, env=places, check=True
    )
    assert done.stdout.split() == ["rl-only"]
