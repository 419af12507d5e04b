"""The priors that come with seqtutor: `priors/NAME` beside the package, made by scripts/make_priors.py.

Each is one checkpoint in half precision, with its licence. It is read like a run, but nothing is written beside it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqtutor.errors import UserError
from seqtutor.runs.checkpoint import UNFIT, Checkpoint
from seqtutor.system.files import packaged, read_arrays


class Shipped(NamedTuple):
    """A prior that comes with seqtutor.

    Attributes:
      about: what checkpoint.json says of it: description, licence, command, loss in nats a token, sha256.
    """

    name: str
    folder: Path
    about: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return (self.folder / "arrays.npz").stat().st_size


def shipped() -> dict[str, Shipped]:
    """Every prior that comes with seqtutor, by name, sorted."""
    files = sorted(packaged("priors").glob("*/checkpoint.json"), key=lambda file: file.parent.name)
    return {
        file.parent.name: Shipped(file.parent.name, file.parent, json.loads(file.read_text(encoding="utf-8"))["about"])
        for file in files
    }


def folder_of(path: str | Path) -> Path | None:
    """The folder of the prior that comes with seqtutor and is meant by its name, or by that folder; else None.

    Raises UserError where there is a file or folder of the same name, which might be meant as well.
    """
    root, path = packaged("priors"), Path(path)
    if len(path.parts) == 1 and (root / path / "checkpoint.json").is_file():
        if path.exists():
            here = f"there is a '{path}' here; for that write {path.resolve()}, for the prior {root / path}"
            raise UserError(f"'{path}' is a prior that comes with seqtutor, and {here}")
        return root / path
    return path if path.parent == root and (path / "checkpoint.json").is_file() else None


def named_like(path: str | Path) -> str:
    """What a path that leads nowhere may have meant: "did you mean music?", or else which priors there are."""
    names = list(shipped())
    if near := difflib.get_close_matches(str(path), names, cutoff=0.5):
        return f"did you mean {', '.join(near)}?"
    return f"the priors {' and '.join(names)} come with seqtutor"


def load(folder: Path) -> Checkpoint:
    """The checkpoint in such a folder, its weights as float32. Raises UserError if it is not what it should be."""
    try:
        meta = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
        if hashlib.sha256((folder / "arrays.npz").read_bytes()).hexdigest() != meta["about"]["sha256"]:
            raise ValueError("arrays.npz does not match its sha256")
        arrays = {name: array.astype(np.float32) for name, array in read_arrays(folder / "arrays.npz").items()}
        return Checkpoint(meta["step"], meta, arrays)
    except (OSError, UserError, *UNFIT) as error:
        raise UserError(f"the prior in {folder} is damaged ({error}); install seqtutor again") from None
