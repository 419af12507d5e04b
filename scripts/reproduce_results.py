"""What the files of runs say, for scripts/reproduce: figures by policy, across seeds, and the test between two."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqtutor.stats.estimate import Z95, Estimate, mean_of_few, student95
from seqtutor.sweeps.frontier import DIVERGED, DONE, GAPS, PICKED, PRIOR, Row, text, with_gaps

MINUTES = "minutes"  # of training, beside the metrics of evaluation.json


@dataclass(frozen=True)
class Run:
    """A row of summary.csv and the figures of the run's evaluation by name, none where it diverged."""

    row: Row
    figures: dict[str, Estimate]


class Policies:
    """The runs of sweeps from one prior, by variant or by another column of summary.csv; the prior is one of one run.

    With particles `picked_NAME` is the figure NAME of what was picked from populations; `gap` and `picked_gap` are to
    the largest lower bound of log Z that any of the runs gave. `prior_at` has the prior's by c.
    """

    def __init__(self, *folders: Path, by: str = "variant"):
        self.runs: dict[str, list[Run]] = {}
        self.prior_at: dict[float, dict[str, Estimate]] = {}
        found = [(folder, row) for folder in folders for row in numbers(folder / "summary.csv")]
        self.rows = with_gaps(row for _, row in found)
        for (home, _), row in zip(found, self.rows, strict=True):
            if row["variant"] != PRIOR:
                self.runs.setdefault(text(row[by]), []).append(_run(home, row))
            elif row["c"] is not None:
                self.prior_at.setdefault(row["c"], _picked(home.glob(f"{PRIOR}-c{row['c']:g}-*"), row))
            elif PRIOR not in self.runs:  # one prior for all folders
                self.runs[PRIOR] = [_run(home, row)]

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
        runs = self.runs.get(policy, ())
        if policy == PRIOR and len(self.prior_at) == 1:  # of populations, which depend on c
            runs = [replace(run, figures={**run.figures, **next(iter(self.prior_at.values()))}) for run in runs]
        found = [run.figures.get(metric) for run in runs if run.figures]
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


def numbers(path: Path) -> list[Row]:
    """The rows of a sweep's summary.csv as `seqtutor.sweeps.frontier` has them."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = ("variant", "status", "folder")
    return [
        {name: cell if name in words else float(cell) if cell else None for name, cell in row.items()} for row in rows
    ]


def _run(folder: Path, row: Row) -> Run:
    if row["status"] != DONE:
        return Run(row, {})
    prior = row["variant"] == PRIOR
    home = folder if prior else folder / row["folder"]
    seconds = _seconds(Path(row["folder"]) / "history.csv") if prior else row["seconds"]
    figures = {MINUTES: Estimate(seconds / 60, None, None, 1), **_figures(home / "evaluation.json")}
    return Run(row, figures if prior else {**figures, **_picked([home], row)})


def _picked(homes: Iterable[Path], row: Row) -> dict[str, Estimate]:
    """The gaps, and the figures of what was picked; nothing without particles."""
    paths = [path for home in homes for path in home.glob("particles-*/evaluation.json")]
    figures = {f"{PICKED}{name}": e for path in paths for name, e in _figures(path).items()}
    gaps = {name: Estimate(row[name], None, None, 1) for name in GAPS if row.get(name) is not None}
    return {**figures, **gaps}


def _figures(path: Path) -> dict[str, Estimate]:
    """Of the one run in an evaluation.json."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {name: estimate(found) for name, found in next(iter(tree.values())).items()}


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
