"""The summary of a sweep: its runs, their means across seeds, and the optimum pi*.

A row is a dictionary: the settings (variant, c and what else varies), seed, each figure with its low and high, status,
seconds and folder. The prior is a row as well: it is where every tuned run starts, at KL 0.

With particles a row also has each figure with `picked_` before its name: that of sequences picked from populations
(see `evaluation.evaluate`). The prior then has a row for each c besides, and the frontier one for the optimum at each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from seqtutor.stats.estimate import mean_of_few
from seqtutor.system.tables import aligned

Row = dict[str, Any]

DONE, DIVERGED, UNFINISHED = "done", "diverged", "unfinished"
PRIOR = "prior"  # in the place of the others' variant
OPTIMUM = "optimum"  # likewise
FIGURES = ("reward", "kl_sequence", "objective")  # whose means are taken
BOUND = "log_z_bound"
PICKED = "picked_"  # before the names of figures of what was picked from populations
GAPS = ("gap", f"{PICKED}gap")  # log Z - objective; only with particles


def interval(name: str, value: float | None, low: float | None, high: float | None) -> Row:
    """The three cells of a figure."""
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def across_seeds(rows: Iterable[Row], settings: Sequence[str]) -> list[Row]:
    """A row for each combination of the settings of which a run has ended, in the order of their first.

    The columns are the settings, seeds (the runs that count), diverged (those that do not, having no figures), and the
    mean of each figure with Student's 95 % interval, which takes two seeds or more. With particles the optimum follows.
    """
    rows = with_gaps(rows)
    figures = figures_of(rows)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["status"] != UNFINISHED:
            groups.setdefault(tuple(row[name] for name in settings), []).append(row)
    means = []
    for key, group in groups.items():
        done = [row for row in group if row["status"] == DONE]
        mean = {**dict(zip(settings, key, strict=True)), "seeds": len(done), "diverged": len(group) - len(done)}
        for name in figures:
            e = mean_of_few([row[name] for row in done if row.get(name) is not None])
            mean |= interval(name, e.value, e.low, e.high)
        means.append(mean)
    return means + _optima(rows, settings, figures)


def figures_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The figures whose means are taken: with particles also those of what was picked, and the gaps."""
    if not any(f"{PICKED}{BOUND}" in row for row in rows):
        return FIGURES
    return (*FIGURES, *(f"{PICKED}{name}" for name in FIGURES), *GAPS)


def with_gaps(rows: Iterable[Row]) -> list[Row]:
    """The rows; with particles each has its `gap` and `picked_gap`, to the largest lower bound of log Z at its c, nats.

    A gap is None where no bound at this c has an interval.
    """
    rows = list(rows)
    if figures_of(rows) == FIGURES:
        return rows
    bounds = _best_at_each_c(rows)
    completed = []
    for row in rows:
        best = bounds.get(_task(row))
        log_z = None if best is None else best[f"{PICKED}{BOUND}"]
        gaps = {
            gap: None if log_z is None or row.get(name) is None else log_z - row[name]
            for gap, name in zip(GAPS, (FIGURES[2], f"{PICKED}{FIGURES[2]}"), strict=True)
        }
        completed.append({**row, **gaps})
    return completed


def _task(row: Row) -> tuple[Any, ...]:
    """What log Z depends on, the prior and the reward being the same in a whole sweep."""
    return row["c"], row.get("tune.primer")


def _best_at_each_c(rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    """Of each task the row whose populations gave the largest lower bound of log Z, by its lower end."""
    best: dict[tuple[Any, ...], Row] = {}
    low = f"{PICKED}{BOUND}_low"
    for row in rows:
        if row.get(low) is not None and (_task(row) not in best or row[low] > best[_task(row)][low]):
            best[_task(row)] = row
    return best


def _optima(rows: Sequence[Row], settings: Sequence[str], figures: Sequence[str]) -> list[Row]:
    """A row for the optimum of each task: what was picked with the largest bound of log Z, which is its objective.

    Its intervals are those of that one evaluation. The KL is an upper bound of the picked sequences' own.
    """
    if figures == FIGURES:
        return []
    optima = []
    for row in sorted(_best_at_each_c(rows).values(), key=_task_order):
        optimum = {name: row[name] if name in ("c", "tune.primer") else None for name in settings}
        optimum |= {"variant": OPTIMUM, "seeds": 1, "diverged": 0}
        for name in figures:
            known = name in FIGURES
            optimum |= interval(
                name, *(row[f"{PICKED}{name}{end}"] if known else None for end in ("", "_low", "_high"))
            )
        optima.append(optimum)
    return optima


def _task_order(row: Row) -> tuple[float, str]:
    return row["c"], str(row.get("tune.primer"))


def as_text(means: Sequence[Row], settings: Sequence[str]) -> str:
    """The means for the terminal; see `as_rows`."""
    return aligned(as_rows(means, settings))


def as_rows(means: Sequence[Row], settings: Sequence[str]) -> list[list[str]]:
    """The cells of a table of means, each with half the width of its interval; names first."""
    shown = [name for name in (*FIGURES, *GAPS) if any(name in mean for mean in means)]
    cells = [[*settings, "seeds", *shown]]
    for mean in means:
        figures = []
        for name in shown:
            half = "" if mean[f"{name}_low"] is None else f" ± {mean[name] - mean[f'{name}_low']:.3g}"
            figures.append("-" if mean[name] is None or math.isnan(mean[name]) else f"{mean[name]:.4g}{half}")
        cells.append([text(mean[name]) for name in settings] + [str(mean["seeds"]), *figures])
    return cells


def text(value: Any) -> str:
    """A cell of a table on the terminal."""
    return "-" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
