"""A config of REINVENT 4 (TOML or JSON, run types `staged_learning` and `scoring`) as settings of ours.

What has no counterpart, or one that differs, becomes a line in `Converted.notes`: nothing is left out without a word.
The terms of the reward are those of the table in docs/rewards.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqtutor.errors import UserError, shown
from seqtutor.exchange.reinvent_scoring import Score, score_of
from seqtutor.system.input_files import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST = 1 << 20  # bytes of a config
Tree = dict[str, Any]
_OF_NO_MATTER = {  # how it runs and what it is called, not what it learns
    "": {"run_type", "device", "tb_logdir", "json_out_config"},
    "parameters": {"summary_csv_prefix", "use_checkpoint", "unique_sequences", "tb_isim", "output_csv", "smiles_column",
                   "standardize_smiles", "purge_memories"},
    "stage": {"chkpt_file", "termination"},
    "diversity_filter": {"type"},
}  # fmt: skip


@dataclass
class Converted:
    """Settings as nested dictionaries, and what is not in them, a line each."""

    settings: Tree
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Tree:
    """The tables of a TOML file, or of a JSON file by its name. Raises UserError if it cannot be read."""
    try:
        text = read_text(path, MOST)
        tree = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{path}' is not a config of REINVENT: {shown(str(error))}") from None
    if not isinstance(tree, dict):
        raise UserError(f"'{path}' is not a config of REINVENT: it has no sections")
    return tree


def convert(path: Path, stage: int = 1) -> Converted:
    """The settings that a config stands for. Raises UserError for other run types, and for a config that is damaged.

    Args: stage: which of its stages, from 1. A file that a stage names for its scoring is looked for beside the config.
    """
    tree = read(path)
    kind = tree.get("run_type")
    if kind not in ("staged_learning", "scoring"):
        raise UserError(f"'{path}' has the run type {shown(kind)}; staged_learning and scoring can be converted")
    try:
        found = Converted({"domain": {"name": "molecules"}, "tune": {}})
        if kind == "scoring":
            _reward(tree["scoring"], path, found)
            _rest(tree, "", {"scoring", "parameters"}, found)
            return found
        _learning(tree, found)
        stages = tree["stage"]
        if not 1 <= stage <= len(stages):
            raise UserError(f"'{path}' has {len(stages)} stages; give --stage a number from 1 to {len(stages)}")
        _stage(stages, stage, path, found)
        _diversity(tree.get("diversity_filter") or stages[stage - 1].get("diversity_filter"), found)
        known = {"parameters", "learning_strategy", "diversity_filter", "inception", "stage"}
        _rest(tree, "", known, found)
        return found
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError) as error:
        what = f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"'{path}' is not a config of REINVENT as it is known here: {shown(what)}") from None


def _learning(tree: Tree, found: Converted) -> None:
    """The sections parameters, learning_strategy and inception."""
    parameters, strategy = tree["parameters"], tree.get("learning_strategy") or {}
    memory = tree.get("inception")
    if (name := strategy.get("type", "dap")) != "dap":
        found.notes.append(f"learning_strategy.type {name}: no counterpart; dap is taken")
    tune = found.settings["tune"]
    tune |= {"variant": "dap", "reward": "", "c": 1 / float(strategy.get("sigma", 128))}
    tune |= {"rounds": 0, "batch": int(parameters.get("batch_size", 100))}
    tune |= {"learning_rate": float(strategy.get("rate", 1e-4)), "warmup": 0, "final_rate": 1.0}
    if memory is not None:
        tune |= {"best": int(memory.get("memory_size", 50)), "best_batch": int(memory.get("sample_size", 10))}
        _rest(memory, "inception", {"memory_size", "sample_size", "deduplicate"}, found)
    prior = parameters["prior_file"]
    found.notes.append(f"parameters.prior_file {prior}: import-reinvent makes a run of it; give that as --prior")
    if parameters.get("agent_file", prior) != prior:
        found.notes.append("parameters.agent_file: no counterpart; tuning begins at the prior")
    defaults = {"randomize_smiles": False, "isomeric_smiles": False, "temperature": 1.0}
    same = {name for name, value in defaults.items() if parameters.get(name, value) == value}
    _rest(parameters, "parameters", {"prior_file", "agent_file", "batch_size", *same}, found)
    _rest(strategy, "learning_strategy", {"type", "sigma", "rate"}, found)


def _stage(stages: list[Tree], number: int, path: Path, found: Converted) -> None:
    """A stage's length and reward."""
    stage = stages[number - 1]
    if len(stages) > 1:
        begin = f": begin with the run of number {number - 1}, by --initial" if number > 1 else ""
        found.notes.append(f"stage: there are {len(stages)}, one after the other; this is number {number}{begin}")
    found.settings["tune"]["rounds"] = int(stage["max_steps"])
    if (most := float(stage.get("max_score", 1.0))) < 1:
        found.settings["tune"]["until"] = most
        least = f"min_steps {stage['min_steps']}: no counterpart, and " if stage.get("min_steps", 0) else ""
        found.notes.append(f"stage.{least}max_score {most:g}: here what invalid molecules lose counts in the mean")
    _reward(stage["scoring"], path, found)
    known = {"max_steps", "max_score", "min_steps", "scoring", "diversity_filter"}
    _rest(stage, "stage", known, found)


def _reward(scoring: Mapping[str, Any], path: Path, found: Converted) -> None:
    if name := scoring.get("filename"):
        scoring = {**scoring, **read(path.parent / name)}
    score: Score = score_of(scoring)
    found.settings["tune"]["reward"] = score.reward
    found.notes += score.notes
    _rest(scoring, "scoring", {"type", "component", "filename", "filetype", "parallel"}, found)


def _diversity(section: Mapping[str, Any] | None, found: Converted) -> None:
    """A diversity filter: there a full bucket makes the score 0, here it takes off the most a score can be."""
    if section is None:
        return
    if (name := section["type"]) != "IdenticalMurckoScaffold":
        found.notes.append(f"diversity_filter {name}: no counterpart; scaffold_seen counts scaffolds")
        return
    size = int(section.get("bucket_size", 25))
    found.settings["tune"]["reward"] += f",scaffold_seen@step/{size}:-1"
    found.notes.append(
        f"diversity_filter {name}: there a full bucket makes the score 0, here it takes 1 off; all molecules count, "
        f"not only those above minscore {section.get('minscore', 0.4)}"
    )


def _rest(section: Mapping[str, Any], name: str, known: set[str], found: Converted) -> None:
    """Notes what a section has beside what was converted."""
    for key in section:
        if key not in known and key not in _OF_NO_MATTER.get(name, ()):
            value = "" if isinstance(section[key], Mapping | list) else f" {section[key]}"
            found.notes.append(f"{name + '.' if name else ''}{key}{value}: no counterpart")
