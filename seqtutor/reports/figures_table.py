"""The table of a report: figures in groups, each with its unit and which way is better, a column a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from seqtutor.domains.statistics import MetricNote
from seqtutor.evaluation.metric_notes import grouped
from seqtutor.evaluation.results import SIGNIFICANT
from seqtutor.reports.charts import number
from seqtutor.reports.collect import Report
from seqtutor.stats.estimate import Estimate, p_value

Metrics = Mapping[str, Estimate]


class Figure(NamedTuple):
    """A figure of a run, its interval, empty where there is none, and whether it differs from the run before."""

    value: str
    interval: str
    differs: bool


class Row(NamedTuple):
    """A figure's name, its unit and which way is better, and what it is of each run; None where it is not known."""

    name: str
    note: str
    figures: list[Figure | None]


def figures_table(report: Report) -> dict[str, list[Row]]:
    """The rows by the titles of their groups."""
    columns = list(report.results.values())
    names = dict.fromkeys(name for metrics in columns for name in metrics)
    pairs = list(zip(columns, _compared(report), strict=True))

    def row(name: str, note: MetricNote) -> Row:
        words = "; ".join(filter(None, (note.unit, note.better and f"{note.better} is better")))
        return Row(name, words, [_figure(of.get(name), other.get(name) if other else None) for of, other in pairs])

    return {
        title: [row(name, note) for name, note in notes.items()]
        for title, notes in grouped(names, report.domain.capitalize(), report.notes).items()
    }


def _compared(report: Report) -> list[Metrics | None]:
    """What each column is compared with: the last prior before it, or the first column; nothing for a prior."""
    found: list[Metrics | None] = []
    prior: Metrics | None = None
    for story, metrics in zip(report.stories, report.results.values(), strict=True):
        found.append(prior if prior is None or story.tuned else next(iter(report.results.values())))
        if prior is None or not story.tuned:
            prior = metrics
    return found


def _figure(estimate: Estimate | None, other: Estimate | None) -> Figure | None:
    if estimate is None or math.isnan(estimate.value):
        return None
    p = None if other is None else p_value(other, estimate)
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else f"{number(low, 3)} to {number(high, 3)}"
    return Figure(number(estimate.value), interval, p is not None and p < SIGNIFICANT)
