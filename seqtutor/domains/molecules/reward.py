"""The reward of whole molecules: a weighted sum of scores of properties, on the last token.

A valid molecule gets sum_k w_k f_k. Without a transform (see seqtutor.domains.reward_terms) f_k in [0, 1] is (SCORES):

| name | f |
|---|---|
| `valid` | 1 |
| `qed` | QED as it is |
| `logp` | 1 from 1 to 3, falling in straight lines to 0 at -1 and at 5 |
| `sa` | (10 - SA) / 9 |
| `ring_penalty` | 1 / (1 + atoms above 6 in the largest ring) |
| `penalised_logp` | 1 / (1 + exp(-x / 2)) |

logP: Lipinski's rule of five ends at 5 (1997), and 1 to 3 is where Waring (2010) finds good drugs. The
logistic keeps rewarding a better penalised logP, for which no best value is known.

and for the components of `components` the value as it is, up to the most that counts. A transform takes the value
as it is, and its own bounds in place of these.

`geometric(TERMS)` is a weighted geometric mean, prod_j max(f_j, 1e-8)^(w_j / sum w), of terms with w > 0 and f_j >= 0.

An invalid molecule gets -sum_k max(|w_k|, -min w_k f_k), the minimum being over the bounds of f_k; so that it is
worse than any valid one whatever the weights. Where all f_k are in [0, 1] this is -sum_k |w_k|. A `task` is left out of
this sum: its benchmarks give an invalid molecule 0. A sequence cut at the
length limit, before its end token, is not a molecule and counts as invalid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from seqtutor.domains.molecules.components import COMPONENTS, ScaffoldMemory, check
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import Molecule, columns
from seqtutor.domains.molecules.published_reward import published_reward
from seqtutor.domains.reward_terms import Term, parse
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, unknown_name
from seqtutor.system.progress import LOG

SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "valid": np.ones_like,
    "qed": lambda x: x,
    "logp": lambda x: np.interp(x, [-1.0, 1.0, 3.0, 5.0], [0.0, 1.0, 1.0, 0.0]),
    "sa": lambda x: (10.0 - x) / 9.0,
    "ring_penalty": lambda x: 1.0 / (1.0 - x),
    "penalised_logp": lambda x: 0.5 + 0.5 * np.tanh(x / 4.0),  # the logistic of x / 2, without overflow
}

# The reward `molecule`: 0 to 10 for a valid molecule (MOSES has a mean near 8.5), -10 for an invalid one. QED weighs
# half, for it is what the others serve; the weights sum to 10 so that with c = 1 reward and KL are of one size.
MOLECULE = {"qed": 5.0, "sa": 2.0, "logp": 2.0, "ring_penalty": 1.0}

SEEN = "scaffold_seen"  # the one component that depends on what was scored before
PRESETS = ("molecule", "published")
NAMED = 5  # molecules named, of those that could not be examined
GEOMETRIC = "geometric"  # the mean of other terms
LEAST = 1e-8  # of a factor of it, as in REINVENT, so that one that is 0 does not hide the others
_ARGUMENTS = {name: component.argument for name, component in COMPONENTS.items()} | {GEOMETRIC: "TERMS"}
_KINDS = (*PRESETS, *SCORES, *COMPONENTS, GEOMETRIC)
REWARD_NAMES = tuple(f"{kind}({_ARGUMENTS[kind]})" if _ARGUMENTS.get(kind) else kind for kind in _KINDS)

Decode = Callable[[Sequence[int] | np.ndarray], str]


class Part(NamedTuple):
    """A term of the sum: the component it takes, its weight, the score f it gives the value, and the bounds of f.

    A mean takes the components of its `factors`; f gets their scores, in rows.
    """

    component: str
    weight: float
    score: Callable[[np.ndarray], np.ndarray]
    low: float = 0.0
    high: float = 1.0
    forfeited: bool = True
    factors: tuple[Part, ...] = ()

    @property
    def components(self) -> list[str]:
        """The components that it takes."""
        return [factor.component for factor in self.factors] or [self.component]

    def of(self, raw: Mapping[str, np.ndarray]) -> np.ndarray:
        """f of the components' values [N] by name."""
        if self.factors:
            return self.score(np.array([factor.of(raw) for factor in self.factors]))
        return self.score(raw[self.component])

    @property
    def forfeit(self) -> float:
        """What an invalid molecule loses by this term: |w|, or more where w f could be less than -|w|; or nothing."""
        if not self.forfeited:
            return 0.0
        return max(abs(self.weight), -self.weight * self.low, -self.weight * self.high)


def parts_of(terms: Sequence[Term]) -> list[Part]:
    """The parts of a sum: every score with its weight, that of `molecule` included; then the others as they come.

    Raises UserError for unknown names, a preset with a transform, and an argument that RDKit cannot read.
    """
    plain = {term.kind: term.weight for term in terms if term.transform is None}
    molecule = plain.get("molecule", 0.0)
    parts = [Part(name, plain.get(name, 0.0) + molecule * MOLECULE.get(name, 0.0), SCORES[name]) for name in SCORES]
    for term in terms:
        name, transform = term.component, term.transform
        if term.kind not in _KINDS:
            raise unknown_name("reward", term.kind, _KINDS)
        if term.kind in PRESETS and transform is not None:
            raise UserError(f"reward '{name}' is a sum: transform its components, as in logp@{transform.name}")
        if term.kind in COMPONENTS and COMPONENTS[term.kind].argument:
            check(name)
        if term.kind == GEOMETRIC:
            parts.append(_geometric(term))
            continue
        forfeited = term.kind not in COMPONENTS or COMPONENTS[term.kind].forfeited
        if transform is not None:
            parts.append(Part(name, term.weight, transform, *transform.bounds, forfeited))
        elif term.kind in COMPONENTS:
            most = COMPONENTS[term.kind].most
            if math.isinf(most):
                raise UserError(f"reward '{name}' has no bounds: give it a transform, as in '{name}@clip/0/1'")
            parts.append(Part(name, term.weight, partial(np.minimum, most), 0.0, most, forfeited))
    return parts


def _geometric(term: Term) -> Part:
    """The weighted geometric mean of the terms in the parentheses. Raises UserError as `parts_of`."""
    inside = parse(term.argument, REWARD_NAMES)
    factors = tuple(part for part in parts_of(inside) if part.weight != 0)
    refused = any(of.kind in (GEOMETRIC, "published") for of in inside) or not factors
    if term.transform is not None or refused or any(part.low < 0 or part.weight < 0 for part in factors):
        raise UserError(
            f"reward '{term.component}': a geometric mean has no transform, and takes terms that are 0 or more with "
            "weights above 0, but not another mean or 'published'"
        )
    shares = np.array([part.weight for part in factors]) / sum(part.weight for part in factors)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.exp(shares @ np.log(np.maximum(values, LEAST)))

    high = float(mean(np.array([part.high for part in factors])))
    return Part(term.component, term.weight, mean, 0.0, high, factors=factors)


def molecules_of(
    tokens: np.ndarray,
    lengths: np.ndarray,
    decode: Decode,
    end: int,
    pool: Pool,
    extra: tuple[str, ...] = (),
    measured: bool = True,
) -> Callable[[], list[Molecule]]:
    """Begins to examine sequences: tokens int32 [N, T], lengths int32 [N]; what is returned waits for the molecules.

    Args: extra, measured: as of `Pool.submit`.

    A sequence without its end token is not valid.
    """
    rows = [row[:length] for row, length in zip(tokens, lengths, strict=True)]
    ended = [row.size > 0 and row[-1] == end for row in rows]
    pending = pool.submit((decode(row) for row, whole in zip(rows, ended, strict=True) if whole), extra, measured)

    def result() -> list[Molecule]:
        found = iter(pending.result())
        return [next(found) if whole else Molecule(False, reason="cut at the length limit") for whole in ended]

    return result


class MoleculeReward(Reward):
    """Weighted sum of rewards: terms of components as in SCORES and COMPONENTS, and of PRESETS.

    The components it reports are the values as they are, not mapped: `valid` 0 or 1, `logp` in log units,
    `sa` 1 to 10, `qed` 0 to 1, `ring_penalty` 0 or below, and those of COMPONENTS that have a weight; all 0 for an
    invalid molecule. They are on the last token, with 0 on every other. `published`, where it has a weight, is
    reported token by token.
    """

    def __init__(self, terms: Sequence[Term], decode: Decode, vocabulary: Vocabulary, pool: Pool):
        """Args: terms; decode, the text of token ids; vocabulary, with an end token; pool, examines molecules.

        Raises UserError as `parts_of` does.
        """
        self._parts = parts_of(terms)
        taken = (name for part in self._parts for name in part.components)
        self._extra = tuple(dict.fromkeys(name for name in taken if name not in SCORES))
        self._published = sum(term.weight for term in terms if term.kind == "published")
        self.on_last_token = not self._published
        self.has_history = SEEN in self._extra
        self._memory = ScaffoldMemory() if self.has_history else None
        assert vocabulary.end is not None
        self._decode, self._end, self._pool = decode, vocabulary.end, pool
        self.names = (*SCORES, *self._extra, *(["published"] if self._published else []))

    def most(self, length: int) -> float | None:
        """The sum of the greatest w_k f_k; None with `published`, whose parts have no bounds."""
        if self._published:
            return None
        return sum(max(part.weight * part.low, part.weight * part.high) for part in self._parts)

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N], float32 [N, T]."""
        return self.start(tokens, lengths)()

    def start(self, tokens: np.ndarray, lengths: np.ndarray) -> Callable[[], Rewards]:
        """As a call, but returns as soon as the worker processes have the molecules."""
        pending = molecules_of(tokens, lengths, self._decode, self._end, self._pool, self._extra)
        return lambda: self._rewards(tokens, lengths, pending())

    def _rewards(self, tokens: np.ndarray, lengths: np.ndarray, molecules: list[Molecule]) -> Rewards:
        valid = np.array([molecule.valid for molecule in molecules], bool)
        raw = {"valid": valid.astype(np.float64), **columns(molecules), **self._extra_columns(molecules)}
        score = sum(part.weight * part.of(raw) for part in self._parts)
        worst = -sum(part.forfeit for part in self._parts)

        def on_last(values: np.ndarray) -> np.ndarray:
            placed = np.zeros(tokens.shape)
            placed[np.arange(len(tokens)), lengths - 1] = values
            return placed

        total = on_last(np.where(valid, score, worst))
        components = {name: on_last(np.where(valid, raw[name], 0.0)) for name in (*SCORES, *self._extra)}
        if self._published:
            components["published"] = published_reward(tokens, lengths, molecules, self._decode, self._pool)
            total += self._published * components["published"]
        return Rewards(total.astype(np.float32), {name: x.astype(np.float32) for name, x in components.items()})

    def _extra_columns(self, molecules: list[Molecule]) -> dict[str, np.ndarray]:
        """Components by name, float64 [N] each; nan where a molecule is not valid."""
        found = [dict(molecule.extra) for molecule in molecules]
        values = {name: [of.get(name) for of in found] for name in self._extra}
        seen = {}
        if self._memory is not None:
            seen[SEEN] = self._memory.seen(None if name is None else str(name) for name in values.pop(SEEN))
        return {name: np.array(column, np.float64) for name, column in values.items()} | seen

    def state(self) -> dict[str, np.ndarray]:
        """The scaffolds seen, where `scaffold_seen` has a weight."""
        return {} if self._memory is None else self._memory.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        if self._memory is not None:
            self._memory.restore(state)

    def close(self) -> None:
        """Ends the pool's worker processes; they start again when next needed. Says what they could not examine."""
        for reason, smiles in self._pool.failures.items():
            more = f" and {len(smiles) - NAMED} more" if len(smiles) > NAMED else ""
            named = ", ".join(text[:100] for text in smiles[:NAMED])
            LOG.warning(f"counted as invalid, since RDKit {reason}: {named}{more}")
        self._pool.failures.clear()
        self._pool.close()
