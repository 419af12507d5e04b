"""The summary of a sweep: its runs, their means across seeds, and the plot of reward against KL.

A row is a dictionary: the settings (variant, c and what else varies), seed, each figure with its low and high, status,
seconds and folder. The prior is a row as well: it is where every tuned run starts, at KL 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor.stats.estimate import mean_of_few
from seqtutor.system.files import whole_file
from seqtutor.system.plotting import COLOURS, INK, LINE
from seqtutor.system.tables import aligned, csv_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]

DONE, DIVERGED, UNFINISHED = "done", "diverged", "unfinished"
PRIOR = "prior"  # stands where the others have their variant
FIGURES = ("reward", "kl_sequence", "objective")  # whose means are taken
BOUND = "log_z_bound"
_MARKERS = "osD^vPX*"
_HOLLOW: dict[str, Any] = {"ms": 9, "mfc": "#ffffffcc", "mew": 1.5}


def interval(name: str, value: float | None, low: float | None, high: float | None) -> Row:
    """The three cells of a figure."""
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def across_seeds(rows: Iterable[Row], settings: Sequence[str]) -> list[Row]:
    """A row for each combination of the settings of which a run has ended, in the order of their first.

    The columns are the settings, seeds (the runs that count), diverged (those that do not, having no figures), and the
    mean of each figure with Student's 95 % interval, which takes two seeds or more.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["status"] != UNFINISHED:
            groups.setdefault(tuple(row[name] for name in settings), []).append(row)
    means = []
    for key, group in groups.items():
        done = [row for row in group if row["status"] == DONE]
        mean = {**dict(zip(settings, key, strict=True)), "seeds": len(done), "diverged": len(group) - len(done)}
        for name in FIGURES:
            e = mean_of_few([row[name] for row in done if row[name] is not None])
            mean |= interval(name, e.value, e.low, e.high)
        means.append(mean)
    return means


def write_summary(rows: Sequence[Row], settings: Sequence[str], folder: Path) -> None:
    """Writes summary.csv (a row a run), frontier.csv (see `across_seeds`) and frontier.png."""
    figures = [cell for name in (*FIGURES, BOUND) for cell in interval(name, None, None, None)]
    with csv_file(folder / "summary.csv", (*settings, "seed", *figures, "status", "seconds", "folder")) as table:
        for row in rows:
            table.add(row)
    means = across_seeds(rows, settings)
    with csv_file(folder / "frontier.csv", list(means[0])) as table:
        for mean in means:
            table.add(mean)
    draw(rows, means, settings, folder / "frontier.png")


def as_text(means: Sequence[Row], settings: Sequence[str]) -> str:
    """The means for the terminal; see `as_rows`."""
    return aligned(as_rows(means, settings))


def as_rows(means: Sequence[Row], settings: Sequence[str]) -> list[list[str]]:
    """The cells of a table of means, each with half the width of its interval; names first."""
    cells = [[*settings, "seeds", *FIGURES]]
    for mean in means:
        figures = []
        for name in FIGURES:
            half = "" if mean[f"{name}_low"] is None else f" ± {mean[name] - mean[f'{name}_low']:.3g}"
            figures.append("-" if math.isnan(mean[name]) else f"{mean[name]:.4g}{half}")
        cells.append([text(mean[name]) for name in settings] + [str(mean["seeds"]), *figures])
    return cells


def text(value: Any) -> str:
    """A cell of a table on the terminal."""
    return "-" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def draw(rows: Sequence[Row], means: Sequence[Row], settings: Sequence[str], path: Path) -> None:
    """Draws mean reward against mean KL: a small point a run, a large one a mean, with intervals across seeds.

    A colour is a variant (with its values of other settings), a shape a c; a line joins the means of one colour. Means
    are hollow, and runs lie above them, so that neither hides the other.
    """
    from matplotlib.figure import Figure

    runs = [row for row in rows if row["status"] == DONE]
    means = [mean for mean in means if mean["seeds"] and mean["variant"] != PRIOR]
    series = list(dict.fromkeys(_series(mean, settings) for mean in means))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(series)}
    markers = {c: _MARKERS[i % len(_MARKERS)] for i, c in enumerate(sorted({mean["c"] for mean in means}))}
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    axes = figure.add_subplot()
    for row in runs:
        if row["variant"] == PRIOR:
            axes.plot(0.0, row["reward"], "*", color=INK, ms=14, mec="white", zorder=5)
        else:
            colour = colours[_series(row, settings)]
            axes.plot(row["kl_sequence"], row["reward"], markers[row["c"]], color=colour, ms=3.5, mew=0, zorder=5)
    axes.margins(0.08)
    view = axes.get_xlim(), axes.get_ylim()
    for name, colour in colours.items():
        _draw_means(axes, [mean for mean in means if _series(mean, settings) == name], colour, markers)
    _frame(axes, view, means)
    _legend(figure, colours, markers)
    with whole_file(path, "wb") as file:
        figure.savefig(file, format="png", dpi=150)


def _series(row: Mapping[str, Any], settings: Sequence[str]) -> str:
    """What has a colour of its own: the settings without c."""
    others = [f"{name.rpartition('.')[2]} {row[name]}" for name in settings if name not in ("variant", "c")]
    return ", ".join([row["variant"], *others])


def _draw_means(axes: Axes, means: Sequence[Row], colour: str, markers: Mapping[float, str]) -> None:
    means = sorted(means, key=lambda mean: mean["c"])
    x, y = ([mean[name] for mean in means] for name in ("kl_sequence", "reward"))
    axes.plot(x, y, color=colour, lw=1.3, alpha=0.6, zorder=2)
    for mean in means:
        axes.plot(mean["kl_sequence"], mean["reward"], markers[mean["c"]], color=colour, **_HOLLOW, zorder=4)
        if mean["seeds"] > 1:
            bars = {
                f"{axis}err": mean[name] - mean[f"{name}_low"] for axis, name in (("x", FIGURES[1]), ("y", FIGURES[0]))
            }
            axes.errorbar(mean["kl_sequence"], mean["reward"], **bars, color=colour, lw=1.1, capsize=3, zorder=3)


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


def _legend(figure: Any, colours: Mapping[str, str], markers: Mapping[float, str]) -> None:
    """What colours and shapes mean, to the right of the plot."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", marker="*", color=INK, mec="white", ms=14, label="prior")]
    handles += [Line2D([], [], color=colour, lw=3, label=name) for name, colour in colours.items()]
    handles += [
        Line2D([], [], ls="", marker=marker, color=INK, **_HOLLOW, label=f"c = {c:g}") for c, marker in markers.items()
    ]
    note = "small: a run\nlarge: mean of the seeds\nbars: its 95 % interval"
    legend = figure.legend(handles=handles, loc="outside right upper", frameon=False, labelcolor=INK, title=note)
    legend.set_alignment("left")
    legend.get_title().set(fontsize=8, color=INK)
