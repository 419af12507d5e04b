"""The wheel and the sdist: what is in them, and that the installed wheel does its work without the repository."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from tests.support.places import ROOT

pytestmark = pytest.mark.slow
SAMPLES = {
    "data/chain/words.txt",
    "data/melodies/tunes.csv",
    "data/molecules/moses-sample.smi.gz",
    "data/molecules/moses-filters.csv",
}
# As a user would, but each in one process, since TensorFlow takes seconds to load.
ROAD = """
import sys
from seqtutor.cli.main import run

def do(*args):
    assert run([*args, "--quiet"]) == 0, args

preset, epochs, form = sys.argv[1:]
prior, tuned = f"runs/{preset}/prior", f"runs/{preset}/tuned"
do("pretrain", preset, "--set", "model.units=8", "--set", f"pretrain.epochs={epochs}")
small = ["tune.rounds=3", "tune.batch=8", "tune.minibatch=8"]
do("tune", preset, "--prior", prior, "--out", tuned, *(word for setting in small for word in ("--set", setting)))
do("sample", tuned, "--num", "3", "--format", form)
do("evaluate", prior, tuned, "--num", "20")
"""


def files(*folders):
    """The files below folders of the repository, as they are named in it."""
    found = {path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, built in this environment."""
    folder = tmp_path_factory.mktemp("dist")
    args = ["-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    with FileLock(tmp_path_factory.getbasetemp().parent / "build.lock"):  # another worker may build in ROOT, too
        done = subprocess.run([sys.executable, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return SimpleNamespace(wheel=wheel, sdist=sdist)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Runs a program of a fresh environment in an empty folder. All but seqtutor itself comes from this environment."""
    home, folder = tmp_path_factory.mktemp("fresh"), tmp_path_factory.mktemp("empty")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["SEQTUTOR_CACHE"] = str(home / "cache")
    args = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(built.wheel)]
    subprocess.run([sys.executable, "-m", "pip", *args], cwd=folder, env=environment, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but the .pth files in it are not read: an editable seqtutor stays out of sight.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")

    def do(program, *args):
        done = subprocess.run(
            [home / "bin" / program, *args], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    where = Path(do("python", "-c", "import seqtutor; print(seqtutor.__file__)").strip())
    assert where == packages / "seqtutor" / "__init__.py"
    do.folder = folder
    return do


def test_the_wheel_holds_the_package_the_configs_and_the_samples(built):
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("dist-info/METADATA"))
    inside = {name for name in names if name.startswith("seqtutor/")}
    code, beside = files("seqtutor"), files("configs", "data", "priors")
    assert "seqtutor/py.typed" in code and beside >= SAMPLES
    assert {"seqtutor/system/page.html", "seqtutor/reports/report.css", "seqtutor/domains/music/sound.js"} <= inside
    assert inside == code | {f"seqtutor/{name}" for name in beside}
    licences = {name.split("/licenses/")[1] for name in names if "/licenses/" in name}
    folders = ("data/melodies", "data/molecules", "priors/molecules", "priors/music")
    assert licences == {"LICENSE", *(f"{folder}/LICENSE" for folder in folders)}
    assert "License-Expression: Apache-2.0 AND MIT AND CC0-1.0\n" in metadata
    assert names - inside == {name for name in names if name.startswith("seqtutor-0.1.0.dist-info/")}


def test_the_sdist_holds_all_that_is_needed_to_build_and_test(built):
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    single = {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "setup.py", "setup.cfg", "pyproject.toml"}
    assert names >= single | files("seqtutor", "configs", "data", "docs", "examples", "priors", "scripts", "tests")


def test_what_comes_with_it_is_found(installed):
    listed = dict(line.split()[1:4:2] for line in installed("seqtutor", "data", "list").splitlines())
    assert [listed[name] for name in ("chain", "sample-melodies", "sample-molecules")] == ["yes"] * 3
    presets = [line.split()[0] for line in installed("seqtutor", "config", "list").splitlines()]
    assert presets == sorted(Path(name).stem for name in files("configs"))
    installed("seqtutor", "config", "copy", "music-quick", "--out", "mine.yaml")
    shown = [installed("seqtutor", "config", "show", name) for name in ("mine.yaml", "music-quick")]
    assert shown[0] == shown[1]


def test_a_page_is_made_of_the_templates_that_come_with_it(installed):
    (installed.folder / "tune.abc").write_text("X:1\nL:1/16\nK:C\nC4 E4 G4 c4 |\n")
    installed("seqtutor", "play", "tune.abc", "--quiet")
    page = (installed.folder / "play.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "<h2>tune.abc" in page and "createOscillator" in page


def test_the_commands_in_an_empty_folder(installed):
    small = ["--set", "model.units=8", "--set", "pretrain.epochs=1"]
    installed("seqtutor", "pretrain", "chain", "--out", "runs/x", "--quiet", *small)
    small = ["--set", "tune.rounds=3", "--set", "tune.batch=8", "--set", "tune.minibatch=8"]
    installed("seqtutor", "tune", "chain", "--prior", "runs/x", "--out", "runs/y", "--quiet", *small)
    installed("seqtutor", "sample", "runs/y", "--num", "3", "--quiet")
    table = installed("seqtutor", "evaluate", "runs/x", "runs/y", "--num", "20", "--quiet")
    assert table.splitlines()[0].split() == ["runs/x", "runs/y"]


@pytest.mark.parametrize(
    ("preset", "epochs", "form"), [("music-quick", "1", "mid"), ("molecules-quick", "0.02", "smi")]
)
def test_the_applications_in_an_empty_folder(installed, preset, epochs, form):
    table = installed("python", "-c", ROAD, preset, epochs, form)
    assert table.splitlines()[0].split() == [f"{preset}/prior", f"{preset}/tuned"]
    written = [path.suffix for path in (installed.folder / "runs" / preset / "tuned" / "samples").iterdir()]
    assert sorted(written) == sorted([".csv", *([".mid"] * 3 if form == "mid" else [".smi"])])
