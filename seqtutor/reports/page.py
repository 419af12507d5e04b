"""A report as one HTML page that needs nothing beside it. A pure function of what `collect` gathered.

Everything that comes from data, configs and run folders is escaped; only the domain's figures are HTML already.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from html import escape

import numpy as np
import yaml
from markupsafe import Markup

import seqtutor
from seqtutor.domains.reward_spec import built_in
from seqtutor.evaluation.results import SIGNIFICANT
from seqtutor.reports.charts import Curve, Point, bars, lines, number, scatter, thinned
from seqtutor.reports.collect import Near, Report, Shown, Story
from seqtutor.reports.style import LIGHT, SCRIPT, style
from seqtutor.stats.estimate import Estimate, p_value
from seqtutor.system.web_page import web_page

OF_PRIORS = ("loss", "validation_loss")  # the learning curves, columns of history.csv
OF_TUNED = ("reward", "objective", "kl_sequence", "entropy", "td_error")
COMPONENT = "reward_"  # before the names of a reward's components


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        ("runs", "What was run", _runs(report)),
        ("samples", "Before and after", _samples(report)),
        ("figures", "Figures with 95 % intervals", _table(report)),
        ("components", "Reward by component", _components(report)),
        ("frontier", "Reward against KL", _frontier(report)),
        ("best", "Best and nearest", _best(report)),
        ("curves", "Learning curves", _curves(report)),
    ]
    shown = [(name, title, "".join(parts)) for name, title, parts in sections]
    shown = [section for section in shown if section[2]]
    links = "".join(f'<a href="#{name}">{title}</a> ' for name, title, _ in shown)
    body = "".join(f'<section id="{name}"><h2>{title}</h2>{inner}</section>' for name, title, inner in shown)
    title = f"seqtutor: {', '.join(story.label for story in report.stories)}"
    main = f"{_legend(report.stories)}<nav>{links}</nav>\n{body}"
    return web_page(title, style(), Markup(main), SCRIPT, media=True)


def _runs(report: Report) -> Iterator[str]:
    runs = " ".join(shlex.quote(str(story.path)) for story in report.stories)
    yield (
        f"<p>Domain <b>{escape(report.domain)}</b>. Every run is judged by the reward "
        f"<b>{escape(report.reward)}</b>, on {report.num:,} sequences. This page is made by</p>"
        f"<pre>seqtutor report {escape(runs)} --num {report.num} --seed {report.seed} "
        f"--reward {escape(shlex.quote(report.reward))}</pre>"
    )
    yield '<div class="sides">'
    for i, story in enumerate(report.stories):
        versions = story.about.get("versions") or {"seqtutor": seqtutor.__version__}
        text = ", ".join(f"{name} {version}" for name, version in versions.items())
        config = yaml.safe_dump(story.config, sort_keys=False)
        yield (
            f"<div>{_heading(i, story)}<p>{_what(story)}; {story.step:,} steps. Run again with</p>"
            f"<pre>{escape(command(story))}</pre>"
            f'<p class="soft">{escape(text)}</p>'
            f"<details><summary>Whole config</summary><pre>{escape(config)}</pre></details></div>"
        )
    yield "</div>"


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
        return escape(f"A prior, of the data set {data}" if data else "A prior")
    reward = f" towards {tune['reward']}" if tune["reward"] else ""
    return escape(f"Tuned{reward} by {tune['variant']} with c = {tune['c']:g}")


def _samples(report: Report) -> Iterator[str]:
    yield '<p class="soft">The first sequences of each run, as they were drawn.</p><div class="sides">'
    for i, story in enumerate(report.stories):
        cards = "".join(f"<figure>{shown.figure}<figcaption>{_caption(shown)}</figcaption></figure>"
                        for shown in story.first)  # fmt: skip
        yield f'<div>{_heading(i, story)}<div class="cards">{cards}</div></div>'
    yield "</div>"


def _best(report: Report) -> Iterator[str]:
    yield (
        f'<p class="soft">The different sequences with the highest rewards of {report.pool:,} of each run'
        f"{', each beside what is nearest to it' if any(story.nearest for story in report.stories) else ''}. "
        f"Nearest: {escape(report.how)}.</p>"
    )
    yield '<div class="sides">'
    for i, story in enumerate(report.stories):
        near = story.nearest or [None] * len(story.best)
        pairs = "".join(map(_pair, story.best, near))
        yield f'<div>{_heading(i, story)}<div class="grid">{pairs}</div></div>'
    yield "</div>"


def _pair(shown: Shown, near: Near | None) -> str:
    left = f"<div>{shown.figure}<figcaption>{_caption(shown)}</figcaption></div>"
    if near is None:
        return f"<figure>{left}</figure>"
    what = "the same as in the training data" if near.neighbour.similarity == 1 else "nearest in the training data"
    caption = f"{what}, similarity <b>{near.neighbour.similarity:.2f}</b>"
    return f'<figure class="pair">{left}<div>{near.figure}<figcaption>{caption}</figcaption></div></figure>'


def _caption(shown: Shown) -> str:
    times = f"; drawn {shown.times:,} times" if shown.times > 1 else ""
    cut = "; cut at the length limit" if shown.cut else ""
    return f"reward <b>{number(shown.reward)}</b>{times}{cut}"


def _table(report: Report) -> Iterator[str]:
    first = next(iter(report.results.values()))
    names = dict.fromkeys(name for metrics in report.results.values() for name in metrics)
    head = "".join(f'<th scope="col">{_swatch(i)}{escape(label)}</th>' for i, label in enumerate(report.results))
    rows = "".join(
        f'<tr><th scope="row">{escape(name).replace("_", "_<wbr>")}</th>'
        + "".join(_cell(m.get(name), None if m is first else first.get(name)) for m in report.results.values())
        + "</tr>"
        for name in names
    )
    yield (
        f'<p class="soft">Objective with c = {report.c:g}. <span class="mark">*</span> differs from the first at '
        f"p &lt; {SIGNIFICANT}, Welch’s z test, each row by itself.</p>"
        '<div class="table" role="region" aria-label="figures" tabindex="0">'
        f'<table><thead><tr><th scope="col"></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(estimate: Estimate | None, first: Estimate | None) -> str:
    if estimate is None or math.isnan(estimate.value):
        return "<td>–</td>"
    p = None if first is None else p_value(first, estimate)
    mark = ' <span class="mark">*</span>' if p is not None and p < SIGNIFICANT else ""
    low, high = estimate.low, estimate.high
    interval = "" if low is None or high is None else f"<small>{number(low, 3)} to {number(high, 3)}</small>"
    return f"<td>{number(estimate.value)}{mark}{interval}</td>"


def _components(report: Report) -> Iterator[str]:
    names = dict.fromkeys(n for metrics in report.results.values() for n in metrics if n.startswith(COMPONENT))
    charts = [
        (
            name.removeprefix(COMPONENT),
            bars([(i % len(LIGHT), label, metrics[name]) for i, (label, metrics) in enumerate(report.results.items())
                  if name in metrics], name),
        )
        for name in names
    ]  # fmt: skip
    yield from _charts("Means a sequence, before weighting; each component has a scale of its own.", charts)


def _frontier(report: Report) -> Iterator[str]:
    points = [
        Point(i % len(LIGHT), label, metrics["kl_sequence"], metrics["reward"])
        for i, (label, metrics) in enumerate(report.results.items())
    ]
    yield (
        '<p class="soft">Mean reward of a sequence against its KL divergence from the prior. A run above and to the '
        "left of another is better; the dashed line joins those that no other beats.</p>"
        f'<figure class="wide">{scatter(points, "KL(π || p) a sequence, nats", "reward")}</figure>'
    )


def _curves(report: Report) -> Iterator[str]:
    numbered = [(i % len(LIGHT), story) for i, story in enumerate(report.stories)]
    for tuned, columns, x_name in ((False, OF_PRIORS, "step"), (True, OF_TUNED, "round")):
        stories = [(i, story) for i, story in numbered if story.tuned == tuned]
        charts = [
            (name, lines([_curve(i, story.history, name) for i, story in stories], name, x_name)) for name in columns
        ]
        title = "Tuning: means of each round’s draws" if tuned else "Pretraining: nats a token"
        yield from _charts(
            f"{title}, in blocks of neighbouring {x_name}s where there are many. A start far off the rest is cut.",
            charts,
        )


def _curve(run: int, history: dict[str, np.ndarray], name: str) -> Curve:
    none = np.zeros(0)
    x, y = history.get("step", none), history.get(name, none)
    known = np.isfinite(x) & np.isfinite(y) if len(x) == len(y) else np.zeros(0, bool)
    return Curve(run, *(thinned(x[known], y[known]) if known.any() else (none, none)))


def _charts(note: str, charts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A grid of the charts that are not empty, with a note before it; nothing if all are."""
    figures = [
        f"<figure><figcaption>{escape(name.replace('_', ' '))}</figcaption>{chart}</figure>"
        for name, chart in charts if chart
    ]  # fmt: skip
    if figures:
        yield f'<p class="soft">{escape(note)}</p><div class="grid">{"".join(figures)}</div>'


def _heading(i: int, story: Story) -> str:
    return f"<h3>{_swatch(i)}{escape(story.label)}</h3>"


def _legend(stories: Sequence[Story]) -> str:
    items = "".join(f"<li>{_swatch(i)}{escape(story.label)}: {_what(story)}</li>" for i, story in enumerate(stories))
    return f'<ul class="legend">{items}</ul>'


def _swatch(i: int) -> str:
    return f'<span class="swatch run{i % len(LIGHT)}"></span>'
