"""The run folder: config.yaml, checkpoints/, history.csv, tensorboard/, and what other commands add."""

from __future__ import annotations

import csv
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

import seqtutor
from seqtutor.config import Config, from_tree, to_tree
from seqtutor.errors import UserError

PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "rdkit", "pretty_midi", "click")


class RunDir:
    """One run's folder. Making the object touches nothing on the disk."""

    def __init__(self, path: Path):
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def history_file(self) -> Path:
        """One row per logging step."""
        return self.path / "history.csv"

    def create(self, config: Config, about: dict[str, Any], resume: bool, force: bool) -> None:
        """Makes the folder and writes config.yaml.

        Raises UserError if a run is there already and neither resume nor force is given (force starts afresh),
        or if resume is asked for with another config than the run's.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file; choose another --out")
        there = (self.path / "config.yaml").exists()
        if there and resume:
            if to_tree(self.config()) != to_tree(config):
                raise UserError(f"{self.path} was started with other settings; resume with the same, or use --force")
            return
        if there and not force:
            raise UserError(f"{self.path} holds a run already; use --resume, --force or another --out")
        if there:
            shutil.rmtree(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            tree = {**to_tree(config), "run": {**about, "versions": versions()}}
            write_text(self.path / "config.yaml", yaml.safe_dump(tree, sort_keys=False))
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from None

    def config(self) -> Config:
        """The resolved config. Raises UserError if this is no run folder."""
        tree = self._tree()
        tree.pop("run", None)
        return from_tree(tree, str(self.path / "config.yaml"))

    def about(self) -> dict[str, Any]:
        """The `run` section: kind ("prior" or "tuned"), the command, versions."""
        return self._tree().get("run") or {}

    def _tree(self) -> dict[str, Any]:
        try:
            tree = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            raise UserError(f"{self.path} is not a run folder: no readable config.yaml in it") from None
        if not isinstance(tree, dict):
            raise UserError(f"{self.path / 'config.yaml'} is not a mapping")
        return tree


class History:
    """Appends rows to history.csv; the columns are those of the first row. Each row reaches the disk at once."""

    def __init__(self, path: Path, keep_until: int = -1):
        """Rows with a step beyond keep_until (written after the checkpoint a run resumes from) are dropped."""
        self._path, self._columns = path, None
        rows = _read_rows(path)
        if rows:
            self._columns = list(rows[0])
            text = [",".join(self._columns)] + [
                ",".join(row.values()) for row in rows if len(row) == len(self._columns) and int(row["step"]) <= keep_until
            ]
            write_text(path, "\n".join(text) + "\n")

    def add(self, row: dict[str, Any]) -> None:
        """Adds one row; `step` must be among its columns."""
        values = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in row.values()]
        with open(self._path, "a", encoding="utf-8") as file:
            if self._columns is None:
                self._columns = list(row)
                file.write(",".join(self._columns) + "\n")
            file.write(",".join(values) + "\n")


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and None not in row]


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or leaves the old one: a temporary file, then a rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def versions() -> dict[str, str]:
    """Versions of seqtutor, Python and the packages that decide the numbers."""
    found = {"seqtutor": seqtutor.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # e.g. tensorflow installed under another distribution name
            continue
    return found
