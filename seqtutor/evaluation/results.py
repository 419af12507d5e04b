"""Figures of several subjects: as JSON, CSV, and a table for the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtutor.stats.estimate import Estimate, p_value
from seqtutor.system.files import write_text
from seqtutor.system.tables import aligned, csv_file

Results = Mapping[str, Mapping[str, Estimate]]  # of each subject by its label, in order


SIGNIFICANT = 0.05


def write_results(results: Results, folder: Path) -> None:
    """Writes evaluation.json {label: {metric: {value, low, high, n}}}, NaN as null, and evaluation.csv.

    evaluation.csv has a row a subject and metric; p is that of Welch's z test against the first subject.
    """
    tree = {label: as_tree(metrics) for label, metrics in results.items()}
    write_text(folder / "evaluation.json", json.dumps(tree, indent=1, allow_nan=False) + "\n")
    first = next(iter(results.values()))
    with csv_file(folder / "evaluation.csv", ("run", "metric", "value", "low", "high", "n", "p")) as table:
        for label, metrics in results.items():
            for name, e in metrics.items():
                p = None if metrics is first or name not in first else p_value(first[name], e)
                row = {"run": label, "metric": name, "value": e.value, "low": e.low, "high": e.high, "n": e.n, "p": p}
                table.add(row)


def as_tree(metrics: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    """{metric: {value, low, high, n}} as it is in JSON, NaN as null."""
    return {
        name: {"value": _json(e.value), "low": _json(e.low), "high": _json(e.high), "n": e.n}
        for name, e in metrics.items()
    }


def as_text(results: Results, c: float | None) -> str:
    """The table for the terminal, and what its marks mean."""
    return "\n".join([aligned(as_rows(results)), *notes(results, c)])


def as_rows(results: Results) -> list[list[str]]:
    """The cells of a table: a metric a row, a subject a column, what differs from the first marked; names first."""
    first = next(iter(results.values()))
    names = list(dict.fromkeys(name for metrics in results.values() for name in metrics))
    rows = [["", *results]]
    for name in names:
        cells = [
            _cell(metrics.get(name), None if metrics is first else first.get(name)) for metrics in results.values()
        ]
        rows.append([name, *cells])
    return rows


def notes(results: Results, c: float | None) -> list[str]:
    """What the cells and marks of the table mean, in lines."""
    lines = ["value [95 % interval]" + ("" if c is None else f"; objective with c = {c:g}")]
    if len(results) > 1:
        lines.append(f"* differs from the first at p < {SIGNIFICANT}, Welch's z test")
    return lines


def _cell(estimate: Estimate | None, first: Estimate | None) -> str:
    if estimate is None or math.isnan(estimate.value):
        return "-  "
    interval = "" if estimate.low is None else f" [{estimate.low:.4g}, {estimate.high:.4g}]"
    p = None if first is None else p_value(first, estimate)
    return f"{estimate.value:.4g}{interval}{' *' if p is not None and p < SIGNIFICANT else '  '}"


def _json(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
