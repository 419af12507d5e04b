"""The run folder: config.yaml, checkpoints/, history.csv, tensorboard/, and what other commands add."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from seqtutor.config import Config, from_tree, strict_yaml, to_tree
from seqtutor.errors import UserError
from seqtutor.runs.writer import only_writer
from seqtutor.system.files import write_text, writing
from seqtutor.system.input_files import read_text
from seqtutor.system.versions import versions

# What a run and the commands that read it write into its folder: all that --force may remove.
CONTENTS = (
    "checkpoints", "tensorboard", "samples", "history.csv", "best.csv", "summary.json", "rejected.csv",
    "evaluation.json", "evaluation.csv", "report.html", "config.yaml",
)  # fmt: skip


MOST_SUMMARY = 1 << 20  # bytes of summary.json, which has about a thousand

CHANGED = {
    "data": "the data have changed since the training began",
    "reward": "the reward file has changed since the training began",
    "weights": "the prior has been trained anew since the training began",
    "initial": "the run of tune.initial has been tuned anew since the training began",
}  # fmt: skip


class RunFolder:
    """One run's folder. Making the object touches nothing on the disk."""

    def __init__(self, path: Path):
        self.path = Path(path)

    @property
    def config_file(self) -> Path:
        """Every setting, and how the run came about."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def history_file(self) -> Path:
        """One row per logging step."""
        return self.path / "history.csv"

    @property
    def summary_file(self) -> Path:
        """The figures of a run that has ended."""
        return self.path / "summary.json"

    def check(
        self, config: Config, about: dict[str, Any], resume: bool, force: bool, longer: Sequence[str] = ()
    ) -> bool:
        """Whether a run is there already, with which `create` may do what it is told. Changes nothing.

        Args: longer: settings that may be greater than the run's when it is resumed, such as `tune.rounds`.

        Raises UserError if a run is there and neither resume nor force is given, if resume is asked for with another
        config or kind than the run's or without its config.yaml, or if the config.yaml that is there is not a run's.
        """
        self._refuse_file()
        named = self.config_file.exists()
        there = named or any(self.checkpoints.glob("step-*"))
        if named and "run" not in self._tree():
            raise UserError(f"{self.config_file} is not a run's; choose another --out")
        if there and not named and not force:
            raise UserError(
                f"{self.path} has checkpoints, but no config.yaml: which run is that? use --force or another --out"
            )
        if named and resume:
            other = [
                f"{key} was {old}, not {new}"
                for key, (old, new) in _changes(self.config(), config).items()
                if key not in longer or new < old
            ] + [CHANGED.get(name, f"another {name}") for name, new in about.items() if not self._has(name, new)]
            if other:
                raise UserError(
                    f"{self.path} was started with other settings ({other[0]}); resume with the same, or use --force"
                )
        elif named and not force:
            raise UserError(f"{self.path} holds a run already; use --resume, --force or another --out")
        return there

    def _has(self, name: str, new: Any) -> bool:
        """Whether the run has this in its section `run`; of a file what it holds counts, not where it is.

        Version 0.1.0 did not note the files of rewards, nor of a tuned run the data and the weights of its prior.
        """
        old = self.about().get(name)
        if name in CHANGED and old is None:
            return True
        if isinstance(old, dict) and isinstance(new, dict) and "sha256" in old:
            return old["sha256"] == new["sha256"]
        return old == new

    def create(
        self, config: Config, about: dict[str, Any], resume: bool, force: bool, longer: Sequence[str] = ()
    ) -> dict[str, tuple[Any, Any]]:
        """Makes the folder and writes config.yaml; force starts afresh, but files that are not a run's stay.

        Returns what of `longer` has grown in a resumed run: its old and its new value. config.yaml then has the new
        one, and in its section `run`, as `grown`, the old ones.
        Raises UserError as `check` does, or if the folder cannot be written to.
        """
        there = self.check(config, about, resume, force, longer)
        goes_on = resume and self.config_file.exists()
        grown, about = {}, {**about, "versions": versions()}
        if goes_on:
            grown, about = _changes(self.config(), config), self.about()
            if not grown:
                return grown
            about["grown"] = [*about.get("grown", []), {key: old for key, (old, _) in grown.items()}]
        with writing(self.path):
            if there and not goes_on:
                self.clear()
            self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.config_file, yaml.safe_dump({**to_tree(config), "run": about}, sort_keys=False))
        return grown

    @contextlib.contextmanager
    def only_writer(self) -> Iterator[None]:
        """As `writer.only_writer`: what writes this run does so within it."""
        self._refuse_file()
        with only_writer(self.path):
            yield

    def _refuse_file(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file; choose another --out")

    def clear(self) -> None:
        """Removes what a run, and the commands that read it, have written; other files stay."""
        for path in (self.path / name for name in CONTENTS):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def config(self) -> Config:
        """The resolved config. Raises UserError if this is not a run folder."""
        tree = self._tree()
        tree.pop("run", None)
        return from_tree(tree, str(self.config_file))

    def about(self) -> dict[str, Any]:
        """The `run` section: kind ("prior" or "tuned"), the command, versions."""
        about = self._tree().get("run") or {}
        grown = about.get("grown", []) if isinstance(about, dict) else None
        if not isinstance(grown, list):
            raise UserError(f"{self.config_file}: `run` is not as seqtutor writes it; train it again")
        return about

    def summary(self) -> dict[str, Any]:
        """What summary.json says, which is written last; nothing where there is none, or none that can be read."""
        try:
            tree = json.loads(read_text(self.summary_file, MOST_SUMMARY))
        except (OSError, UserError, ValueError, RecursionError):
            return {}
        return tree if isinstance(tree, dict) else {}

    def _tree(self) -> dict[str, Any]:
        try:
            tree = strict_yaml.read(self.config_file)
        except (OSError, UserError, ValueError, RecursionError, yaml.YAMLError):
            raise UserError(f"{self.path} is not a run folder: no readable config.yaml in it") from None
        if not isinstance(tree, dict):
            raise UserError(f"{self.config_file} is not a mapping")
        return tree


def _changes(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Every `section.key` whose values differ, with both."""
    before, after = _flat(old), _flat(new)
    both = {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    return {key: (was, now) for key, (was, now) in both.items() if was != now}


def _flat(config: Config) -> dict[str, Any]:
    tree = to_tree(config)
    seed = tree.pop("seed")
    return {"seed": seed, **{f"{name}.{key}": value for name, part in tree.items() for key, value in part.items()}}
