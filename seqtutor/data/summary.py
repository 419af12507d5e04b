"""What is in a data set: lengths, tokens, and its domain's properties, as text and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqtutor.data.corpus import Corpus
from seqtutor.data.parsing import BLOCK
from seqtutor.domains.statistics import Property
from seqtutor.system.files import whole_file
from seqtutor.system.plotting import COLOURS, INK, LINE, own_settings
from seqtutor.system.tables import aligned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLE = 2_000  # sequences that properties are measured on, at the most
TOKENS = 20  # most frequent ones that are drawn
BINS = 40  # of a histogram, at the most; numbers that are all whole have a bin each where there are fewer
TICKS = 6  # with names, at the most
TAIL = 0.005  # share of the values at either end that a histogram may leave out, where they would squeeze the rest
_BARS, _MIDDLE = COLOURS[0], COLOURS[1]


def token_counts(corpus: Corpus) -> np.ndarray:
    """How often each token is in a corpus, int64 [A]; block by block, as numpy widens what it counts."""
    tokens, size = corpus.tokens, corpus.vocabulary.size
    counts = np.zeros(size, np.int64)
    for start in range(0, len(tokens), BLOCK):
        counts += np.bincount(tokens[start : start + BLOCK], minlength=size)
    return counts


def properties(corpus: Corpus, seed: int) -> list[Property]:
    """The domain's properties of at most SAMPLE sequences, drawn by the seed."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(corpus))[:SAMPLE])
    found = corpus.domain.properties([corpus.domain.decode(corpus[i]) for i in chosen])
    return [each for each in found if len(each.values)]


def quartiles(found: Sequence[Property]) -> str:
    """A line a property: its smallest value, quartiles and largest."""
    rows: list[tuple[str, ...]] = [("property", "min", "25 %", "median", "75 %", "max")]
    for each in found:
        rows.append((each.name, *(_number(value, each) for value in _percentiles(each, 0, 25, 50, 75, 100))))
    return aligned(rows)


@own_settings()
def draw(corpus: Corpus, found: Sequence[Property], path: Path) -> None:
    """Draws the most frequent tokens and, beside them, a histogram of the lengths and of each property, as a PNG."""
    from matplotlib.figure import Figure

    panels = [Property("tokens a sequence", corpus.lengths), *found]
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.5 + 3.8 * columns, 0.9 + 2.3 * max(2, rows)), layout="constrained")
    grid = figure.add_gridspec(rows, 1 + columns, width_ratios=(1, *[1.2] * columns))
    size = f"{len(corpus):,} sequences, {len(corpus.tokens):,} tokens, a vocabulary of {corpus.vocabulary.size}"
    sampled = f"; properties of {SAMPLE:,} of them" if found and len(corpus) > SAMPLE else ""
    title = f"{Path(corpus.source).name}: {size}{sampled}"
    figure.suptitle(title, color=INK, fontsize=12, parse_math=False)
    _draw_tokens(figure.add_subplot(grid[:, 0]), corpus)
    for number, panel in enumerate(panels):
        _draw_histogram(figure.add_subplot(grid[number // columns, 1 + number % columns]), panel)
    with whole_file(path, "wb") as file:
        figure.savefig(file, format="png", dpi=130)


def _draw_tokens(axes: Axes, corpus: Corpus) -> None:
    """A bar a token, the most frequent on top."""
    shares = 100 * token_counts(corpus) / len(corpus.tokens)
    order = [i for i in np.argsort(-shares, kind="stable")[:TOKENS] if shares[i]]
    places = range(len(order))
    axes.barh(places, shares[order], color=_BARS, height=0.75)
    symbols = [corpus.vocabulary.symbols[i] for i in order]
    names = [symbol if symbol.strip() else repr(symbol) for symbol in symbols]
    axes.set_yticks(places, names, family="monospace", parse_math=False)
    axes.set_ylim(max(len(order), 6) - 0.4, -0.6)
    rest = int((shares > 0).sum()) - len(order)
    _style(axes, "tokens", f"{rest} rarer ones not shown" if rest else "", "x")


def _draw_histogram(axes: Axes, panel: Property) -> None:
    """Bars, with a line at the median; a long tail is cut off, and counted."""
    edges = _edges(panel.values)
    counts, _ = np.histogram(panel.values, edges)
    middles, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    axes.bar(middles, 100 * counts / len(panel.values), 0.92 * width, color=_BARS)
    (median,) = _percentiles(panel, 50)
    axes.axvline(median, color=_MIDDLE, lw=1.5)
    beyond = len(panel.values) - counts.sum()
    said = f"median {_number(median, panel)}" + (f", {beyond:,} beyond" if beyond else "")
    axes.locator_params("x", integer=_whole(panel.values))
    named = list(panel.ticks.items())[:: -(-len(panel.ticks) // TICKS) or 1]
    if named:
        axes.set_xticks(*zip(*named, strict=True))
    _style(axes, panel.name, said, "y")
    air = width * max(0, 5 - len(counts)) / 2  # beside the bars, where they are few
    axes.set_xlim(edges[0] - air, edges[-1] + air)


def _edges(values: np.ndarray) -> np.ndarray:
    """The edges of a histogram's bins: whole numbers are in the middle of theirs."""
    low, high = values.min(), values.max()
    inner = np.quantile(values, (TAIL, 1 - TAIL))
    if high - low > 2 * (inner[1] - inner[0]) > 0:
        low, high = inner
    if low < high and not _whole(values):
        return np.linspace(low, high, BINS + 1)
    width = max(1, -(-int(high - low + 1) // BINS))
    first = low if low == high else np.floor(low)
    return np.arange(first - 0.5, high + 0.5 + width, width)


def _whole(values: np.ndarray) -> bool:
    return bool(np.equal(values, np.round(values)).all())


def _style(axes: Axes, name: str, said: str, shares: Literal["x", "y"]) -> None:
    """Titles at both ends, and percent on the axis `shares`."""
    axes.set_title(name, loc="left", color=INK, fontsize=10)
    axes.set_title(said, loc="right", color=INK, fontsize=8)
    getattr(axes, f"{shares}axis").set_major_formatter("{x:g} %")
    axes.grid(axis=shares, color=LINE, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def _number(value: float, of: Property) -> str:
    plain = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return of.ticks.get(value, plain)


def _percentiles(of: Property, *which: int) -> np.ndarray:
    """Each a value that is there, so that it has a name where values have."""
    return np.percentile(of.values, which, method="nearest")
