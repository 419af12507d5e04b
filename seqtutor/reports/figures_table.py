"""The table of a report: figures in groups, each with its unit and which way is better, a column a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from markupsafe import Markup

from seqtutor.domains.base import MetricNote
from seqtutor.evaluation.metric_notes import grouped
from seqtutor.evaluation.results import SIGNIFICANT
from seqtutor.reports.charts import number
from seqtutor.reports.collect import Report
from seqtutor.reports.style import swatch
from seqtutor.stats.estimate import Estimate, p_value
from seqtutor.system.web_page import joined

Metrics = Mapping[str, Estimate]

_TABLE = Markup(
    '<p class="soft">Objective with c = {c:g}. <span class="mark">*</span> differs from the prior before it, or '
    "else from the first, at p &lt; {level}, Welch’s z test, each row by itself.</p>"
    '<div class="table" role="region" aria-label="figures" tabindex="0">'
    '<table><thead><tr><th scope="col"></th>{head}</tr></thead>{groups}</table></div>'
)
_HEAD = Markup('<th scope="col">{}{}</th>')
_GROUP = Markup('<tbody><tr class="group"><th scope="rowgroup" colspan="{}">{}</th></tr>{}</tbody>')
_ROW = Markup('<tr><th scope="row">{}<small>{}</small></th>{}</tr>')
_CELL, _UNKNOWN = Markup("<td>{}{}{}</td>"), Markup("<td>–</td>")
_MARK, _INTERVAL = Markup(' <span class="mark">*</span>'), Markup("<small>{} to {}</small>")


def figures_table(report: Report) -> Markup:
    """The whole table, and what its marks mean."""
    columns = list(report.results.values())
    names = dict.fromkeys(name for metrics in columns for name in metrics)
    against = _compared(report)

    def row(name: str, note: MetricNote) -> Markup:
        cells = joined(
            _cell(of.get(name), other.get(name) if other else None) for of, other in zip(columns, against, strict=True)
        )
        better = note.better and f"{note.better} is better"
        words = "; ".join(filter(None, (note.unit, better)))
        return _ROW.format(Markup("_<wbr>").join(name.split("_")), words, cells)

    groups = joined(
        _GROUP.format(len(columns) + 1, title, joined(row(name, note) for name, note in notes.items()))
        for title, notes in grouped(names, report.domain.capitalize(), report.notes).items()
    )
    head = joined(_HEAD.format(swatch(i), label) for i, label in enumerate(report.results))
    return _TABLE.format(c=report.c, level=SIGNIFICANT, head=head, groups=groups)


def _compared(report: Report) -> list[Metrics | None]:
    """What each column is compared with: the last prior before it, or the first column; nothing for a prior."""
    found: list[Metrics | None] = []
    prior: Metrics | None = None
    for story, metrics in zip(report.stories, report.results.values(), strict=True):
        found.append(prior if prior is None or story.tuned else next(iter(report.results.values())))
        if prior is None or not story.tuned:
            prior = metrics
    return found


def _cell(estimate: Estimate | None, other: Estimate | None) -> Markup:
    if estimate is None or math.isnan(estimate.value):
        return _UNKNOWN
    p = None if other is None else p_value(other, estimate)
    mark = _MARK if p is not None and p < SIGNIFICANT else ""
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else _INTERVAL.format(number(low, 3), number(high, 3))
    return _CELL.format(number(estimate.value), mark, interval)
