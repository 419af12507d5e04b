"""A report as one HTML page that needs nothing beside it. A pure function of what `collect` gathered.

Here are the values of the template, report.html, which escapes what comes from data, configs and run folders. Only
figures and charts are HTML already.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import yaml
from markupsafe import Markup

import seqtutor
from seqtutor.domains.reward_spec import built_in
from seqtutor.evaluation.metric_notes import COMPONENT
from seqtutor.evaluation.results import SIGNIFICANT
from seqtutor.reports.charts import Curve, Point, bars, lines, number, scatter, thinned
from seqtutor.reports.collect import Near, Report, Shown, Story
from seqtutor.reports.figures_table import figures_table
from seqtutor.system.templates import rendered

COLOURS = 8  # of runs, in report.css; further runs begin again
OF_PRIORS = ("loss", "validation_loss")  # the learning curves, columns of history.csv
OF_TUNED = ("reward", "objective", "kl_sequence", "entropy", "td_error")


def page(report: Report) -> str:
    """The whole page."""
    return rendered(
        "reports/report.html",
        title=f"seqtutor: {', '.join(story.label for story in report.stories)}",
        report=report,
        made_by=_made_by(report),
        runs=[_run(i, story) for i, story in enumerate(report.stories)],
        table=figures_table(report),
        significant=SIGNIFICANT,
        components=_components(report),
        frontier=_frontier(report),
        nearest=any(story.nearest for story in report.stories),
        curves=_curves(report.stories),
    )


def _made_by(report: Report) -> str:
    runs = " ".join(shlex.quote(str(story.path)) for story in report.stories)
    return f"seqtutor report {runs} --num {report.num} --seed {report.seed} --reward {shlex.quote(report.reward)}"


def _run(i: int, story: Story) -> dict[str, Any]:
    """What the page tells of run number i."""
    return {
        "label": story.label,
        "colour": i % COLOURS,
        "what": _what(story),
        "step": story.step,
        "command": command(story),
        "versions": _versions(story),
        "config": yaml.safe_dump(story.config, sort_keys=False),
        "first": [_shown(shown) for shown in story.first],
        "best": list(map(_shown, story.best, story.nearest or [None] * len(story.best))),
    }


def _versions(story: Story) -> str:
    versions = story.about.get("versions") or {"seqtutor": seqtutor.__version__}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def command(story: Story) -> str:
    """The command that makes a run again beside the old one, from its own config.yaml.

    Of a prior that comes with seqtutor, whose data do not come with it, the one that it names.
    """
    if "command" in story.about:
        return str(story.about["command"])
    out = shlex.quote(f"{story.path}-again")
    if "imported" in story.about:
        program = "reinvent" if story.config["domain"]["name"] == "molecules" else "magenta"
        return f"seqtutor import-{program} {shlex.quote(str(story.about['imported']))} --out {out}"
    config = shlex.quote(str(story.path / "config.yaml"))
    if not story.tuned:
        return f"seqtutor pretrain {config} --out {out}"
    prior, reward = shlex.quote(str(story.about.get("prior", "PRIOR"))), story.config["tune"]["reward"]
    named = "" if built_in(reward) else f" --reward {shlex.quote(reward)}"  # a run's config alone runs no code
    return f"seqtutor tune {config} --prior {prior}{named} --out {out}"


def _what(story: Story) -> str:
    tune, data = story.config["tune"], story.config["data"]["name"]
    if not story.tuned:
        return f"A prior, of the data set {data}" if data else "A prior"
    reward = f" towards {tune['reward']}" if tune["reward"] else ""
    return f"Tuned{reward} by {tune['variant']} with c = {tune['c']:g}"


def _shown(shown: Shown, near: Near | None = None) -> dict[str, Any]:
    """A sequence, and the training sequence that is nearest to it."""
    return {
        "figure": Markup(shown.figure), "reward": number(shown.reward), "times": shown.times, "cut": shown.cut,
        "near": near and {
            "figure": Markup(near.figure), "similarity": near.neighbour.similarity,
            "what": "the same as in the training data" if near.neighbour.similarity == 1
            else "nearest in the training data",
        },
    }  # fmt: skip


def _components(report: Report) -> list[tuple[str, Markup]]:
    names = dict.fromkeys(n for metrics in report.results.values() for n in metrics if n.startswith(COMPONENT))
    return _charts(
        (
            name.removeprefix(COMPONENT),
            bars([(i % COLOURS, label, metrics[name]) for i, (label, metrics) in enumerate(report.results.items())
                  if name in metrics], name),
        )
        for name in names
    )  # fmt: skip


def _frontier(report: Report) -> Markup:
    points = [
        Point(i % COLOURS, label, metrics["kl_sequence"], metrics["reward"])
        for i, (label, metrics) in enumerate(report.results.items())
    ]
    return Markup(scatter(points, "KL(π || p) a sequence, nats", "reward"))


def _curves(stories: Sequence[Story]) -> list[dict[str, Any]]:
    """The charts of priors and of tuned runs, of those that have any."""
    numbered = [(i % COLOURS, story) for i, story in enumerate(stories)]
    groups = []
    for tuned, columns, x_name in ((False, OF_PRIORS, "step"), (True, OF_TUNED, "round")):
        of = [(i, story) for i, story in numbered if story.tuned == tuned]
        charts = _charts(
            (name, lines([_curve(i, story.history, name) for i, story in of], name, x_name)) for name in columns
        )
        title = "Tuning: means of each round’s draws" if tuned else "Pretraining: nats a token"
        groups.append({"title": title, "x_name": x_name, "charts": charts})
    return [group for group in groups if group["charts"]]


def _curve(run: int, history: dict[str, np.ndarray], name: str) -> Curve:
    none = np.zeros(0)
    x, y = history.get("step", none), history.get(name, none)
    known = np.isfinite(x) & np.isfinite(y) if len(x) == len(y) else np.zeros(0, bool)
    return Curve(run, *(thinned(x[known], y[known]) if known.any() else (none, none)))


def _charts(charts: Iterable[tuple[str, str]]) -> list[tuple[str, Markup]]:
    """Those that are not empty, with their titles."""
    return [(name.replace("_", " "), Markup(chart)) for name, chart in charts if chart]
