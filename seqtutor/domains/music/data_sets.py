"""The named data sets of melodies: the collections of tunes that come with the package music21, and a sample.

Sizes and hashes were measured on music21 10.5.1. A hash is over the bytes of the .abc files in sorted order.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from seqtutor.domains.base import DataSet
from seqtutor.errors import UserError
from seqtutor.system.files import packaged

MISSING = "the tunes need the package music21: pip install music21"
FOLDERS = {"essen": "essenFolksong", "oneills": "oneills1850", "airds": "airdsAirs", "ryans": "ryansMammoth"}
SAMPLE = packaged("data", "melodies", "tunes.csv")
SAMPLE_SHA256 = "09f952ada28c2db38848fb5bfad59b38889b88b7373dee44422c26e59f003290"

_ESSEN = "non-commercial use only, by permission of E. Dahlig-Turek and S. Shlien to music21; do not copy it elsewhere"
_TUNES = "melodies in the public domain; ABC files distributed with music21 by permission of their encoders"


def data_sets() -> dict[str, DataSet]:
    """Every named data set by name."""
    music21 = {
        "music21": (
            "the four collections below together",
            f"Essen: {_ESSEN}",
            12_762,
            "0cb5a1fcb356c0b58695390425b5c2c0c6db24a5715c4249425602f5c640baa7",
        ),
        "essen": (
            "Essen collection: folk songs, most of them German",
            _ESSEN,
            8_514,
            "9a97ade8282e51902d377a93c6d59254ddddaae9c433a5a6f0dcdc46d91a9cd4",
        ),
        "oneills": (
            "O'Neill's Music of Ireland (1903)",
            _TUNES,
            2_009,
            "c45fbfa139a40a00dd465badff3f99dc9177877d00cb7cb7b696e9cdf4fd942e",
        ),
        "airds": (
            "Aird's Selection of Airs (1778 to 1801)",
            _TUNES,
            1_180,
            "bb7b8af608f400e9af30e9b27931ac8d5f48d01bd0457c65407f6f4cd03024d2",
        ),
        "ryans": (
            "Ryan's Mammoth Collection, fiddle tunes (1883)",
            _TUNES,
            1_059,
            "3ea75e2db64cdbb5c57a0953097c13646ba9a670d3d1cdfc0d6a91f2fe7f50fc",
        ),
    }
    sets = [DataSet(name, *facts, partial(_locate, name), partial(_fetch, name)) for name, facts in music21.items()]
    what, licence = "295 tunes of Aird's, as tokens", "melodies in the public domain; see data/melodies/README.md"
    sets.append(DataSet("sample-melodies", what, licence, 295, SAMPLE_SHA256, _locate_sample))
    return {data_set.name: data_set for data_set in sets}


def corpus_folder() -> Path | None:
    """The corpus inside the installed music21, found without importing it; None if it is not installed."""
    spec = importlib.util.find_spec("music21")
    folder = Path(spec.origin).parent / "corpus" if spec and spec.origin else None
    return folder if folder and folder.is_dir() else None


def collections_in(folder: Path) -> list[Path]:
    """The four collections of tunes if folder is music21's corpus (the rest of it is not melodies), else nothing."""
    return [folder / name for name in FOLDERS.values()] if folder == corpus_folder() else []


def files_sha256(files: Iterable[Path]) -> str:
    """SHA-256 over the bytes of files, one after the other in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _locate(name: str) -> Path | None:
    root = corpus_folder()
    return root / FOLDERS.get(name, "") if root else None


def _fetch(name: str) -> Path:
    path = _locate(name)
    if path is None:
        raise UserError(MISSING)
    return path


def _locate_sample() -> Path | None:
    # beside the package in the repository; an installed package does not carry it
    return SAMPLE if SAMPLE.is_file() else None
