"""The grid of a sweep: every variant at every c with every value of the settings that vary, each with several seeds."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from seqtutor.config import strict_yaml
from seqtutor.errors import UserError


@dataclass(frozen=True)
class Point:
    """One run of a sweep; `swept` has its values of the settings that vary, by their keys in the config."""

    variant: str
    c: float
    seed: int
    swept: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its folder: psi-c0.5-rounds100-seed0."""
        parts = [f"{label}{text}" for label, text in zip(_short(self.swept), self.texts.values(), strict=True)]
        return "-".join(
            [self.variant, f"c{self.c:g}", *(re.sub(r"[^\w.+-]+", "_", p) for p in parts), f"seed{self.seed}"]
        )

    @property
    def texts(self) -> dict[str, str]:
        """The values of `swept` as one reads them."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.swept.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """The values of a config that are the point's own, by `section.key`."""
        return {"tune.variant": self.variant, "tune.c": self.c, "seed": self.seed, **self.swept}


def split(overrides: Iterable[str]) -> tuple[tuple[str, ...], dict[str, list[Any]]]:
    """Divides `key=value` items into those with one value and the lists of values of the others, by key.

    The values are the parts between the commas of a YAML list: [64, 32] is one value, and so is "a,b" in quotes.
    An item that is not YAML stays as it is, for the config to refuse.
    """
    fixed: dict[str, str] = {}
    swept: dict[str, list[Any]] = {}
    for item in overrides:
        key, _, text = item.partition("=")
        try:
            values = strict_yaml.parse(f"[{text}]")
            json.dumps(values)
        except (yaml.YAMLError, TypeError, ValueError, RecursionError):
            values = []
        fixed.pop(key, None)
        swept.pop(key, None)
        if len(values) > 1:
            swept[key.strip()] = values
        else:
            fixed[key] = item
    return tuple(fixed.values()), swept


def grid(
    variants: Sequence[str], cs: Sequence[float], seeds: Sequence[int], swept: Mapping[str, Sequence[Any]]
) -> list[Point]:
    """Every combination; all of the first seed come first, so that a sweep cut short has a point of each setting.

    Raises UserError if two points have one name, as when a value is given twice.
    """
    points = [
        Point(variant, c, seed, dict(zip(swept, values, strict=True)))
        for seed in seeds
        for variant in variants
        for values in itertools.product(*swept.values())
        for c in cs
    ]
    names = [point.name for point in points]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two points of the sweep are {name}; give each value once")
    return points


def _short(keys: Iterable[str]) -> list[str]:
    """The last part of each key; all of it where others have the same."""
    keys = list(keys)
    last = [key.rpartition(".")[2] for key in keys]
    return [key if last.count(end) > 1 else end for key, end in zip(keys, last, strict=True)]
