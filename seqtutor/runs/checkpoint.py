"""Checkpoints: whole or not there at all, checked by a hash, readable with numpy and json alone.

    checkpoints/
      step-00000400/
        arrays.npz        every array, by name ("prior/logits/bias", "optimizer/3", "replay/0/rows/tokens")
        checkpoint.json   format, step, what it is, vocabulary, config, versions, sha256 of arrays.npz
      best.json           {"step": 400}

A folder is written under another name, flushed, and renamed, so a name "step-..." means a whole checkpoint;
one that was damaged later is found by its hash, and the newest whole one is used instead. No pickle anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.errors import UserError
from seqtutor.system.files import read_arrays, write_text, writing
from seqtutor.system.progress import LOG

FORMAT = 1
KEEP = 2  # newest checkpoints kept, beside the best

# What using JSON or arrays raises that are not what they should be.
UNFIT = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint in memory. meta is JSON; arrays are by name, groups separated by slashes."""

    step: int
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def group(self, name: str) -> dict[str, np.ndarray]:
        """The arrays whose name begins with `name/`, without that prefix."""
        return {key[len(name) + 1 :]: value for key, value in self.arrays.items() if key.startswith(f"{name}/")}


def join(**groups: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `Checkpoint.group`: named groups of arrays in one flat dictionary."""
    return {f"{group}/{key}": value for group, arrays in groups.items() for key, value in arrays.items()}


def save(folder: Path, checkpoint: Checkpoint, best: bool = False) -> None:
    """Writes a checkpoint into a run's `checkpoints` folder; marks it the best if said; drops the old ones.

    Raises UserError if it cannot be written; those that were there before stay.
    """
    with writing(folder):
        _write(folder, checkpoint)
        if best:
            mark_best(folder, checkpoint.step)
        kept = {path.name for path in _saved(folder)[-KEEP:]} | {f"step-{_best_step(folder) or 0:08d}"}
        for path in _saved(folder):
            if path.name not in kept:
                shutil.rmtree(path)


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    final, temporary = folder / f"step-{checkpoint.step:08d}", folder / f".writing-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        with open(temporary / "arrays.npz", "wb") as file:
            np.savez(file, **checkpoint.arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
            _flush(file)
        sha256 = _sha256(temporary / "arrays.npz")
        meta = {"format": FORMAT, "step": checkpoint.step, "sha256": sha256, **checkpoint.meta}
        with open(temporary / "checkpoint.json", "w", encoding="utf-8") as file:
            json.dump(meta, file, indent=1)
            _flush(file)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_newest(folder: Path, warn: Callable[[str], None] | None = None) -> Checkpoint | None:
    """The newest whole checkpoint, or None if there is none. `warn` is told of every damaged one passed over."""
    for path in reversed(_saved(folder)):
        checkpoint = _load(path, warn or LOG.warning)
        if checkpoint is not None:
            return checkpoint
    return None


def load_best(folder: Path, warn: Callable[[str], None] | None = None) -> Checkpoint:
    """The checkpoint marked best, else the newest whole one. Raises UserError if there is none."""
    step = _best_step(folder)
    path = folder / f"step-{step or 0:08d}"
    found = _load(path, warn or LOG.warning) if path in _saved(folder) else None
    found = found or load_newest(folder, warn)
    if found is None:
        raise UserError(f"no whole checkpoint in {folder}; is this a finished run? train it again or with --resume")
    return found


def discard_after(folder: Path, step: int) -> None:
    """Removes checkpoints newer than `step`: damaged ones a resumed run will write again."""
    for path in _saved(folder):
        if _number(path) > step:
            shutil.rmtree(path)
    if (_best_step(folder) or 0) > step:
        (folder / "best.json").unlink()


def _saved(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal())


def _number(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _load(path: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    try:
        meta = json.loads((path / "checkpoint.json").read_text(encoding="utf-8"))
        if meta["format"] == FORMAT:
            if meta["step"] != _number(path):
                raise ValueError("its step is not that of its name")
            if _sha256(path / "arrays.npz") != meta["sha256"]:
                raise ValueError("arrays.npz does not match its sha256")
            return Checkpoint(_number(path), meta, read_arrays(path / "arrays.npz"))
    except (OSError, UserError, *UNFIT) as error:
        warn(f"checkpoint {path} is damaged ({error}); using an older one")
        return None
    raise UserError(f"{path} has format {meta['format']}, not {FORMAT}; use the seqtutor that wrote it")


@contextlib.contextmanager
def must_fit(path: Path) -> Iterator[None]:
    """Within it, a checkpoint of a run whose parts do not fit together raises UserError."""
    try:
        yield
    except UNFIT as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"checkpoint of {path} does not fit together ({reason}); train it again") from error


def mark_best(folder: Path, step: int) -> None:
    """Says which checkpoint is the best; `save` does it, but a run may be killed between the two."""
    write_text(folder / "best.json", json.dumps({"step": step}))


def _best_step(folder: Path) -> int | None:
    try:
        return int(json.loads((folder / "best.json").read_text(encoding="utf-8"))["step"])
    except (OSError, *UNFIT):
        return None


def _sha256(path: Path) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
