"""Charts as SVG for an HTML page. Pure functions: numbers in, a string out.

Text and axes have the colour of the text around; what belongs to run number i has the CSS class `run i`, whose
colour the page's style decides. A chart is WIDTH units wide and scales with the space it is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np

from seqtutor.stats.estimate import Estimate

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 36  # margins around the plot
ROW = 40  # height of a bar with its label
FAR = 5  # see `visible`
LABEL = 13  # height of a line of labels


class Curve(NamedTuple):
    """A line of run number `run`: x and y float [n], x rising."""

    run: int
    x: np.ndarray
    y: np.ndarray


class Point(NamedTuple):
    """Run number `run`, where two of its estimates cross."""

    run: int
    label: str
    x: Estimate
    y: Estimate


@dataclass(frozen=True)
class _Axis:
    """Values low .. high on the pixels first .. last."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)


def lines(curves: Sequence[Curve], name: str, x_name: str) -> str:
    """A line chart with x from 0. Values far below or above all others leave it: see `visible`."""
    shown = [curve for curve in curves if len(curve.y)]
    if not shown:
        return ""
    span = visible(np.concatenate([curve.y for curve in shown]))
    xs = np.concatenate([curve.x for curve in shown])
    x, y = _plot(float(xs.max()), span)
    paths = [
        f'<polyline class="run run{curve.run}" fill="none" stroke="currentColor" stroke-width="1.5" points="'
        + " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(curve.x, curve.y, strict=True))
        + '"/>'
        for curve in shown
    ]
    # A nested svg clips what lies outside its box.
    box = f'x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"'
    view = f'viewBox="{LEFT} {TOP} {WIDTH - LEFT - RIGHT} {HEIGHT - TOP - BOTTOM}"'
    return _svg(f"{name} by {x_name}", HEIGHT, [*_axes(x, y, x_name, ""), f"<svg {box} {view}>", *paths, "</svg>"])


def scatter(points: Sequence[Point], x_name: str, y_name: str) -> str:
    """Points with their 95 % intervals and labels; a dashed line joins those that no other beats (`frontier`)."""
    if not points:
        return ""
    x, y = (
        _padded([bound for point in points for bound in _bounds(getattr(point, name))], low, high)
        for name, low, high in (("x", LEFT, WIDTH - RIGHT), ("y", HEIGHT - BOTTOM, TOP + LABEL))
    )
    best = [(x(points[i].x.value), y(points[i].y.value)) for i in frontier(points)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in best)
    parts = _axes(x, y, x_name, y_name)
    parts.append(f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-dasharray="3 4" opacity=".6"/>')
    heights = apart([y(point.y.value) - 7 for point in points], LABEL, TOP + LABEL)
    for point, height in zip(points, heights, strict=True):
        parts += _mark(point, x, y, height)
    return _svg(f"{y_name} against {x_name}", HEIGHT, parts)


def bars(values: Sequence[tuple[int, str, Estimate]], name: str) -> str:
    """Horizontal bars from 0, one a run (its number, label and estimate), with the interval and the value."""
    known = [estimate for _, _, estimate in values if not math.isnan(estimate.value)]
    if not known:
        return ""
    bounds = [0.0, *(bound for estimate in known for bound in _bounds(estimate))]
    x = _Axis(*_span(min(bounds), max(bounds)), 4, WIDTH - 4)
    parts = []
    for place, (run, label, estimate) in enumerate(values):
        top = place * ROW
        parts.append(_text(4, top + 13, label))
        parts.append(_text(WIDTH - 4, top + 13, number(estimate.value), 'text-anchor="end"'))
        if math.isnan(estimate.value):
            continue
        first, last = sorted((x(0.0), x(estimate.value)))
        low, high = map(x, _bounds(estimate))
        parts.append(
            f'<rect class="run run{run}" x="{first:.1f}" y="{top + 19}" width="{last - first:.1f}" height="14" '
            'fill="currentColor"/>'
            f'<path d="M{low:.1f} {top + 26}H{high:.1f}" stroke="currentColor" stroke-width="1.5"/>'
        )
    zero = f"{x(0.0):.1f}"
    parts += [f'<path d="M{zero} {place * ROW + 17}v18" stroke="currentColor"/>' for place in range(len(values))]
    return _svg(name, len(values) * ROW, parts)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most `most` round numbers in low .. high, evenly spaced by 1, 2 or 5 times a power of ten."""
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def visible(values: np.ndarray) -> tuple[float, float]:
    """The range to show: all of it, but where a twentieth of the values at an end takes FAR times the others' room.

    So the first steps of a run, often far off all that follow, do not flatten the curve.
    """
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = (float(value) for value in np.quantile(values, [0.05, 0.95]))
    inner = inner_high - inner_low
    low = inner_low - 0.1 * inner if inner_low - low > FAR * inner > 0 else low
    high = inner_high + 0.1 * inner if high - inner_high > FAR * inner > 0 else high
    return low, high


def thinned(x: np.ndarray, y: np.ndarray, most: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` points: of each block of neighbours, all of one size but the last, the last x and the mean y."""
    if not len(x):
        return x, y
    starts = np.arange(0, len(x), -(-len(x) // most))
    ends = np.append(starts[1:], len(x))
    return x[ends - 1], np.add.reduceat(y, starts) / (ends - starts)


def frontier(points: Sequence[Point]) -> list[int]:
    """Which points no other beats, by rising x: none has both a smaller x and a larger y."""
    kept, best = [], -math.inf
    for i in sorted(range(len(points)), key=lambda i: (points[i].x.value, -points[i].y.value)):
        if points[i].y.value > best:
            kept.append(i)
            best = points[i].y.value
    return kept


def apart(heights: Sequence[float], least: float, top: float) -> list[float]:
    """Heights, which count downwards, moved so that all are `least` apart: upwards, but where `top` ends it, down."""
    moved, order = list(heights), sorted(range(len(heights)), key=lambda i: heights[i])
    limit = math.inf
    for i in reversed(order):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - least
    limit = top
    for i in order:
        moved[i] = max(moved[i], limit)
        limit = moved[i] + least
    return moved


def number(value: float, digits: int = 4) -> str:
    """A number in a few digits, with a true minus."""
    return "–" if math.isnan(value) else f"{value:.{digits}g}".replace("-", "−")


def _bounds(estimate: Estimate) -> tuple[float, float]:
    if estimate.low is None or estimate.high is None:
        return estimate.value, estimate.value
    return estimate.low, estimate.high


def _mark(point: Point, x: _Axis, y: _Axis, height: float) -> list[str]:
    a, b = x(point.x.value), y(point.y.value)
    (left, right), (low, high) = map(x, _bounds(point.x)), map(y, _bounds(point.y))
    side = 'text-anchor="end"' if a > (LEFT + WIDTH) / 2 else ""
    return [
        f'<g class="run run{point.run}"><path d="M{left:.1f} {b:.1f}H{right:.1f}M{a:.1f} {low:.1f}V{high:.1f}" '
        f'stroke="currentColor"/><circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="currentColor"/>',
        _text(a - 6 if side else a + 6, height, point.label, f'{side} fill="currentColor" font-weight="600"') + "</g>",
    ]


def _span(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty."""
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _padded(values: Sequence[float], first: float, last: float) -> _Axis:
    low, high = _span(min(values), max(values))
    room = 0.06 * (high - low)
    return _Axis(low - room, high + room, first, last)


def _plot(last: float, y: tuple[float, float]) -> tuple[_Axis, _Axis]:
    low, high = _span(*y)
    room = 0.04 * (high - low)
    return _Axis(*_span(0.0, last), LEFT, WIDTH - RIGHT), _Axis(low - room, high + room, HEIGHT - BOTTOM, TOP)


def _axes(x: _Axis, y: _Axis, x_name: str, y_name: str) -> list[str]:
    """Grid lines and numbers, and the names of the axes."""
    parts = []
    for value in ticks(y.low, y.high):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".15"/>')
        parts.append(_text(LEFT - 6, y(value) + 4, number(value), 'text-anchor="end"'))
    for value in ticks(x.low, x.high, 5):
        parts.append(_text(x(value), HEIGHT - BOTTOM + 15, number(value), 'text-anchor="middle"'))
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".5"/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x_name, 'text-anchor="middle"'))
    if y_name:
        parts.append(_text(LEFT, TOP, y_name))
    return parts


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def _svg(name: str, height: float, parts: Sequence[str]) -> str:
    label = escape(name)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}" '
        f'font-size="11" fill="currentColor">{"".join(parts)}</svg>'
    )
