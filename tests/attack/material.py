"""What is attacked: small runs and files."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import yaml

from tests.attack import forks
from tests.support import mutate, mutated_formats
from tests.support.places import DATA


def make(folder: Path) -> None:
    """Into an empty folder: the runs and configs of `mutate.train`, files to read, and a prior of molecules."""
    rng = random.Random(0)
    _end(forks.Fork(lambda: mutate.train(folder) or 0, folder.parent / "said", 600))
    words = ["".join(rng.choices("abcd", k=6)) for _ in range(20_000)]
    (folder / "many.txt").write_text("\n".join(words) + "\n")
    (folder / "mols.smi").write_text(
        "".join(f"{'C' * rng.randint(1, 9)}{'(O)N' * rng.randint(0, 4)} m{i}\n" for i in range(900))
    )
    (folder / "tunes").mkdir()
    _end(forks.Fork(lambda: _tunes(folder / "tunes", rng), folder.parent / "said"))
    shutil.copy(DATA / "reinvent" / "small.prior", folder / "a.prior")
    _end(
        forks.start(["import-reinvent", folder / "a.prior", "--out", folder / "molecules"], folder.parent / "said", 600)
    )
    small = {"tune": {"batch": 16, "minibatch": 8, "buffer": 64, "evaluate_every": 2}}
    (folder / "molecules.yaml").write_text(yaml.safe_dump({"domain": {"name": "molecules"}, **small}))
    _end(forks.Fork(lambda: mutated_formats.write_magenta(folder), folder.parent / "said"))


def _tunes(folder: Path, rng: random.Random) -> int:
    from seqtutor.domains.music.midi import write_midi

    for number in range(24):
        write_midi(np.array([rng.randrange(2, 38) for _ in range(32)]), folder / f"{number}.mid")
    return 0


def _end(fork: forks.Fork) -> None:
    ended = forks.end(fork)[0]
    if ended.code:
        raise RuntimeError(f"nothing to attack could be made: {ended.said}")
