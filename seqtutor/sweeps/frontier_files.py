"""The files of a sweep: its tables, and the plot of reward against KL with the line of the optimum pi*."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor.sweeps.frontier import (
    BOUND,
    DONE,
    FIGURES,
    GAPS,
    OPTIMUM,
    PICKED,
    PRIOR,
    Row,
    across_seeds,
    figures_of,
    interval,
    with_gaps,
)  # fmt: skip
from seqtutor.system.files import whole_file
from seqtutor.system.plotting import COLOURS, INK, LINE, own_settings
from seqtutor.system.tables import csv_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"
_HOLLOW: dict[str, Any] = {"ms": 9, "mfc": "#ffffffcc", "mew": 1.5}
_X, _Y = ((name, f"{PICKED}{name}") for name in (FIGURES[1], FIGURES[0]))  # of the policies, of what was picked


def write_summary(rows: Sequence[Row], settings: Sequence[str], folder: Path) -> None:
    """Writes summary.csv (a row a run), frontier.csv (see `across_seeds`) and frontier.png."""
    rows = with_gaps(rows)
    figures = [name for name in figures_of(rows) if name not in GAPS]
    bounds = [f"{PICKED}{BOUND}"] if figures_of(rows) != FIGURES else []
    cells = [cell for name in (*figures, BOUND, *bounds) for cell in interval(name, None, None, None)]
    gaps = GAPS if bounds else ()
    with csv_file(folder / "summary.csv", (*settings, "seed", *cells, *gaps, "status", "seconds", "folder")) as table:
        for row in rows:
            table.add(row)
    means = across_seeds(rows, settings)
    with csv_file(folder / "frontier.csv", list(means[0])) as table:
        for mean in means:
            table.add(mean)
    draw(rows, means, settings, folder / "frontier.png")


@own_settings()
def draw(rows: Sequence[Row], means: Sequence[Row], settings: Sequence[str], path: Path) -> None:
    """Draws mean reward against mean KL: a small point a run, a large one a mean, with intervals across seeds.

    A colour is a variant (with its values of other settings), a shape a c; a line joins the means of one colour, a
    dashed one those of what was picked from populations, and a black one the optima. Means are hollow, and runs lie
    above them, so that neither hides the other.
    """
    from matplotlib.figure import Figure

    tuned = [mean for mean in means if mean["seeds"] and mean["variant"] not in (PRIOR, OPTIMUM)]
    picked = [mean for mean in means if mean["variant"] != OPTIMUM and not math.isnan(mean.get(_X[1], math.nan))]
    series = list(dict.fromkeys(_series(mean, settings) for mean in tuned))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(series)}
    markers = {c: _MARKERS[i % len(_MARKERS)] for i, c in enumerate(sorted({mean["c"] for mean in tuned}))}
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    axes = figure.add_subplot()
    _draw_runs(axes, rows, {**colours, PRIOR: INK}, markers, settings)
    for name, colour in {**colours, _series({**dict.fromkeys(settings), "variant": PRIOR}, settings): INK}.items():
        _draw_picked(axes, [mean for mean in picked if _series(mean, settings) == name], colour, markers)
    optima = [mean for mean in means if mean["variant"] == OPTIMUM]
    _draw_optima(axes, optima)
    axes.margins(0.08)
    view = axes.get_xlim(), axes.get_ylim()
    for name, colour in colours.items():
        _draw_means(axes, [mean for mean in tuned if _series(mean, settings) == name], colour, markers)
    _frame(axes, view, tuned)
    _legend(figure, colours, markers, bool(optima))
    with whole_file(path, "wb") as file:
        figure.savefig(file, format="png", dpi=150)


def _series(row: Mapping[str, Any], settings: Sequence[str]) -> str:
    """What has a colour of its own: the settings without c."""
    if row["variant"] == PRIOR:
        return PRIOR
    others = [f"{name.rpartition('.')[2]} {row[name]}" for name in settings if name not in ("variant", "c")]
    return ", ".join([row["variant"], *others])


def _draw_runs(
    axes: Axes, rows: Sequence[Row], colours: Mapping[str, str], markers: Mapping[float, str], settings: Sequence[str]
) -> None:
    for row in rows:
        if row["status"] != DONE:
            continue
        if row["variant"] == PRIOR:
            axes.plot(0.0, row["reward"], "*", color=INK, ms=14, mec="white", zorder=5)
        else:
            colour = colours[_series(row, settings)]
            axes.plot(row["kl_sequence"], row["reward"], markers[row["c"]], color=colour, ms=3.5, mew=0, zorder=5)


def _draw_picked(axes: Axes, means: Sequence[Row], colour: str, markers: Mapping[float, str]) -> None:
    """The dashed line of one colour, and a small filled mark for each c."""
    means = sorted(means, key=lambda mean: mean["c"])
    x, y = ([mean[name] for mean in means] for name in (_X[1], _Y[1]))
    axes.plot(x, y, color=colour, lw=1.1, ls="--", alpha=0.8, zorder=2)
    for mean in means:
        axes.plot(mean[_X[1]], mean[_Y[1]], markers.get(mean["c"], "o"), color=colour, ms=5, mec="white", zorder=4)


def _draw_optima(axes: Axes, optima: Sequence[Row]) -> None:
    """The line of the optimum, with the 95 % intervals of what it was estimated from."""
    for primer in dict.fromkeys(mean.get("tune.primer") for mean in optima):
        line = sorted(
            (mean for mean in optima if mean.get("tune.primer") == primer), key=lambda mean: mean["kl_sequence"]
        )
        x, y = ([mean[name] for mean in line] for name in (_X[0], _Y[0]))
        errors = [[[mean[n] - mean[f"{n}_low"] for mean in line], [mean[f"{n}_high"] - mean[n] for mean in line]]
                  for n in (_X[0], _Y[0])]  # fmt: skip
        axes.errorbar(x, y, xerr=errors[0], yerr=errors[1], color=INK, lw=2.2, elinewidth=0.9, capsize=2, zorder=1)


def _draw_means(axes: Axes, means: Sequence[Row], colour: str, markers: Mapping[float, str]) -> None:
    means = sorted(means, key=lambda mean: mean["c"])
    x, y = ([mean[name] for mean in means] for name in (_X[0], _Y[0]))
    axes.plot(x, y, color=colour, lw=1.3, alpha=0.6, zorder=2)
    for mean in means:
        axes.plot(mean[_X[0]], mean[_Y[0]], markers[mean["c"]], color=colour, **_HOLLOW, zorder=4)
        if mean["seeds"] > 1:
            bars = {f"{axis}err": mean[name] - mean[f"{name}_low"] for axis, name in (("x", _X[0]), ("y", _Y[0]))}
            axes.errorbar(mean[_X[0]], mean[_Y[0]], **bars, color=colour, lw=1.1, capsize=3, zorder=3)


def _frame(axes: Axes, view: tuple[tuple[float, float], tuple[float, float]], means: Sequence[Row]) -> None:
    """Limits that show every run, and intervals up to half as far again: those of two seeds can be very long."""
    (left, right), (bottom, top) = view
    lows, highs = ([mean[f"reward_{end}"] for mean in means if mean["seeds"] > 1] for end in ("low", "high"))
    widest = [mean["kl_sequence_high"] for mean in means if mean["seeds"] > 1]
    wide, tall = (right - left) / 2, (top - bottom) / 2
    air = 0.05  # beyond the end of an interval, as a share of these
    axes.set_xlim(left, min(max([right, *(end + air * wide for end in widest)]), right + wide))
    axes.set_ylim(
        max(min([bottom, *(end - air * tall for end in lows)]), bottom - tall),
        min(max([top, *(end + air * tall for end in highs)]), top + tall),
    )
    axes.set_xlabel("KL(policy ‖ prior) a sequence (nats)", color=INK)
    axes.set_ylabel("mean reward a sequence", color=INK)
    axes.grid(color=LINE, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[:].set_color(LINE)


def _legend(figure: Any, colours: Mapping[str, str], markers: Mapping[float, str], optima: bool) -> None:
    """What colours and shapes mean, to the right of the plot."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", marker="*", color=INK, mec="white", ms=14, label="prior")]
    if optima:
        handles += [Line2D([], [], color=INK, lw=2.2, label="optimum pi*")]
        handles += [Line2D([], [], color=INK, lw=1.1, ls="--", label="with particles")]
    handles += [Line2D([], [], color=colour, lw=3, label=name) for name, colour in colours.items()]
    handles += [
        Line2D([], [], ls="", marker=marker, color=INK, **_HOLLOW, label=f"c = {c:g}") for c, marker in markers.items()
    ]
    note = "small: a run\nlarge: mean of the seeds\nbars: its 95 % interval"
    legend = figure.legend(handles=handles, loc="outside right upper", frameon=False, labelcolor=INK, title=note)
    legend.set_alignment("left")
    legend.get_title().set(fontsize=8, color=INK)
