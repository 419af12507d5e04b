"""The scoring of a config of REINVENT 4 as a reward of ours; see the table in docs/rewards.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqtutor.domains.reward_terms import Term, Transform

_GEOMETRIC, _ARITHMETIC = ("geometric_mean", "custom_product"), ("arithmetic_mean", "custom_sum")
_COMPONENTS = {  # ours by theirs, as REINVENT compares names: in small letters, without - and _
    "qed": "qed", "slogp": "logp", "tpsa": "tpsa", "molecularweight": "weight", "hbondacceptors": "acceptors",
    "hbonddonors": "donors", "numrotbond": "rotatable", "numrings": "rings", "sascore": "sa",
}  # fmt: skip
_DESCRIPTORS = {
    "csp3": "FractionCSP3", "numheavyatoms": "HeavyAtomCount", "numheteroatoms": "NumHeteroatoms",
    "numaromaticrings": "NumAromaticRings", "numaliphaticrings": "NumAliphaticRings",
    "numatomstereocenters": "NumAtomStereoCenters",
}  # fmt: skip
_SHARES = ("qed", "similar")  # they are 0 to 1 as they are
_HALF = math.log(19.0) / math.log(10.0) / 10  # from the middle to 0.95, by (high - low) / k
_LEAST = -1e9  # below every value


@dataclass(frozen=True)
class Score:
    """A reward as text, and what of the scoring it does not have, a line each."""

    reward: str
    notes: list[str]


def score_of(scoring: Mapping[str, Any]) -> Score:
    """The reward of a section `scoring`. Raises KeyError, TypeError or ValueError where it is not one."""
    kind = str(scoring["type"])
    if kind not in _GEOMETRIC + _ARITHMETIC:
        raise ValueError(f"scoring.type is {kind}, not one of {', '.join(_GEOMETRIC + _ARITHMETIC)}")
    averaged, added, notes = list[Term](), list[Term](), list[str]()
    for entry in scoring["component"]:
        for name, component in entry.items():
            for endpoint in component["endpoint"]:
                whole = {**endpoint, "params": {**component.get("params", {}), **endpoint.get("params", {})}}
                _convert(str(name), whole, averaged, added, notes)
    averaged = _merged(averaged)
    total = sum(term.weight for term in averaged)
    if not averaged:
        raise ValueError("no component of its scoring has a counterpart")
    if kind in _ARITHMETIC:
        averaged = [replace(term, weight=_rounded(term.weight / total)) for term in averaged]
        return Score(",".join(map(str, averaged + _merged(added))), notes)
    mean = f"geometric({','.join(map(str, averaged))})" if len(averaged) > 1 else str(replace(averaged[0], weight=1.0))
    return Score(",".join([mean, *map(str, _merged(added))]), notes)


def _convert(name: str, endpoint: Mapping[str, Any], averaged: list[Term], added: list[Term], notes: list[str]) -> None:
    """Adds the terms of an endpoint to those that are averaged, or to those beside the mean, or a line to the notes."""
    label = f"component {name}" + (f" ({endpoint['name']})" if endpoint.get("name", name) != name else "")
    short = name.lower().replace("-", "").replace("_", "")
    weight, params = float(endpoint.get("weight", 1.0)), endpoint["params"]
    if weight == 0:
        notes.append(f"{label}: left out, for its weight is 0")
    elif short == "customalerts":
        added += [Term("smarts", str(pattern), None, -1.0) for pattern in params["smarts"]]
        notes.append(f"{label}: there a match makes the score 0, here each takes 1 off")
    elif short == "matchingsubstructure":
        patterns = params["smarts"] if isinstance(params["smarts"], list) else [params["smarts"]]
        any_of = str(patterns[0]) if len(patterns) == 1 else f"[{','.join(f'$({pattern})' for pattern in patterns)}]"
        added.append(Term("smarts", any_of, Transform("values", (0.0, 1.0)), -0.5))
        notes.append(f"{label}: there the score is halved without a match, here 0.5 is taken off")
    elif (kind := _kind(short, params)) is None:
        notes.append(f"{label}: no counterpart; write a function of your own")
    else:
        transform = _transform(endpoint.get("transform"), kind[0], label, notes)
        if transform is not _NO_COUNTERPART:
            averaged.append(Term(*kind, transform, weight))
        if kind[0] == "similar":
            notes.append(f"{label}: by Morgan fingerprints of radius 2 as bits, whatever its params say")


def _kind(name: str, params: Mapping[str, Any]) -> tuple[str, str] | None:
    """The name and argument of our component; None where there is none."""
    if name in _COMPONENTS:
        return _COMPONENTS[name], ""
    if name in _DESCRIPTORS:
        return "descriptor", _DESCRIPTORS[name]
    if name == "rdkitdescriptors":
        return "descriptor", _descriptor(str(params["descriptor"]))
    if name == "groupcount":
        return "count", str(params["smarts"])
    if name in ("tanimotosimilarity", "tanimotodistance"):
        return "similar", ",".join(map(str, params["smiles"]))
    return None


def _descriptor(name: str) -> str:
    """RDKit's own spelling of a descriptor. Raises ValueError if it has none of the name."""
    from rdkit.Chem import Descriptors

    for known, _ in Descriptors.descList:
        if known.lower() == name.lower():
            return known
    raise ValueError(f"RDKit has no descriptor {name}")


_NO_COUNTERPART = Transform("", ())


def _transform(section: Mapping[str, Any] | None, kind: str, label: str, notes: list[str]) -> Transform | None:
    """Our transform; None for a value that is a score already; _NO_COUNTERPART, with a line in the notes."""
    if section is None:
        if kind not in _SHARES:
            notes.append(f"{label}: has no transform; its value is cut to 0 to 1")
        return None if kind in _SHARES else Transform("clip", (0.0, 1.0))
    name = str(section["type"]).lower().replace("-", "").replace("_", "")
    number = {key: float(value) for key, value in section.items() if key not in ("type", "mapping")}
    if name in ("sigmoid", "reversesigmoid"):
        middle = (number["low"] + number["high"]) / 2
        half = _HALF * (number["high"] - number["low"]) / number["k"] * (1 if name == "sigmoid" else -1)
        return Transform("sigmoid", (_rounded(middle - half), _rounded(middle + half)))
    if name == "doublesigmoid":
        rise, fall = (_rounded(number[side] / number["coef_div"]) for side in ("coef_si", "coef_se"))
        return Transform("double_sigmoid", (number["low"], number["high"], rise, fall))
    if name == "step":
        return Transform("between", (number["low"], number["high"]))
    if name == "rightstep":
        return Transform("step", (number["high"],))
    if name == "leftstep":
        return Transform("between", (_LEAST, number["low"]))
    if name == "exponentialdecay":
        return Transform("decay", (number["k"],))
    if name == "valuemapping":
        pairs = [(float(key), float(value)) for key, value in section["mapping"].items()]
        notes.append(f"{label}: a value that is not in its mapping earns 0")
        return Transform("values", tuple(number for pair in pairs for number in pair))
    notes.append(f"{label}: its transform {section['type']} has no counterpart, so it is left out")
    return _NO_COUNTERPART


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Each term once, with the sum of its weights."""
    weights: dict[Term, float] = {}
    for term in terms:
        key = replace(term, weight=1.0)
        weights[key] = weights.get(key, 0.0) + term.weight
    return [replace(term, weight=weight) for term, weight in weights.items()]


def _rounded(number: float) -> float:
    return float(f"{number:.9g}")
