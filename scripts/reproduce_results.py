"""What the files of runs say, for scripts/reproduce: figures by policy, across seeds, and the test between two."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtutor.stats.estimate import Z95, Estimate, mean_of_few, student95
from seqtutor.sweeps.frontier import DIVERGED, DONE, PRIOR

MINUTES = "minutes"  # of training, beside the metrics of evaluation.json


@dataclass(frozen=True)
class Run:
    """A row of summary.csv and the figures of the run's evaluation by name, none where it diverged."""

    row: Mapping[str, str]
    figures: dict[str, Estimate]


class Policies:
    """The runs of sweeps, by variant or by another column of summary.csv; the prior is one of one run."""

    def __init__(self, *folders: Path, by: str = "variant"):
        self.runs: dict[str, list[Run]] = {}
        for folder in folders:
            with open(folder / "summary.csv", encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    name = PRIOR if row["variant"] == PRIOR else row[by]
                    if name != PRIOR or PRIOR not in self.runs:  # one prior for all folders
                        self.runs.setdefault(name, []).append(_run(folder, row))

    def add(self, evaluation: Path, *names: str) -> None:
        """Takes the metrics named from an evaluation of the same runs all together."""
        found = json.loads(evaluation.read_text(encoding="utf-8"))
        for run in (run for runs in self.runs.values() for run in runs if run.figures):
            figures = next(found[label] for label in found if label.endswith(f"/{Path(run.row['folder']).name}"))
            run.figures.update({name: estimate(figures[name]) for name in names if name in figures})

    def across(self, policy: str, metric: str) -> Estimate | None:
        """The mean across a policy's seeds with Student's interval; of the prior, the one run's value with its own.

        None where there is no run, or one that has not diverged lacks it.
        """
        found = [run.figures.get(metric) for run in self.runs.get(policy, ()) if run.figures]
        if not found or any(e is None or math.isnan(e.value) for e in found):
            return None
        return found[0] if policy == PRIOR else mean_of_few([e.value for e in found])

    def counts(self, policy: str) -> tuple[str, str]:
        """How many runs a policy has that count, and how many that diverged."""
        statuses = [run.row["status"] for run in self.runs[policy]]
        return str(statuses.count(DONE)), str(statuses.count(DIVERGED))

    def diverged(self) -> list[str]:
        """The names of the runs that diverged."""
        return [run.row["folder"] for runs in self.runs.values() for run in runs if run.row["status"] == DIVERGED]


def _run(folder: Path, row: dict[str, str]) -> Run:
    if row["status"] != DONE:
        return Run(row, {})
    prior = row["variant"] == PRIOR
    tree = json.loads((folder / ("" if prior else row["folder"]) / "evaluation.json").read_text(encoding="utf-8"))
    figures = {name: estimate(found) for name, found in next(iter(tree.values())).items()}
    seconds = _seconds(Path(row["folder"]) / "history.csv") if prior else float(row["seconds"])
    return Run(row, {**figures, MINUTES: Estimate(seconds / 60, None, None, 1)})


def _seconds(history: Path) -> float:
    with open(history, encoding="utf-8", newline="") as file:
        return float(list(csv.DictReader(file))[-1]["seconds"])


def estimate(found: Mapping[str, Any]) -> Estimate:
    """Of {value, low, high, n} in evaluation.json; the standard error is that of the interval's width."""
    low, high = found["low"], found["high"]
    error = None if low is None else (high - low) / 2 / Z95
    return Estimate(math.nan if found["value"] is None else found["value"], low, high, found["n"], error)


def differs(one: Estimate, other: Estimate) -> bool | None:
    """Whether p < 0.05 in Welch's t test of two means; None where one has no standard error.

    The degrees of freedom are Welch and Satterthwaite's, rounded down, which errs on the side of no difference.
    """
    if one.error is None or other.error is None:
        return None
    parts = [(e.error**2, e.n - 1) for e in (one, other)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return one.value != other.value
    freedom = variance**2 / sum(part**2 / n for part, n in parts)
    return abs(one.value - other.value) > student95(min(int(freedom), 1000)) * math.sqrt(variance)
