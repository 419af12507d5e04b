"""What the tokens of a melody earned, rule by rule: rows of bars below its roll, and the same in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from seqtutor.domains.music.meter import Meter

Shares = Mapping[str, np.ndarray]  # what each rule adds to the reward of each token, float [T]

ROW = 16  # height of a rule's row
_LABEL = Markup('<text x="{x}" y="{y}" font-size="8" text-anchor="end" fill="currentColor">{name}</text>')
_LINE = Markup('<path d="M{left} {y}H{right}" stroke="currentColor" opacity=".3"/>')
_BAR = Markup('<rect class="{side}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')


class Rule(NamedTuple):
    """A rule as the page tells of it: the sum of what it gave, and the sixteenths where."""

    name: str
    earned: str
    where: str


def rows(shares: Shares, steps: range, top: float, left: float, step: float) -> Markup:
    """A row a rule from `top` down, of some tokens, each `step` wide: a bar up is what it earned, down what it lost."""
    return Markup().join(
        _row(name, share, steps, top + i * ROW, left, step) for i, (name, share) in enumerate(shares.items())
    )


def _row(name: str, share: np.ndarray, steps: range, top: float, left: float, step: float) -> Markup:
    middle, tallest = top + ROW / 2, np.abs(share).max(initial=0) or 1.0
    parts = [
        _LABEL.format(x=left - 3, y=middle + 3, name=name),
        _LINE.format(left=left, y=middle, right=left + step * len(steps)),
    ]
    shown, width = share[steps.start : steps.stop], max(step / 2, step - 0.5)
    for place in np.flatnonzero(shown):
        height = float(abs(shown[place]) / tallest) * (ROW / 2 - 1)
        side, y = ("plus", middle - height) if shown[place] > 0 else ("minus", middle)
        parts.append(_BAR.format(side=side, x=left + place * step, y=y, width=width, height=height))
    return Markup().join(parts)


def table(shares: Shares, meter: Meter) -> list[Rule]:
    """Each rule with its sum and the sixteenths that earned it."""
    return [Rule(name, amount(share.sum()), "; ".join(_places(share, meter.bar))) for name, share in shares.items()]


def amount(value: float) -> str:
    """A number with its sign, of four digits."""
    return f"{value:+.4g}".replace("-", "−") if value else "0"


def _places(share: np.ndarray, bar: int) -> Iterator[str]:
    """Runs of tokens of one bar that earned the same, as "bar 2: 5–8 +3 each"."""
    for number, start in enumerate(range(0, len(share), bar), 1):
        found = []
        for value, run in groupby(enumerate(share[start : start + bar], 1), key=lambda each: float(each[1])):
            places = [place for place, _ in run]
            if value:
                many = len(places) > 1
                where = f"{places[0]}–{places[-1]}" if many else str(places[0])
                found.append(f"{where} {amount(value)}{' each' if many else ''}")
        if found:
            yield f"bar {number}: {', '.join(found)}"
