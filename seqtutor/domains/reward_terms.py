"""Transforms of a reward component, and how a term of a weighted sum is written.

A term is `name`, or `name@transform/number/...`: `logp@clip/0/5`, `weight@sigmoid/500/300`, `tpsa@step/140`. No
character of it means anything to a shell. A name may have an argument, `smarts(C=O)`, which does need quotes.

Transforms are pure functions of numbers or arrays; what they return has bounds, whatever goes in.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from seqtutor.errors import UserError, unknown_name

_TERM = re.compile(r"(?P<name>[^@(]*(?:\(.*\)\s*)?)(?:@(?P<transform>.*))?", re.DOTALL)


def clip(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """f(x) = min(max(x, low), high)."""
    return np.clip(x, low, high)


def sigmoid(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """f(x) = 1 / (1 + 19^-z), z = (2 x - low - high) / (high - low).

    It rises from 0 to 1 and is 0.05 at `low`, 0.5 half-way, 0.95 at `high`; with low > high it falls.
    """
    z = (2.0 * np.asarray(x) - low - high) / (high - low)
    return 0.5 + 0.5 * np.tanh(0.5 * math.log(19.0) * z)  # the same, without overflow


def step(x: np.ndarray, at: float) -> np.ndarray:
    """f(x) = 1 if x >= at, else 0."""
    return np.where(np.asarray(x) >= at, 1.0, 0.0)


TRANSFORMS: dict[str, Callable[..., np.ndarray]] = {function.__name__: function for function in (clip, sigmoid, step)}


class Transform(NamedTuple):
    """A transform with its numbers, as in `clip/0/5`."""

    name: str
    numbers: tuple[float, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """f(x), element by element."""
        return TRANSFORMS[self.name](x, *self.numbers)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value it can return."""
        return self.numbers if self.name == "clip" else (0.0, 1.0)


def split(term: str) -> tuple[str, Transform | None]:
    """The component of a term, its argument included, and its transform. Raises UserError if it is written wrongly."""
    match = _TERM.fullmatch(term)
    if match is None:
        raise UserError(f"reward '{term}': write name, name@transform/number or name(argument)")
    return match["name"].strip(), None if match["transform"] is None else _transform(match["transform"], term)


def weighted_sum(weights: Mapping[str, float], components: Mapping[str, np.ndarray], counts: np.ndarray) -> np.ndarray:
    """sum_k w_k f_k(x_k), float32 [N, T], of components x_k [N, T] by name.

    Args: weights by term (see the module): a component's name, and its transform f_k, if any; counts, bool
    [N, T], which tokens count: the others earn 0 even where f_k(0) is not.
    """
    total = np.zeros(counts.shape, np.float32)
    for term, weight in weights.items():
        name, transform = split(term)
        values = components[name] if transform is None else np.where(counts, transform(components[name]), 0.0)
        total += np.float32(weight) * values
    return total


def _transform(text: str, term: str) -> Transform:
    name, *numbers = (piece.strip() for piece in text.split("/"))
    if name not in TRANSFORMS:
        raise unknown_name("transform", name, TRANSFORMS, f"reward '{term}'")
    wanted = list(inspect.signature(TRANSFORMS[name]).parameters)[1:]
    form = "/".join([name, *(word.upper() for word in wanted)])
    try:
        values = tuple(float(number) for number in numbers)
    except ValueError:
        values = ()
    if len(values) != len(wanted) or not all(map(math.isfinite, values)):
        raise UserError(f"reward '{term}': write {form}, with a number for each word in capitals")
    if len(values) == 2 and (values[0] == values[1] or (name == "clip" and values[0] > values[1])):
        raise UserError(f"reward '{term}': in {form} LOW must be {'below' if name == 'clip' else 'another than'} HIGH")
    return Transform(name, values)


HEAVIEST = 1e30  # weight; rewards are float32


_WEIGHTED = re.compile(r"(?P<term>[^:(]*(?:\(.*\))?[^:]*)(?::(?P<number>.*))?", re.DOTALL)


def parse(spec: str, names: Iterable[str]) -> dict[str, float]:
    """The weight of each term (see seqtutor.domains.reward_terms) of a built-in name or a weighted sum.

    Args: names: what the sum may be made of; one that takes an argument has it behind it, as `smarts(PATTERN)`.
    Raises UserError for unknown names and transforms, arguments missing or not wanted, and bad weights.
    """
    forms, weights, seen = {name.partition("(")[0]: name for name in names}, {}, set()
    for part in _parts(spec):
        match = _WEIGHTED.fullmatch(part)
        term, number = match["term"].strip(), match["number"]
        component = split(term)
        name, argument, _ = component[0].partition("(")
        if name not in forms:
            raise unknown_name("reward", name, forms)
        if bool(argument) != ("(" in forms[name]):
            raise UserError(f"reward '{spec}': write {forms[name]}" + (f", not {component[0]}" if argument else ""))
        if component in seen:
            raise UserError(f"reward '{spec}': {term} stands there twice; give it one weight")
        seen.add(component)
        try:
            weights[term] = 1.0 if number is None else float(number)
        except ValueError:
            weights[term] = math.nan
        if not abs(weights[term]) <= HEAVIEST:  # nor is it nan
            raise UserError(
                f"reward '{spec}': the weight of {term} is '{number.strip()}'; give a number, as in {term}:2"
            )
    return weights


def _parts(spec: str) -> list[str]:
    """The parts between commas that stand in no parenthesis. Raises UserError if one is not closed."""
    parts, depth = [""], 0
    for character in spec:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
        if depth < 0:
            break
    if depth:
        raise UserError(
            f"reward '{spec}': {'a parenthesis is not closed' if depth > 0 else 'one parenthesis too many'}"
        )
    return parts
