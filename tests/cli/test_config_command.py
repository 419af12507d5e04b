"""seqtutor config: in an empty folder, with nothing but names."""

import subprocess
import sys

import pytest
import yaml

from seqtutor.cli.main import run
from seqtutor.config import from_tree, load, presets, to_tree
from tests.cli.test_cli import HEAVY
from tests.support.commands import error_of
from tests.support.places import CONFIGS


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_list_names_each_and_says_what_it_is_for(capsys):
    assert run(["config", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    for line in lines:
        assert len(line.split()) > 3 and len(line) <= 80


@pytest.mark.parametrize("name", presets())
def test_show_is_the_config_that_a_run_would_use(capsys, name):
    assert run(["config", "show", name]) == 0
    tree = yaml.safe_load(capsys.readouterr().out)
    assert tree == to_tree(load(name))
    assert from_tree(tree, "x") == load(CONFIGS / f"{name}.yaml")


def test_show_of_a_file(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("extends: chain\ntune: {c: 7.5}\n")
    assert run(["config", "show", "mine.yaml"]) == 0
    tree = yaml.safe_load(capsys.readouterr().out)
    assert (tree["tune"]["c"], tree["domain"]["name"]) == (7.5, "chain")
    (tmp_path / "mine.yaml").write_text("extends: chain\ntune: {cc: 7.5}\n")
    assert "unknown key 'tune.cc' in mine.yaml; did you mean tune.c" in error_of(capsys, "config", "show", "mine.yaml")


@pytest.mark.parametrize("name", presets())
def test_a_copy_is_the_file_to_the_byte_and_means_the_same(tmp_path, capsys, name):
    assert run(["config", "copy", name]) == 0
    assert capsys.readouterr().out == f"written to {name}.yaml; use it as `seqtutor pretrain {name}.yaml`\n"
    assert (tmp_path / f"{name}.yaml").read_bytes() == (CONFIGS / f"{name}.yaml").read_bytes()
    assert load(f"{name}.yaml") == load(name)


def test_where_a_copy_goes_and_what_it_leaves_alone(tmp_path, capsys):
    assert run(["config", "copy", "chain", "--out", "new/mine.yaml", "--quiet"]) == 0
    assert run(["config", "copy", "chain", "--out", "new", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["chain.yaml", "mine.yaml"]
    mine = tmp_path / "new/mine.yaml"
    mine.write_text("seed: 1\n")
    line = error_of(capsys, "config", "copy", "chain", "--out", "new/mine.yaml")
    assert line == ("error: new/mine.yaml is there already; choose another --out, or add --force to overwrite it\n")
    assert mine.read_text() == "seed: 1\n"
    assert run(["config", "copy", "chain", "--out", "new/mine.yaml", "--force", "--quiet"]) == 0
    assert mine.read_bytes() == (CONFIGS / "chain.yaml").read_bytes()


def test_unknown_names(capsys):
    assert "unknown config 'music-quik'; did you mean music-quick" in error_of(capsys, "config", "copy", "music-quik")
    assert "unknown config file 'chian'; did you mean chain" in error_of(capsys, "config", "show", "chian")
    assert "unknown command 'lits'; did you mean list" in error_of(capsys, "config", "lits")
    assert "cannot write to folder /proc/none" in error_of(capsys, "config", "copy", "chain", "--out", "/proc/none/x")


@pytest.mark.parametrize("args", [["list"], ["show", "molecules-quick"], ["copy", "music"]])
def test_nothing_heavy_is_loaded(args):
    code = (
        "import sys; from seqtutor.cli.main import run\n"
        f"code = run(['config', *{args!r}])\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
