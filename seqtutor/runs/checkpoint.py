"""Checkpoints: whole or not there at all, checked by a hash, readable with numpy and json alone.

    checkpoints/
      step-00000400/
        arrays.npz        every array, by name ("prior/logits/bias", "optimizer/3", "replay/0/rows/tokens")
        checkpoint.json   format, step, what it is, vocabulary, config, versions, sha256 of arrays.npz,
                          digest of all of this
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
from seqtutor.runs.array_forms import Forms, check_values, wanted
from seqtutor.runs.writer import writer_of
from seqtutor.system import temporary
from seqtutor.system.files import Header, array_headers, read_arrays, write_text, writing
from seqtutor.system.input_files import open_input, read_text
from seqtutor.system.progress import LOG

FORMAT = 1
MOST_META = 16 << 20  # bytes of checkpoint.json; a vocabulary of 100,000 symbols has one
KEEP = 2  # newest checkpoints kept, beside the best

# What using JSON or arrays raises that are not what they should be.
UNFIT = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError)

# From checkpoint.json and the headers of the arrays to what these may be.
Expected = Callable[[Mapping[str, Any], Mapping[str, Header]], Forms]


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
                _drop(path)


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{checkpoint.step:08d}"
    with temporary.folder_beside(folder / "writing") as hidden:
        with open(hidden / "arrays.npz", "wb") as file:
            np.savez(file, **checkpoint.arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
            _flush(file)
        sha256 = _sha256(hidden / "arrays.npz")
        meta = {**checkpoint.meta, "format": FORMAT, "step": checkpoint.step, "sha256": sha256}
        meta["digest"] = _digest(meta)
        with open(hidden / "checkpoint.json", "w", encoding="utf-8") as file:
            json.dump(meta, file, indent=1)
            _flush(file)
        _drop(final)
        os.replace(hidden, final)


def load_newest(
    folder: Path, warn: Callable[[str], None] | None = None, expected: Expected | None = None
) -> Checkpoint | None:
    """The newest whole checkpoint, or None if there is none. `warn` is told of every damaged one passed over.

    One that its writer has replaced meanwhile is not damaged: then the newer ones are looked at.

    Args: expected: gives the forms of the arrays to read, see `array_forms`; without it all are read.
    Raises UserError for a whole one whose arrays are not of these forms, before any is read.
    """
    told = list[str]()
    for path in _newest_first(folder):
        checkpoint = _load(path, told.append, expected)
        if checkpoint is not None:
            return checkpoint
        for line in told if path.exists() else ():
            (warn or LOG.warning)(line)
        told.clear()
    return None


def _newest_first(folder: Path) -> Iterator[Path]:
    """Each checkpoint once, the newest first; those that appear meanwhile too."""
    done = set[Path]()
    while left := [path for path in _saved(folder) if path not in done]:
        done.add(left[-1])
        yield left[-1]


def load_best(folder: Path, warn: Callable[[str], None] | None = None, expected: Expected | None = None) -> Checkpoint:
    """The checkpoint marked best, else the newest whole one. Raises UserError if there is none, or as `load_newest`."""
    found, tried = None, -1
    while found is None and (step := _best_step(folder)) not in (None, tried):  # a writer may replace it meanwhile
        tried, path = step or 0, folder / f"step-{step:08d}"
        told = list[str]()
        found = _load(path, told.append, expected) if path in _saved(folder) else None
        for line in told if path.exists() else ():
            (warn or LOG.warning)(line)
    found = found or load_newest(folder, warn, expected)
    if found is None and (who := writer_of(folder.parent)):
        raise UserError(f"no checkpoint in {folder} yet: {who} trains this run; wait for the first")
    if found is None:
        raise UserError(f"no whole checkpoint in {folder}; is this a finished run? train it again or with --resume")
    return found


def discard_after(folder: Path, step: int) -> None:
    """Removes checkpoints newer than `step`: damaged ones a resumed run will write again."""
    for path in _saved(folder):
        if _number(path) > step:
            _drop(path)
    if (_best_step(folder) or 0) > step:
        (folder / "best.json").unlink()


def _drop(path: Path) -> None:
    """Removes a checkpoint, or a link in its place but not where that leads."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _saved(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal())


def _number(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _load(path: Path, warn: Callable[[str], None], expected: Expected | None) -> Checkpoint | None:
    try:
        meta = json.loads(read_text(path / "checkpoint.json", MOST_META))
        headers = _whole(path, meta) if meta["format"] == FORMAT else None
    except (OSError, UserError, *UNFIT) as error:
        warn(f"checkpoint {path} is damaged ({error}); using an older one")
        return None
    if headers is None:
        raise UserError(f"{path} has format {meta['format']}, not {FORMAT}; use the seqtutor that wrote it")
    forms: Forms = {}
    if expected is not None:
        with must_fit(path.parent.parent):
            forms = wanted(headers, expected(meta, headers))
    names = list(headers if expected is None else forms)
    try:
        arrays = read_arrays(path / "arrays.npz", *names, packed=False) if names else {}
    except UserError as error:  # it is being replaced at this moment
        warn(f"checkpoint {path} is damaged ({error}); using an older one")
        return None
    with must_fit(path.parent.parent):
        check_values(arrays, forms)
    return Checkpoint(_number(path), meta, arrays)


def _whole(path: Path, meta: Mapping[str, Any]) -> dict[str, Header]:
    """The headers of a checkpoint's arrays, none of which is read. Raises ValueError, UserError if it is damaged."""
    if meta["step"] != _number(path):
        raise ValueError("its step is not that of its name")
    if "digest" in meta and meta["digest"] != _digest(meta):  # version 0.1.0 wrote none
        raise ValueError("checkpoint.json does not match its digest")
    headers = array_headers(path / "arrays.npz")
    if _sha256(path / "arrays.npz") != meta["sha256"]:
        raise ValueError("arrays.npz does not match its sha256")
    return headers


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
        return int(json.loads(read_text(folder / "best.json", MOST_META))["step"])
    except (OSError, UserError, *UNFIT):
        return None


def _sha256(path: Path) -> str:
    total = hashlib.sha256()
    with open_input(path) as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def _digest(meta: Mapping[str, Any]) -> str:
    """Of all that checkpoint.json says, that of the arrays included, but for the digest itself."""
    said = {name: value for name, value in meta.items() if name != "digest"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
