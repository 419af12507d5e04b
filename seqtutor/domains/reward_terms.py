"""Terms of a reward, such as `logp@clip/0/5:2`: parsed once, written back by `str`.

A term is `name`, `name(argument)`, `name@transform/number/...`, each with `:weight` or without:
`logp@clip/0/5:2`, `weight@sigmoid/500/300`, `tpsa@step/140`, `smarts(C=O):-1`. Only parentheses need quotes in a shell.

Transforms are pure functions of numbers or arrays. What they return has bounds, whatever goes in.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from seqtutor.errors import UserError, unknown_name

HEAVIEST = 1e30  # weight; rewards are float32

_NAME = r"(?P<name>[^@:(]*)(?P<argument>\(.*\)\s*)?"
_TERM = re.compile(_NAME + r"(?:@(?P<transform>[^:]*))?(?::(?P<weight>.*))?", re.DOTALL)


def clip(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """f(x) = min(max(x, low), high)."""
    clipped: np.ndarray = np.clip(x, low, high)
    return clipped


def sigmoid(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """f(x) = 1 / (1 + 19^-z), z = (2 x - low - high) / (high - low).

    It rises from 0 to 1 and is 0.05 at `low`, 0.5 half-way, 0.95 at `high`; with low > high it falls.
    """
    z = (2.0 * np.asarray(x) - low - high) / (high - low)
    return 0.5 + 0.5 * np.tanh(0.5 * math.log(19.0) * z)  # the same, without overflow


def double_sigmoid(x: np.ndarray, low: float, high: float, rise: float, fall: float) -> np.ndarray:
    """f(x) = 1 / (1 + 10^(-rise (x - low))) below the middle of low and high, 1 / (1 + 10^(fall (x - high))) above.

    It is near 1 between `low` and `high`, and 0.5 at both, where they are far apart.
    """
    x = np.asarray(x)
    exponent = np.where(x < low + (high - low) / 2, rise * (x - low), -fall * (x - high))
    return 0.5 + 0.5 * np.tanh(0.5 * math.log(10.0) * exponent)  # without overflow


def step(x: np.ndarray, at: float) -> np.ndarray:
    """f(x) = 1 if x >= at, else 0."""
    return np.where(np.asarray(x) >= at, 1.0, 0.0)


def between(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """f(x) = 1 if low <= x <= high, else 0."""
    return np.where((np.asarray(x) >= low) & (np.asarray(x) <= high), 1.0, 0.0)


def decay(x: np.ndarray, rate: float) -> np.ndarray:
    """f(x) = exp(-rate x), and 1 for x < 0."""
    decayed: np.ndarray = np.exp(-rate * np.maximum(x, 0.0))
    return decayed


def values(x: np.ndarray, *pairs: float) -> np.ndarray:
    """f(x) = y_i where x = x_i, else 0; pairs x_1, y_1, x_2, y_2, ..."""
    found = np.zeros(np.shape(x))
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        found[np.asarray(x) == key] = value
    return found


TRANSFORMS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (clip, sigmoid, double_sigmoid, step, between, decay, values)
}
FORMS = (
    {  # how each is written, with words in capitals for its numbers
        name: "/".join([name, *(word.upper() for word in list(inspect.signature(function).parameters)[1:])])
        for name, function in TRANSFORMS.items()
    }
    | {"values": "values/X1/Y1/X2/Y2/..."}
)


@dataclass(frozen=True)
class Transform:
    """A transform with its numbers, as in `clip/0/5`."""

    name: str
    numbers: tuple[float, ...]

    def __str__(self) -> str:
        return "/".join([self.name, *(f"{number:.17g}" for number in self.numbers)])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """f(x), element by element."""
        return TRANSFORMS[self.name](x, *self.numbers)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value it can return."""
        if self.name == "clip":
            low, high = self.numbers
            return low, high
        if self.name == "values":
            return min(0.0, *self.numbers[1::2]), max(0.0, *self.numbers[1::2])
        return 0.0, 1.0


@dataclass(frozen=True)
class Term:
    """A term of a weighted sum: weight * f(component), f being the transform, or the identity.

    Attributes:
      kind: the component's name, `smarts` of `smarts(C=O)`.
      argument: what its parentheses hold, `C=O`; empty where it has none.
      transform: f, or None.
      weight: a factor, 1 by default.
    """

    kind: str
    argument: str = ""
    transform: Transform | None = None
    weight: float = 1.0

    @property
    def component(self) -> str:
        """The component with its argument, `smarts(C=O)`: its name in tables and columns."""
        return f"{self.kind}({self.argument})" if self.argument else self.kind

    def __str__(self) -> str:
        transform = "" if self.transform is None else f"@{self.transform}"
        weight = "" if self.weight == 1.0 else f":{self.weight:.17g}"
        return f"{self.component}{transform}{weight}"

    @classmethod
    def parse(cls, text: str) -> Term:
        """The term that a text means. Raises UserError if it is written wrongly."""
        match = _TERM.fullmatch(text)
        if match is None:
            raise UserError(f"reward '{text}': write name, name@transform/number or name(argument)")
        argument = (match["argument"] or "").strip()[1:-1]
        transform = None if match["transform"] is None else _transform(match["transform"], text.partition(":")[0])
        return cls(match["name"].strip(), argument, transform, _weight(match["weight"], text))


def parse(spec: str, names: Iterable[str]) -> tuple[Term, ...]:
    """The terms of a built-in name or a weighted sum, in the order given.

    Args: names: the components there are; one that takes an argument names it in parentheses, as `smarts(PATTERN)`.
    Raises UserError for unknown names and transforms, arguments missing or not wanted, a term given twice, bad weights.
    """
    forms, terms = {name.partition("(")[0]: name for name in names}, list[Term]()
    for part in _parts(spec):
        term = Term.parse(part)
        if term.kind not in forms:
            raise unknown_name("reward", term.kind, forms)
        if bool(term.argument) != ("(" in forms[term.kind]):
            instead = f", not {term.component}" if term.argument else ""
            raise UserError(f"reward '{spec}': write {forms[term.kind]}{instead}")
        if any(replace(term, weight=1.0) == replace(other, weight=1.0) for other in terms):
            raise UserError(f"reward '{spec}': {replace(term, weight=1.0)} is given twice; give it one weight")
        terms.append(term)
    return tuple(terms)


def weighted_sum(terms: Iterable[Term], components: Mapping[str, np.ndarray], counts: np.ndarray) -> np.ndarray:
    """sum_k w_k f_k(x_k), float32 [N, T], of components x_k [N, T] by name.

    Args: terms: each with its component's name, weight w_k and transform f_k, if any; counts, bool [N, T]: which tokens
    count. The others earn 0 even where f_k(0) is not.
    """
    total = np.zeros(counts.shape, np.float32)
    for term in terms:
        total += _weighted(term, components, counts)
    return total


def shares(
    terms: Iterable[Term], components: Mapping[str, np.ndarray], counts: np.ndarray
) -> dict[str, np.ndarray]:  # fmt: skip
    """What each component adds to `weighted_sum`, float32 [N, T] by its name."""
    found: dict[str, np.ndarray] = {}
    for term in terms:
        added = _weighted(term, components, counts).astype(np.float32)
        found[term.component] = found[term.component] + added if term.component in found else added
    return found


def _weighted(term: Term, components: Mapping[str, np.ndarray], counts: np.ndarray) -> np.ndarray:
    values = components[term.component]
    if term.transform is not None:
        values = np.where(counts, term.transform(values), 0.0)
    return np.float32(term.weight) * values


def _weight(text: str | None, term: str) -> float:
    if text is None:
        return 1.0
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= HEAVIEST:  # nor is it nan
        name = term[: len(term) - len(text) - 1].strip()
        raise UserError(
            f"reward '{term.strip()}': the weight of {name} is '{text.strip()}'; give a number, as in {name}:2"
        )
    return weight


def _transform(text: str, term: str) -> Transform:
    name, *numbers = (piece.strip() for piece in text.split("/"))
    if name not in TRANSFORMS:
        raise unknown_name("transform", name, TRANSFORMS, f"reward '{term}'")
    form = FORMS[name]
    try:
        found = tuple(float(number) for number in numbers)
    except ValueError:
        found = ()
    fits = len(found) == form.count("/") if name != "values" else len(found) >= 2 and len(found) % 2 == 0
    if not fits or not all(map(math.isfinite, found)):
        raise UserError(f"reward '{term}': write {form}, with a number for each word in capitals")
    if wrong := _wrong(name, found):
        raise UserError(f"reward '{term}': in {form} {wrong}")
    return Transform(name, found)


def _wrong(name: str, numbers: tuple[float, ...]) -> str:
    """What is wrong with the numbers of a transform, in words; "" if nothing is."""
    if name == "sigmoid" and numbers[0] == numbers[1]:
        return "LOW must be another than HIGH"
    if name in ("clip", "double_sigmoid", "between") and numbers[0] >= numbers[1]:
        return "LOW must be below HIGH"
    if name in ("double_sigmoid", "decay") and min(numbers[2:] or numbers) <= 0:
        return "RISE and FALL must be above 0" if name == "double_sigmoid" else "RATE must be above 0"
    if name == "values" and len(set(numbers[::2])) < len(numbers) // 2:
        return "each X may be there once"
    return ""


def _parts(spec: str) -> list[str]:
    """The parts between commas that are in no parenthesis. Raises UserError if one is not closed."""
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
