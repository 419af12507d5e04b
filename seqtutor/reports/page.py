"""A report as one HTML page that needs nothing beside it. A pure function of what `collect` gathered.

Templates escape what comes from data, configs and run folders; only figures and charts are HTML already.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import numpy as np
import yaml
from markupsafe import Markup

import seqtutor
from seqtutor.domains.reward_spec import built_in
from seqtutor.evaluation.metric_notes import COMPONENT
from seqtutor.reports.charts import Curve, Point, bars, lines, number, scatter, thinned
from seqtutor.reports.collect import Near, Report, Shown, Story
from seqtutor.reports.figures_table import figures_table
from seqtutor.reports.style import LIGHT, SCRIPT, style, swatch
from seqtutor.system.web_page import joined, web_page

OF_PRIORS = ("loss", "validation_loss")  # the learning curves, columns of history.csv
OF_TUNED = ("reward", "objective", "kl_sequence", "entropy", "td_error")

_MAIN = Markup("{legend}<nav>{links}</nav>\n{sections}")
_LINK, _SECTION = Markup('<a href="#{0}">{1}</a> '), Markup('<section id="{0}"><h2>{1}</h2>{2}</section>')
_LEGEND, _ITEM = Markup('<ul class="legend">{}</ul>'), Markup("<li>{}{}: {}</li>")
_SIDES, _HEADING = Markup('<div class="sides">{}</div>'), Markup("<h3>{}{}</h3>")
_NOTE, _GRID = Markup('<p class="soft">{}</p>'), Markup('<div class="grid">{}</div>')
_MADE_BY = Markup(
    "<p>Domain <b>{domain}</b>. Every run is judged by the reward <b>{reward}</b>, on {num:,} sequences. This page is "
    "made by</p><pre>{command}</pre>"
)
_RUN = Markup(
    "<div>{heading}<p>{what}; {step:,} steps. Run again with</p><pre>{command}</pre>"
    '<p class="soft">{versions}</p><details><summary>Whole config</summary><pre>{config}</pre></details></div>'
)
_CARDS, _CARD = (
    Markup('<div>{}<div class="cards">{}</div></div>'),
    Markup("<figure>{}<figcaption>{}</figcaption></figure>"),
)
_BEST = Markup('<div>{}<div class="grid">{}</div></div>')
_SHOWN = Markup("<div>{}<figcaption>{}</figcaption></div>")
_ALONE, _PAIR = Markup("<figure>{}</figure>"), Markup('<figure class="pair">{}{}</figure>')
_CAPTION, _NEAR = Markup("reward <b>{}</b>{}{}"), Markup("{}, similarity <b>{:.2f}</b>")
_CHART = Markup("<figure><figcaption>{}</figcaption>{}</figure>")
_WIDE = Markup('<figure class="wide">{}</figure>')


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        ("runs", "What was run", _runs(report)),
        ("samples", "Before and after", _samples(report)),
        ("figures", "Figures with 95 % intervals", figures_table(report)),
        ("components", "Reward by component", _components(report)),
        ("frontier", "Reward against KL", _frontier(report)),
        ("best", "Best and nearest", _best(report)),
        ("curves", "Learning curves", _curves(report)),
    ]
    shown = [section for section in sections if section[2]]
    main = _MAIN.format(
        legend=_legend(report.stories),
        links=joined(_LINK.format(name, title) for name, title, _ in shown),
        sections=joined(_SECTION.format(*section) for section in shown),
    )
    title = f"seqtutor: {', '.join(story.label for story in report.stories)}"
    return web_page(title, style(), main, SCRIPT, media=True)


def _runs(report: Report) -> Markup:
    runs = " ".join(shlex.quote(str(story.path)) for story in report.stories)
    made_by = (
        f"seqtutor report {runs} --num {report.num} --seed {report.seed} --reward {shlex.quote(report.reward)}"
    )  # fmt: skip
    each = joined(
        _RUN.format(
            heading=_heading(i, story), what=_what(story), step=story.step, command=command(story),
            versions=_versions(story), config=yaml.safe_dump(story.config, sort_keys=False),
        )
        for i, story in enumerate(report.stories)
    )  # fmt: skip
    about = _MADE_BY.format(domain=report.domain, reward=report.reward, num=report.num, command=made_by)
    return about + _SIDES.format(each)


def _versions(story: Story) -> str:
    versions = story.about.get("versions") or {"seqtutor": seqtutor.__version__}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def command(story: Story) -> str:
    """The command that makes a run again beside the old one, from its own config.yaml."""
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


def _samples(report: Report) -> Markup:
    each = joined(
        _CARDS.format(
            _heading(i, story), joined(_CARD.format(Markup(shown.figure), _caption(shown)) for shown in story.first)
        )
        for i, story in enumerate(report.stories)
    )
    return _NOTE.format("The first sequences of each run, as they were drawn.") + _SIDES.format(each)


def _best(report: Report) -> Markup:
    beside = ", each beside what is nearest to it" if any(story.nearest for story in report.stories) else ""
    note = (
        f"The different sequences with the highest rewards of {report.pool:,} of each run{beside}. "
        f"Nearest: {report.how}."
    )
    each = joined(
        _BEST.format(_heading(i, story), joined(map(_pair, story.best, story.nearest or [None] * len(story.best))))
        for i, story in enumerate(report.stories)
    )
    return _NOTE.format(note) + _SIDES.format(each)


def _pair(shown: Shown, near: Near | None) -> Markup:
    left = _SHOWN.format(Markup(shown.figure), _caption(shown))
    if near is None:
        return _ALONE.format(left)
    what = "the same as in the training data" if near.neighbour.similarity == 1 else "nearest in the training data"
    caption = _NEAR.format(what, near.neighbour.similarity)
    return _PAIR.format(left, _SHOWN.format(Markup(near.figure), caption))


def _caption(shown: Shown) -> Markup:
    times = f"; drawn {shown.times:,} times" if shown.times > 1 else ""
    cut = "; cut at the length limit" if shown.cut else ""
    return _CAPTION.format(number(shown.reward), times, cut)


def _components(report: Report) -> Markup:
    names = dict.fromkeys(n for metrics in report.results.values() for n in metrics if n.startswith(COMPONENT))
    charts = [
        (
            name.removeprefix(COMPONENT),
            bars([(i % len(LIGHT), label, metrics[name]) for i, (label, metrics) in enumerate(report.results.items())
                  if name in metrics], name),
        )
        for name in names
    ]  # fmt: skip
    return _charts("Means a sequence, before weighting; each component has a scale of its own.", charts)


def _frontier(report: Report) -> Markup:
    points = [
        Point(i % len(LIGHT), label, metrics["kl_sequence"], metrics["reward"])
        for i, (label, metrics) in enumerate(report.results.items())
    ]
    note = (
        "Mean reward of a sequence against its KL divergence from the prior. A run above and to the left of another is "
        "better; the dashed line joins those that no other beats."
    )
    return _NOTE.format(note) + _WIDE.format(Markup(scatter(points, "KL(π || p) a sequence, nats", "reward")))


def _curves(report: Report) -> Markup:
    numbered = [(i % len(LIGHT), story) for i, story in enumerate(report.stories)]
    parts = []
    for tuned, columns, x_name in ((False, OF_PRIORS, "step"), (True, OF_TUNED, "round")):
        stories = [(i, story) for i, story in numbered if story.tuned == tuned]
        charts = [
            (name, lines([_curve(i, story.history, name) for i, story in stories], name, x_name)) for name in columns
        ]
        title = "Tuning: means of each round’s draws" if tuned else "Pretraining: nats a token"
        note = f"{title}, in blocks of neighbouring {x_name}s where there are many. A start far off the rest is cut."
        parts.append(_charts(note, charts))
    return joined(parts)


def _curve(run: int, history: dict[str, np.ndarray], name: str) -> Curve:
    none = np.zeros(0)
    x, y = history.get("step", none), history.get(name, none)
    known = np.isfinite(x) & np.isfinite(y) if len(x) == len(y) else np.zeros(0, bool)
    return Curve(run, *(thinned(x[known], y[known]) if known.any() else (none, none)))


def _charts(note: str, charts: Iterable[tuple[str, str]]) -> Markup:
    """A grid of the charts that are not empty, with a note before it; nothing if all are."""
    figures = joined(_CHART.format(name.replace("_", " "), Markup(chart)) for name, chart in charts if chart)
    return _NOTE.format(note) + _GRID.format(figures) if figures else figures


def _heading(i: int, story: Story) -> Markup:
    return _HEADING.format(swatch(i), story.label)


def _legend(stories: Sequence[Story]) -> Markup:
    return _LEGEND.format(
        joined(_ITEM.format(swatch(i), story.label, _what(story)) for i, story in enumerate(stories))
    )  # fmt: skip
