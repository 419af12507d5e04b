"""Charts of a report: exact on tiny input."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from seqtutor.reports.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    ROW,
    TOP,
    WIDTH,
    Curve,
    Point,
    apart,
    bars,
    frontier,
    lines,
    number,
    scatter,
    thinned,
    ticks,
    visible,
)
from seqtutor.stats.estimate import Estimate


def at(value):
    return Estimate(value, None, None, 9)


def point(run, x, y):
    return Point(run, f"run {run}", at(x), at(y))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (-0.5, 0.5, [-0.4, -0.2, 0, 0.2, 0.4]),
        (0.97, 1.02, [0.97, 0.98, 0.99, 1.0, 1.01, 1.02]),
        (-400.0, 100.0, [-400, -300, -200, -100, 0, 100]),
        (1.0, 1.0 + 1e-7, [1 + 2e-8 * i for i in range(6)]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected, abs=1e-12)


def test_thinning_takes_means_and_keeps_the_last_step():
    x, y = thinned(np.arange(1.0, 8.0), np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 20.0]), most=4)
    assert x.tolist() == [2, 4, 6, 7]
    assert y.tolist() == [2, 6, 10, 20]
    x, y = thinned(np.array([5.0, 6.0]), np.array([1.0, 2.0]), most=4)
    assert (x.tolist(), y.tolist()) == ([5, 6], [1, 2])
    assert len(thinned(np.zeros(0), np.zeros(0))[0]) == 0


def test_a_far_start_does_not_flatten_a_curve():
    rising = np.linspace(0.0, 1.0, 101)
    assert visible(rising) == (0.0, 1.0)
    assert visible(np.append(rising, -1.0)) == (-1.0, 1.0)  # not far
    low, high = visible(np.append(rising, -500.0))
    assert -0.2 < low < 0.1 and high == 1.0
    assert visible(np.array([2.0, 2.0, 2.0])) == (2.0, 2.0)


def test_the_frontier_has_what_no_other_beats():
    points = [point(0, 0.0, 1.0), point(1, 3.0, 2.0), point(2, 2.0, 5.0), point(3, 4.0, 6.0), point(4, 4.0, 5.5)]
    assert frontier(points) == [0, 2, 3]


def test_labels_are_kept_apart_and_below_the_top():
    assert apart([50.0, 100.0], 13, 20) == [50, 100]
    assert apart([100.0, 98.0, 95.0], 13, 20) == [100, 87, 74]
    assert apart([30.0, 28.0], 13, 20) == [33, 20]


def test_numbers():
    assert [number(value) for value in (-0.25, 12345.6, math.nan)] == ["−0.25", "1.235e+04", "–"]


def test_a_line_begins_and_ends_where_its_numbers_do():
    chart = lines([Curve(3, np.array([0.0, 5.0, 10.0]), np.array([0.0, 1.0, 0.5]))], "loss", "step")
    ElementTree.fromstring(chart)
    (points,) = re.findall(r'class="run run3"[^>]*points="([^"]*)"', chart)
    (x0, y0), (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in points.split())
    assert (x0, x1, x2) == (LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT)
    assert HEIGHT - BOTTOM > y0 > y2 > y1 > TOP
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.1)
    assert ">step</text>" in chart
    assert lines([Curve(0, np.zeros(0), np.zeros(0))], "loss", "step") == ""


def test_a_flat_line_of_one_point_can_be_drawn():
    chart = lines([Curve(0, np.array([7.0]), np.array([2.0]))], "loss", "step")
    assert ElementTree.fromstring(chart).tag.endswith("svg")
    assert "nan" not in chart


def test_bars_are_as_long_as_their_numbers():
    chart = bars([(0, "a", at(2.0)), (1, "b", Estimate(-1.0, -2.0, 0.0, 9)), (2, "c", at(math.nan))], "key")
    ElementTree.fromstring(chart)
    (x0, w0), (x1, w1) = [
        (float(x), float(w)) for x, w in re.findall(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', chart)
    ]
    assert w0 == pytest.approx(2 * w1, abs=0.2)
    assert x1 + w1 == pytest.approx(x0, abs=0.1)  # both begin at zero
    assert f'viewBox="0 0 {WIDTH} {3 * ROW}"' in chart
    assert "−1</text>" in chart and "–</text>" in chart


def test_points_stand_where_their_estimates_do():
    chart = scatter([point(0, 0.0, 1.0), Point(1, "<b>", Estimate(2.0, 1.0, 3.0, 9), at(3.0))], "KL", "reward")
    ElementTree.fromstring(chart)
    (x0, y0), (x1, y1) = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', chart)]
    assert x0 < x1 and y0 > y1
    assert "&lt;b&gt;" in chart and "<b>" not in chart
    left, right = map(float, re.findall(r'class="run run1"><path d="M([\d.]+) [\d.]+H([\d.]+)', chart)[0])
    assert (left + right) / 2 == pytest.approx(x1, abs=0.1)
    assert right - x1 == pytest.approx((x1 - x0) / 2, abs=0.2)
